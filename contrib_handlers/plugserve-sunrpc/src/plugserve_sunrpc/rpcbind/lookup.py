"""A client's question: where is this program?"""

from __future__ import annotations

from typing import Literal

from plugserve import ConfigurationError
from plugserve_sunrpc.client import RPCClient
from plugserve_sunrpc.failures import ProgramMismatch, ProgramUnavailable
from plugserve_sunrpc.protocols import rpcbind as x

from .universal import without_universal_address

__all__ = ["lookup"]


def lookup(
    host: str,
    program: int,
    version: int,
    transport: Literal["tcp", "udp"] = "tcp",
    *,
    port: int = x.RPCB_PORT,
    timeout: float = 25.0,
) -> str:
    """Ask the rpcbind of a host where a program is.

    Parameters:
        host: its name or address.
        program, version: their numbers.
        transport: of the program; rpcbind is asked over the same.
        port: of rpcbind.
        timeout: seconds.

    Returns: its address, as `RPCClient` takes it.
    Raises: `ProgramUnavailable` if it is not registered; `RPCError` if rpcbind does not answer; `ProtocolError`.
    """
    if transport not in ("tcp", "udp"):
        raise ConfigurationError(f"transport is {transport!r}: give 'tcp' or 'udp'")
    where = f"[{host}]" if ":" in host else host
    with RPCClient(f"{transport}://{where}:{port}", timeout=timeout) as client:
        try:
            netid = f"{transport}6" if ":" in host else transport
            text = client.stub(x.RPCBVERSClient).rpcbproc_getaddr(x.rpcb(program, version, netid.encode(), b"", b""))
            if not text:
                raise ProgramUnavailable(f"program {program} is not registered with {client.address}")
            found, number = without_universal_address(text.decode("utf-8", "replace"))
            # What listens on all addresses is at the one that was asked.
            if found in ("0.0.0.0", "::"):
                found = host
        except ProgramMismatch:
            mapping = x.mapping(program, version, x.IPPROTO_TCP if transport == "tcp" else x.IPPROTO_UDP, 0)
            found, number = host, client.stub(x.PMAP_VERSClient).pmapproc_getport(mapping)
    if not 0 < number < 65536:
        raise ProgramUnavailable(f"program {program} is not registered with {host}")
    return f"{transport}://{f'[{found}]' if ':' in found else found}:{number}"
