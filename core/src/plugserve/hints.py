"""What to tell people about a listener: its address as they write it, and a command that talks to it."""

from __future__ import annotations

import os
import shlex
from typing import Any

__all__ = ["command_for", "listener_name", "shown_address"]

_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""The addresses that mean all of a machine's own, and the one to reach it by from the machine itself."""


def shown_address(transport: str, address: Any, scheme: str | None = None) -> str:
    """An address as on a command line, `tcp://127.0.0.1:7007`; or, of a protocol that has URLs, as a URL.

    Parameters:
        transport: the server's, such as `"tcp"` or `"unix-dgram"`.
        address: the socket's own, as `getsockname()` gives it.
        scheme: of the URLs of the protocol that is spoken there, such as `"http"`; None if it has none.
    """
    if _is_inet(address):
        host, port = address[:2]
        if scheme is not None and transport == "tcp":
            return f"{scheme}://{_hostport(_reachable(host), port)}/"
        return f"{transport}://{_hostport(host, port)}"
    if isinstance(address, tuple):
        return f"{transport}://{':'.join(map(str, address))}"
    return f"{transport}://{_path(address)}"


def listener_name(address: Any) -> str:
    """What a listener without a name is called in logs, as by `BaseServer.listener_name`.

    Parameters:
        address: as for `shown_address`.
    """
    return ":".join(map(str, address[:2])) if isinstance(address, tuple) else os.fsdecode(address)


def command_for(transport: str, address: Any, scheme: str | None = None) -> str | None:
    """A command to try: curl for what has a URL, ncat or socat for all else. None where no tool is known.

    Parameters are those of `shown_address`.
    """
    curl = scheme in ("http", "https", "gopher", "dict", "ftp")
    if _is_inet(address):
        host, port = address[:2]
        if curl and transport == "tcp":
            return f"curl {shown_address(transport, address, scheme)}"
        return f"ncat {'-u ' if transport == 'udp' else ''}{_reachable(host)} {port}"
    if transport == "vsock":
        return f"ncat --vsock {address[0]} {address[1]}"
    if isinstance(address, tuple) or not address:
        return None
    path = _path(address)
    if path.startswith("@"):
        return f"socat - abstract-connect:{shlex.quote(path[1:])}" if transport == "unix" else None
    if transport == "unix":
        return f"curl --unix-socket {shlex.quote(path)} http://localhost/" if curl else f"ncat -U {shlex.quote(path)}"
    if transport == "unix-dgram":
        # The server can only answer a client that has a path of its own, which ncat -uU makes (unix(7)).
        return f"ncat -uU {shlex.quote(path)}"
    if transport == "unix-seqpacket":
        return f"socat - unix-connect:{shlex.quote(path)},type=5"
    return None


def _is_inet(address: Any) -> bool:
    return isinstance(address, tuple) and len(address) >= 2 and isinstance(address[0], str)


def _reachable(host: str) -> str:
    return _ANY_HOST.get(host, host)


def _hostport(host: str, port: int) -> str:
    # A zone (fe80::1%eth0) stands in a URL as it is: RFC 6874 wants %25, curl and browsers take it.
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _path(address: Any) -> str:
    text = os.fsdecode(address)
    return "@" + text[1:] if text.startswith("\0") else text
