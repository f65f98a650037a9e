"""libnfs-utils and nfs-common of Debian, and the client of nfs-rs."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
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


def test_nfs_rs_does_all_that_it_can(public: Path) -> None:
    """A client in Rust: exports, folders, large files in pieces that are written at once, names, links, attributes."""
    if importlib.util.find_spec("nfs_rs") is None:
        if os.environ.get("CI") == "true" and platform.machine() == "x86_64":
            pytest.fail("nfs-rs is not installed: pip install nfs-rs")
        pytest.skip("nfs-rs is not installed: pip install nfs-rs")
    from nfs_rs import Client, list_exports

    large = os.urandom(5_000_000)
    with serving("multiplexing", public, writable=True, squash="none") as address:
        port = address.rpartition(":")[2]
        url = f"nfs://127.0.0.1/?version=3&nfsport={port}&mountport={port}&noresvport=true"
        assert [(export.path, export.groups) for export in list_exports(url)] == [("/", ())]
        with Client.connect(url, uid=os.geteuid(), gid=os.getegid()) as client:
            assert sorted(client.listdir("folder")) == ["deep", "file.txt"]
            assert sorted(entry.name for entry in client.scandir("")) == sorted(os.listdir(public))
            client.mkdir("new/below", parents=True, mode=0o750)
            with client.open("new/large", "wb") as file:
                file.write(large)
            with client.open("new/large", "rb") as file:
                assert file.read() == large
            client.rename("new/large", "new/below/moved")
            client.link("new/below/moved", "hard")
            client.symlink("new/below", "soft")
            assert client.readlink("soft") == "new/below"
            client.truncate("hard", 10)
            client.chmod("hard", 0o640)
            client.utime("hard", ns=(1_000_000_005, 2_000_000_006))
            about = client.stat("new/below/moved")
            assert (about.size, about.mode & 0o777, about.nlink, about.mtime) == (10, 0o640, 2, 2_000_000_006)
            assert (public / "hard").read_bytes() == large[:10]
            for name in ("hard", "soft", "new/below/moved"):
                client.unlink(name)
            for name in ("new/below", "new"):
                client.rmdir(name)
            assert not client.exists("new")
            with pytest.raises(OSError, match="not empty"):
                client.rmdir("folder")
            assert client.fs_stat().total_bytes > 0
    assert sorted(os.listdir(public)) == ["away", "folder", "hallo.txt", "link", "out"]


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
