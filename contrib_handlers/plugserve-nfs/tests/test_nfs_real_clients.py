"""libnfs-utils and nfs-common of Debian."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nfs_caller import serving

HERE = Path(__file__).parent
SET_UP = "mount -t tmpfs none /run && ip link set lo up"


def run(*command: str) -> str:
    """What a command says; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_namespace(script: str, folder: Path, commands: list[list[str]]) -> list[tuple[int, str]]:
    """Run commands beside an rpcbind and a server of a folder; skips where there are no namespaces."""
    unshare = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c"]
    tried = subprocess.run([*unshare, script], capture_output=True, text=True, timeout=20, check=False)
    if tried.returncode:
        pytest.skip(f"this system gives us no network of our own: {tried.stderr.strip()}")
    done = subprocess.run(
        [*unshare, f'{script} && exec "$0" "$1" "$2"', sys.executable, str(HERE / "nfs_namespace.py"), str(folder)],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(status, said) for status, said in json.loads(done.stdout)]


@pytest.mark.parametrize("engine", ["threading", "multiplexing"])
def test_libnfs_lists_and_copies(engine: str, public: Path, tmp_path: Path, program: Callable[[str], str]) -> None:
    """`nfs-ls` sees what is there, `nfs-cat` and `nfs-cp` bring it, and `nfs-cp` takes something there."""
    ls, cat, cp = program("nfs-ls"), program("nfs-cat"), program("nfs-cp")
    large = os.urandom(3_000_000)
    (public / "folder" / "large").write_bytes(large)
    with serving(engine, public, writable=True, squash="none") as address:
        port = address.rpartition(":")[2]

        def at(path: str) -> str:
            return f"nfs://127.0.0.1{path}?nfsport={port}&mountport={port}"

        listed = run(ls, "-R", at("/"))
        assert {line.split()[-1] for line in listed.splitlines()} == {
            *("folder", "folder/deep", "folder/deep/well", "folder/file.txt", "folder/large"),
            *("hallo.txt", "link", "out", "away"),
        }
        # Two slashes: libnfs 4 takes a path with one for no path at all.
        assert run(cat, at("//hallo.txt")) == "0123456789abcdef"
        run(cp, at("/folder/large"), str(tmp_path / "copy"))
        assert (tmp_path / "copy").read_bytes() == large
        run(cp, str(tmp_path / "copy"), at("/folder/deep/again"))
        assert (public / "folder" / "deep" / "again").read_bytes() == large
        # A folder below may be mounted by itself.
        assert run(ls, at("/folder/deep/")).split()[-1] in ("well", "again")


def test_clients_find_the_server_by_rpcbind(public: Path, program: Callable[[str], str]) -> None:
    """`showmount -e` shows the export over UDP and TCP, `rpcinfo` finds both programs, and libnfs needs no ports."""
    for name in ("unshare", "ip", "showmount", "rpcinfo", "nfs-cat"):
        program(name)
    exports, programs, called, read = in_namespace(
        SET_UP,
        public,
        [
            ["showmount", "-e", "127.0.0.1"],
            ["rpcinfo", "-p", "127.0.0.1"],
            ["rpcinfo", "-u", "127.0.0.1", "100003", "3"],
            ["nfs-cat", "nfs://127.0.0.1/folder/file.txt"],
        ],
    )
    assert exports[0] == 0, exports
    assert exports[1].splitlines()[1].split() == ["/", "(everyone)"], exports
    rows = {tuple(line.split()[:3]) for line in programs[1].splitlines()}
    assert rows >= {(number, "3", protocol) for number in ("100003", "100005") for protocol in ("tcp", "udp")}
    assert "ready and waiting" in called[1]
    assert read == (0, "in a folder")


def test_the_kernel_mounts_it(public: Path, program: Callable[[str], str]) -> None:
    """Where the kernel has a client of NFS: a mount, a listing, a file read and one written."""
    program("unshare")
    if "\tnfs\n" not in Path("/proc/filesystems").read_text("ascii"):
        pytest.skip("this kernel has no client of NFS")
    script = (
        "mkdir /run/there && mount -t nfs -o nolock,vers=3,tcp,sec=sys 127.0.0.1:/ /run/there && cd /run/there && "
        "cat folder/file.txt && echo new > folder/new && mv folder/new moved && cat moved && ls folder && "
        "ln -s moved made && readlink made && mkdir d && touch d/1 d/2 d/3 && rm -r d && cd / && umount /run/there"
    )
    ((status, said),) = in_namespace(SET_UP, public, [["sh", "-c", script]])
    assert (status, said) == (0, "in a foldernew\ndeep\nfile.txt\nmoved\n")
    assert (public / "moved").read_bytes() == b"new\n"
