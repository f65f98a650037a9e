"""XDR of an NFSv3 directory listing of 1,000 entries: compiled code beside the same written by hand with xdrlib3.

    python contrib_handlers/plugserve-sunrpc/tests/xdr_listing.py

Both sides read the same bytes into equal objects, and write them back. CPU time of this process is compared: the least
of several rounds each, taken in turn.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time

import xdrlib3

from plugserve_sunrpc import Packer, Unpacker
from plugserve_sunrpc.protocols.nfs3 import (
    READDIRPLUS3res,
    READDIRPLUS3resok,
    dirlistplus3,
    entryplus3,
    fattr3,
    ftype3,
    nfs_fh3,
    nfsstat3,
    nfstime3,
    specdata3,
)


def listing(entries: int = 1000) -> READDIRPLUS3res:
    """The answer to READDIRPLUS: every entry with attributes and a handle of 32 bytes."""

    def attributes(number: int) -> fattr3:
        when = nfstime3(1_700_000_000 + number, number * 1000)
        size = 2**33 + number
        return fattr3(
            ftype3.NF3REG, 0o644, 1, 1000, 1000, size, size, specdata3(0, 0), 7, 2**40 + number, when, when, when
        )

    items = tuple(
        entryplus3(2**40 + number, b"file-%d.txt" % number, number + 1, attributes(number), nfs_fh3(b"%032d" % number))
        for number in range(entries)
    )
    reply = dirlistplus3(items, True)
    return READDIRPLUS3res(nfsstat3.NFS3_OK, READDIRPLUS3resok(attributes(0), b"\0" * 8, reply))


def pack_compiled(value: READDIRPLUS3res) -> bytes:
    """What plugserve-rpcgen wrote."""
    packer = Packer()
    value.pack(packer)
    return packer.data()


def unpack_compiled(data: bytes) -> READDIRPLUS3res:
    """What plugserve-rpcgen wrote."""
    unpacker = Unpacker(data)
    value = READDIRPLUS3res.unpack(unpacker)
    unpacker.done()
    return value


def pack_xdrlib(value: READDIRPLUS3res) -> bytes:
    """The same by hand."""
    packer = xdrlib3.Packer()

    def pack_attributes(item: fattr3 | None) -> None:
        if item is None:
            packer.pack_bool(False)
            return
        packer.pack_bool(True)
        packer.pack_enum(item.type)
        packer.pack_uint(item.mode)
        packer.pack_uint(item.nlink)
        packer.pack_uint(item.uid)
        packer.pack_uint(item.gid)
        packer.pack_uhyper(item.size)
        packer.pack_uhyper(item.used)
        packer.pack_uint(item.rdev.specdata1)
        packer.pack_uint(item.rdev.specdata2)
        packer.pack_uhyper(item.fsid)
        packer.pack_uhyper(item.fileid)
        for when in (item.atime, item.mtime, item.ctime):
            packer.pack_uint(when.seconds)
            packer.pack_uint(when.nseconds)

    packer.pack_enum(value.status)
    result = value.value
    assert isinstance(result, READDIRPLUS3resok)
    pack_attributes(result.dir_attributes)
    packer.pack_fopaque(8, result.cookieverf)
    for entry in result.reply.entries:
        packer.pack_bool(True)
        packer.pack_uhyper(entry.fileid)
        packer.pack_string(entry.name)
        packer.pack_uhyper(entry.cookie)
        pack_attributes(entry.name_attributes)
        if entry.name_handle is None:
            packer.pack_bool(False)
        else:
            packer.pack_bool(True)
            packer.pack_opaque(entry.name_handle.data)
    packer.pack_bool(False)
    packer.pack_bool(result.reply.eof)
    return bytes(packer.get_buffer())


def unpack_xdrlib(data: bytes) -> READDIRPLUS3res:
    """The same by hand."""
    unpacker = xdrlib3.Unpacker(data)

    def when() -> nfstime3:
        return nfstime3(unpacker.unpack_uint(), unpacker.unpack_uint())

    def attributes() -> fattr3 | None:
        if not unpacker.unpack_bool():
            return None
        return fattr3(
            ftype3(unpacker.unpack_enum()),
            unpacker.unpack_uint(),
            unpacker.unpack_uint(),
            unpacker.unpack_uint(),
            unpacker.unpack_uint(),
            unpacker.unpack_uhyper(),
            unpacker.unpack_uhyper(),
            specdata3(unpacker.unpack_uint(), unpacker.unpack_uint()),
            unpacker.unpack_uhyper(),
            unpacker.unpack_uhyper(),
            when(),
            when(),
            when(),
        )

    status = nfsstat3(unpacker.unpack_enum())
    directory = attributes()
    verifier = unpacker.unpack_fopaque(8)
    entries = []
    while unpacker.unpack_bool():
        entry = entryplus3(
            unpacker.unpack_uhyper(),
            unpacker.unpack_string(),
            unpacker.unpack_uhyper(),
            attributes(),
            nfs_fh3(unpacker.unpack_opaque()) if unpacker.unpack_bool() else None,
        )
        entries.append(entry)
    reply = dirlistplus3(tuple(entries), bool(unpacker.unpack_bool()))
    unpacker.done()
    return READDIRPLUS3res(status, READDIRPLUS3resok(directory, verifier, reply))


def compare(ours: Callable[[], object], other: Callable[[], object], rounds: int = 9) -> tuple[float, float]:
    """The CPU seconds of one call of each: the least of some rounds, in turn."""
    best = [float("inf"), float("inf")]
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for index, function in enumerate((ours, other)):
                start = process_time()
                for _ in range(5):
                    function()
                best[index] = min(best[index], (process_time() - start) / 5)
    finally:
        gc.enable()
    return best[0], best[1]


def main() -> None:
    """Print both times and their ratio."""
    value = listing()
    data = pack_compiled(value)
    assert pack_xdrlib(value) == data
    assert unpack_xdrlib(data) == unpack_compiled(data) == value
    print(f"1,000 entries, {len(data)} bytes")
    for name, ours, other in (
        ("pack", lambda: pack_compiled(value), lambda: pack_xdrlib(value)),
        ("unpack", lambda: unpack_compiled(data), lambda: unpack_xdrlib(data)),
    ):
        a, b = compare(ours, other)
        print(f"{name:7} compiled {a * 1e3:6.2f} ms   xdrlib3 {b * 1e3:6.2f} ms   ratio {b / a:5.1f}")


if __name__ == "__main__":
    main()
