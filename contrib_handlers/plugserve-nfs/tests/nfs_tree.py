"""Copies a tree out of a server and into it, over real sockets, and compares: 10,000 files unless a number is given.

    python nfs_tree.py [--files N] [--engine NAME] [--udp] [--libnfs]

Prints what it took. `--libnfs` copies a hundred of the files with nfs-cp, too, one process each.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from nfs_caller import Mounted, attributes, mounted, serving, worth

from plugserve_sunrpc.protocols import nfs3 as x

__all__ = ["compare", "copy_in", "copy_out", "make"]


def make(root: Path, files: int, *, seed: int = 1) -> None:
    """A tree with files of many sizes and modes, symlinks, hard links, empty folders and names of all kinds."""
    draw = random.Random(seed)
    folders = [root]
    for number in range(files):
        if number % 25 == 0:
            folder = draw.choice(folders) / f"folder {number} \u00fc"
            if len(folder.parts) > 40:
                folder = root / f"folder {number}"
            folder.mkdir()
            folders.append(folder)
        path = draw.choice(folders) / draw.choice([f"{number}.txt", f".{number}", f"{number} a b", f"{number}\udcff"])
        kind = draw.random()
        if kind < 0.9:
            path.write_bytes(draw.randbytes(draw.choice([0, 1, 100, 4096, draw.randrange(40_000)])))
            path.chmod(draw.choice([0o644, 0o600, 0o755, 0o444]))
            os.utime(path, ns=(draw.randrange(1 << 60), draw.randrange(1 << 60)))
        elif kind < 0.97:
            path.symlink_to(draw.choice(["nowhere", "../..", "/etc/passwd", f"{number - 1}.txt"]))
        else:
            path.mkdir()
    (root / "large").write_bytes(draw.randbytes(5_000_000))
    os.link(root / "large", folders[-1] / "also large")


def copy_out(client: Mounted, there: x.nfs_fh3, here: Path) -> int:
    """From the server. Returns: how many objects."""
    count = 0
    for entry in client.entries_plus(there):
        if entry.name in (b".", b".."):
            continue
        count += 1
        path = os.fsencode(here) + b"/" + entry.name
        handle = entry.name_handle
        about = entry.name_attributes
        if about.type == x.ftype3.NF3DIR:
            os.mkdir(path)
            count += copy_out(client, handle, Path(os.fsdecode(path)))
        elif about.type == x.ftype3.NF3LNK:
            os.symlink(client.readlink(handle), path)
            continue
        else:
            Path(os.fsdecode(path)).write_bytes(client.read(handle) if about.size else b"")
        os.chmod(path, about.mode)
        os.utime(path, ns=(_nanoseconds(about.atime), _nanoseconds(about.mtime)))
    return count


def copy_in(client: Mounted, here: Path, there: x.nfs_fh3) -> int:
    """To the server. Returns: how many objects."""
    count = 0
    piece = worth(client.nfs.nfsproc3_fsinfo(x.FSINFO3args(client.root))).wtpref
    with os.scandir(os.fsencode(here)) as entries:
        listed = list(entries)
    for found in listed:
        count += 1
        status = found.stat(follow_symlinks=False)
        if found.is_symlink():
            worth(client.symlink(there, found.name, os.readlink(found.path)))
            continue
        mode, times = status.st_mode & 0o7777, (status.st_atime_ns, status.st_mtime_ns)
        if found.is_dir():
            made = worth(client.mkdir(there, found.name, attributes(mode=mode))).obj
            count += copy_in(client, Path(os.fsdecode(found.path)), made)
            worth(client.setattr(made, attributes(times=times)))
            continue
        made = worth(client.create(there, found.name, attributes(mode=mode))).obj
        data = Path(os.fsdecode(found.path)).read_bytes()
        for offset in range(0, len(data), piece):
            part = data[offset : offset + piece]
            if worth(client.write(made, part, offset)).count != len(part):
                raise OSError("a short write")
        if data:
            worth(client.commit(made))
        worth(client.setattr(made, attributes(times=times)))
    return count


def compare(one: Path, other: Path) -> list[str]:
    """What differs between two trees: names, kinds, contents, modes and times."""
    wrong = []
    listed = [sorted(os.listdir(one)), sorted(os.listdir(other))]
    if listed[0] != listed[1]:
        return [f"{other}: {set(listed[0]) ^ set(listed[1])!r}"]
    for name in listed[0]:
        left, right = one / name, other / name
        first, second = left.lstat(), right.lstat()
        if left.is_symlink():
            if os.readlink(left) != os.readlink(right):
                wrong.append(f"{right}: leads elsewhere")
            continue
        if (first.st_mode, first.st_mtime_ns) != (second.st_mode, second.st_mtime_ns):
            wrong.append(f"{right}: mode {second.st_mode:o} and time {second.st_mtime_ns}")
        if left.is_dir():
            wrong += compare(left, right)
        elif left.read_bytes() != right.read_bytes():
            wrong.append(f"{right}: other contents")
    return wrong


def _nanoseconds(when: x.nfstime3) -> int:
    return when.seconds * 1_000_000_000 + when.nseconds


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--engine", default="multiplexing")
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--libnfs", action="store_true")
    parser.add_argument("--no-sync", action="store_true")
    asked = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="nfs-tree-"))
    try:
        root, out = base / "export", base / "out"
        (root / "tree").mkdir(parents=True)
        out.mkdir()
        make(root / "tree", asked.files)
        options = {"writable": True, "squash": "none", "sync": not asked.no_sync}
        with (
            serving(asked.engine, root, datagrams=asked.udp, **options) as address,
            mounted(address) as client,
        ):
            began = time.perf_counter()
            count = copy_out(client, client.handle("tree"), out)
            took = time.perf_counter() - began
            print(f"out: {count} objects in {took:.1f} s, {count / took:.0f} a second")
            began = time.perf_counter()
            count = copy_in(client, out, worth(client.mkdir(client.root, b"back")).obj)
            took = time.perf_counter() - began
            print(f"in: {count} objects in {took:.1f} s, {count / took:.0f} a second")
            if asked.libnfs:
                port = address.rpartition(":")[2]
                files = [path for path in (root / "tree").rglob("*") if path.is_file() and not path.is_symlink()]
                for path in random.Random(2).sample(files, 100):
                    name = os.fsencode(f"/{path.relative_to(root)}")
                    url = b"nfs://127.0.0.1" + name + f"?nfsport={port}&mountport={port}".encode()
                    subprocess.run(["nfs-cp", url, str(base / "one")], check=True, stdout=subprocess.DEVNULL)
                    if (base / "one").read_bytes() != path.read_bytes():
                        raise SystemExit(f"{path} is not as nfs-cp has it")
                    (base / "one").unlink()
                print("nfs-cp: 100 files are equal")
        wrong = compare(root / "tree", out) + compare(root / "tree", root / "back")
        print("\n".join(wrong[:20]) or "equal")
        raise SystemExit(bool(wrong))
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
