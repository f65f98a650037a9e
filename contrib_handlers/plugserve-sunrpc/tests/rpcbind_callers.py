"""Callers of rpcbind from anywhere, without a network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from plugserve_sunrpc.message import NO_AUTH, encode_call
from plugserve_sunrpc.program import Call
from plugserve_sunrpc.rpcbind import RPCBindHandler
from plugserve_sunrpc.xdr import Packer

__all__ = ["call_from", "rpcb_arguments", "wire_call"]


def call_from(
    client: Any,
    *,
    peer: Any = None,
    local: Any = ("192.0.2.1", 111),
    transport: str = "tcp",
    uid: int | None = None,
    dump: Any = "local",
    insecure: bool = False,
    version: int = 4,
    procedure: int = 0,
) -> Call:
    """A call as rpcbind is given it.

    Parameters:
        client: the caller's address.
        peer: the address of a proxy before him; None: his own.
        local: the address that he asked.
        transport: as of a context.
        uid: of the peer of a Unix socket.
        dump, insecure: the options.
    """
    context = SimpleNamespace(
        client_address=client,
        peer_address=client if peer is None else peer,
        local_address=local,
        transport=transport,
        peer_credentials=None if uid is None else SimpleNamespace(pid=1, uid=uid, gid=uid),
        server=SimpleNamespace(is_stream=transport in ("tcp", "unix")),
    )
    handler = SimpleNamespace(
        context=context,
        client_address=client,
        is_stream=transport in ("tcp", "unix"),
        options=RPCBindHandler.Options(dump=dump, insecure=insecure),
    )
    return Call(100000, version, procedure, 1, NO_AUTH, None, handler)


def rpcb_arguments(program: int, version: int, netid: bytes = b"", address: bytes = b"", owner: bytes = b"") -> bytes:
    """The struct rpcb in bytes."""
    packer = Packer()
    packer.pack_uint(program)
    packer.pack_uint(version)
    for text in (netid, address, owner):
        packer.pack_opaque(text)
    return packer.data()


def wire_call(version: int, procedure: int, arguments: bytes = b"", xid: int = 1) -> bytes:
    """A call of rpcbind in bytes."""
    return encode_call(xid, 100000, version, procedure, arguments)
