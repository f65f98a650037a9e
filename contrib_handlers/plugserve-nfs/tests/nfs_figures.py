"""What it costs: calls a second of one caller who waits for each reply, megabytes a second, and finding things again.

    python nfs_figures.py [--engine NAME] [--files N]

The server is a process of its own, and its time on the processor is told beside the time that passed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nfs_caller import Local, Mounted, mounted, worth

from plugserve_sunrpc.protocols import nfs3 as x

TICK = os.sysconf("SC_CLK_TCK")


def spent(process: int) -> float:
    """Seconds that a process has had, with its children that have ended (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICK


def measure(name: str, process: int, times: int, call: Callable[[], object], size: int = 0) -> None:
    """Call something, and print what it took."""
    call()
    began, had = time.perf_counter(), spent(process)
    for _ in range(times):
        call()
    took, used = time.perf_counter() - began, spent(process) - had
    rate = f"{size * times / took / 1e6:8.0f} MB/s" if size else f"{times / took:8.0f} /s   "
    print(f"{name:28}{rate}   server {used / times * 1e6:6.0f} us a call")


def calls(client: Mounted, process: int) -> None:
    """The procedures that clients call most."""
    nfs, folder = client.nfs, client.handle("a/b")
    file = client.handle("a/b/file")
    where = x.diropargs3(folder, b"file")
    measure("NULL", process, 5000, nfs.nfsproc3_null)
    measure("GETATTR, 3 folders deep", process, 3000, lambda: nfs.nfsproc3_getattr(x.GETATTR3args(file)))
    measure("LOOKUP", process, 3000, lambda: nfs.nfsproc3_lookup(x.LOOKUP3args(where)))
    measure("READ 4 KiB", process, 3000, lambda: nfs.nfsproc3_read(x.READ3args(file, 0, 4096)))
    many = client.handle("many")
    measure("READDIRPLUS, 1,000 entries", process, 30, lambda: list(client.entries_plus(many, 1 << 20)))
    most = worth(nfs.nfsproc3_fsinfo(x.FSINFO3args(client.root)))
    measure(
        f"READ {most.rtmax >> 10} KiB",
        process,
        200,
        lambda: worth(nfs.nfsproc3_read(x.READ3args(file, 0, most.rtmax))),
        most.rtmax,
    )
    data = bytes(most.wtmax)
    measure(
        f"WRITE {most.wtmax >> 10} KiB, unstable", process, 200, lambda: worth(client.write(file, data)), most.wtmax
    )


def finding(root: Path, files: int) -> None:
    """How long a server that has just been started takes to find an object by its handle."""
    draw = random.Random(1)
    folders = [root]
    for number in range(files // 25):
        folder = draw.choice(folders) / f"f{number}"
        folder.mkdir()
        folders.append(folder)
        for file in range(24):
            (folder / f"{file}").touch()
    client = Local(root).mounted()
    paths = [path for path in root.rglob("*") if path.is_file()]
    handles = [client.handle(str(path.relative_to(root))) for path in draw.sample(paths, 200)]
    took = []
    for handle in handles:
        again = Local(root).mounted()
        began = time.perf_counter()
        again.getattr(handle)
        took.append(time.perf_counter() - began)
    took.sort()
    print(f"after a restart, {len(paths)} files: median {took[100] * 1e6:.0f} us, worst of 200 {took[-1] * 1e6:.0f} us")
    moved = root / "moved"
    moved.mkdir()
    handle = client.handle(str(paths[-1].relative_to(root)))
    paths[-1].rename(moved / "here")
    began = time.perf_counter()
    Local(root).mounted().getattr(handle)
    print(f"the same, moved to another folder: {(time.perf_counter() - began) * 1e3:.1f} ms")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", default="multiplexing")
    parser.add_argument("--files", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        root = Path(base) / "export"
        (root / "a" / "b").mkdir(parents=True)
        (root / "many").mkdir()
        for number in range(1000):
            (root / "many" / f"{number}").touch()
        (root / "a" / "b" / "file").write_bytes(bytes(1 << 20))
        serve = (
            "import sys; sys.path.insert(0, sys.argv[1]); from nfs_caller import *\n"
            "with serving(sys.argv[2], Path(sys.argv[3]), writable=True, squash='none') as address:\n"
            "    print(address, flush=True); sys.stdin.read()\n"
        )
        here = str(Path(__file__).parent)
        with subprocess.Popen(
            [sys.executable, "-c", serve, here, asked.engine, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            with mounted(server.stdout.readline().strip()) as client:
                calls(client, server.pid)
            server.communicate()
        (Path(base) / "tree").mkdir()
        finding(Path(base) / "tree", asked.files)


if __name__ == "__main__":
    main()
