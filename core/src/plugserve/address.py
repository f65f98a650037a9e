"""Where to listen, as text: `tcp://127.0.0.1:7007`, `unix:///run/echo.sock?mode=0660`, `systemd://web` ...

| form | is |
|---|---|
| `tcp://host:port`, `udp://host:port` | an internet socket; host `*` is every address, IPv4 and IPv6 at once |
| `host:port`, `[::1]:port`, `:port`, `port` | the same with `tcp://`; without a host, loopback |
| `unix:///path`, `unix-dgram:///path`, `unix-seqpacket:///path` | a Unix socket |
| `unix:///@name?abstract=yes` | an abstract one (Linux), open to everybody on the machine |
| `vsock://cid:port` | a VM socket (vsock(7)); `*` as cid is any |
| `fd://3` | a socket that was inherited, bound already |
| `systemd://`, `systemd://web`, `systemd://0` | one that systemd passed: the only one, by name, by number |

Options follow a `?`, joined by `&`: `v6only=yes`, `reuseport=yes`; for Unix sockets `mode=0660`, `owner=name`,
`group=name`, `abstract=yes`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Final

from .errors import ConfigurationError

__all__ = ["Address", "parse_address"]

_INTERNET: Final = ("tcp", "udp")
_UNIX: Final = ("unix", "unix-dgram", "unix-seqpacket")
_SCHEMES: Final = (*_INTERNET, *_UNIX, "vsock", "fd", "systemd")
_OPTIONS: Final = {
    **dict.fromkeys(_INTERNET, ("v6only", "reuseport")),
    **dict.fromkeys(_UNIX, ("mode", "owner", "group", "abstract")),
    "vsock": (),
    "fd": (),
    "systemd": (),
}
_LOOPBACK: Final = "127.0.0.1"
_MOST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Made by `parse_address`; `str()` gives the canonical text.

    Parameters:
        transport: `"tcp"`, `"udp"`, `"unix"`, `"unix-dgram"`, `"unix-seqpacket"`, `"vsock"`, `"fd"` or `"systemd"`.
        host: the host of an internet address, `*` for every address; the cid of a VM socket.
        port: the port; 0 lets the system choose.
        path: the path of a Unix socket; an abstract name begins with `@`.
        name: the number of an inherited descriptor; the name or number of one that systemd passed.
        options: the options after `?`, checked.
    """

    transport: str
    host: str = ""
    port: int = 0
    path: str = ""
    name: str = ""
    options: dict[str, str] = field(default_factory=dict, hash=False)

    def flag(self, name: str) -> bool:
        """Whether an option is set to yes."""
        return self.options.get(name) == "yes"

    def __str__(self) -> str:
        if self.transport in _INTERNET or self.transport == "vsock":
            host = f"[{self.host}]" if ":" in self.host else self.host
            text = f"{self.transport}://{host}:{self.port}"
        else:
            text = f"{self.transport}://{self.path or self.name}"
        return text + ("?" + "&".join(f"{key}={value}" for key, value in self.options.items()) if self.options else "")


def parse_address(text: str) -> Address:
    """Read an address.

    Errors: `ConfigurationError`: what is wrong with which text, and what to write.
    """
    given = text
    text = text.strip()
    transport, separator, rest = text.partition("://")
    if not separator:
        transport, rest = "tcp", text
    if transport not in _SCHEMES:
        near = difflib.get_close_matches(transport, _SCHEMES, 1)
        hint = f"did you mean {near[0]}://?" if near else f"write one of {', '.join(f'{s}://' for s in _SCHEMES)}"
        raise _wrong(given, f"there is no {transport}:// : {hint}")
    rest, mark, query = rest.partition("?")
    options = _options(given, transport, query) if mark else {}
    if transport in _UNIX:
        return _unix(given, transport, rest, options)
    if transport == "fd":
        if not rest.isdigit():
            raise _wrong(given, "write the number of the descriptor, as in fd://3")
        return Address(transport, name=str(int(rest)), options=options)
    if transport == "systemd":
        return Address(transport, name=rest, options=options)
    host, port = _host_and_port(given, rest)
    if transport == "vsock":
        if host not in ("", "*") and not host.isdigit():
            raise _wrong(given, "write vsock://CID:PORT, with a number or * as the CID")
        return Address(transport, host=host or "*", port=_port(given, port, (1 << 32) - 1), options=options)
    return Address(transport, host=host or _LOOPBACK, port=_port(given, port, _MOST_PORT), options=options)


def _host_and_port(given: str, rest: str) -> tuple[str, str]:
    if rest.startswith("["):
        host, bracket, tail = rest[1:].partition("]")
        if not bracket or not tail.startswith(":"):
            raise _wrong(given, "write an IPv6 address as [::1]:PORT")
        return host, tail[1:]
    if rest.count(":") > 1:
        raise _wrong(given, f"put an IPv6 address in brackets: [{rest.rpartition(':')[0]}]:{rest.rpartition(':')[2]}")
    host, colon, port = rest.rpartition(":")
    if not colon and not rest.isdigit():
        raise _wrong(given, f"the port is missing: write {rest or 'HOST'}:PORT, with 0 for any that is free")
    if any(letter.isspace() or not letter.isprintable() or letter in "/@[]" for letter in host):
        raise _wrong(given, f"{host!r} is no host name or address")
    return host, port


def _port(given: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise _wrong(given, f"the port is {text!r}: write a number from 0 to {most}")
    return int(text)


def _unix(given: str, transport: str, path: str, options: dict[str, str]) -> Address:
    if path.startswith("/@"):
        path = path[1:]
    if not path:
        raise _wrong(given, f"the path is missing: write {transport}:///run/NAME.sock")
    if "\0" in path:
        raise _wrong(given, f"a path has no NUL byte; an abstract name is written {transport}:///@NAME")
    if path.startswith("@") and options.get("abstract") != "yes":
        raise _wrong(
            given,
            "an abstract name has no permissions, everybody on this machine may connect: use a path, or say "
            "?abstract=yes",
        )
    return Address(transport, path=path, options=options)


def _options(given: str, transport: str, query: str) -> dict[str, str]:
    known = _OPTIONS[transport]
    found: dict[str, str] = {}
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'none'}"
            raise _wrong(given, f"{transport}:// has no option {key!r}: {hint}")
        if key in found:
            raise _wrong(given, f"the option {key} is there twice")
        if key == "mode":
            if not value or set(value) - set("01234567") or int(value, 8) > 0o777:
                raise _wrong(given, f"mode is {value!r}: write permissions in octal, as in mode=0660")
        elif key in ("owner", "group"):
            if not value:
                raise _wrong(given, f"{key} is empty: write a name or a number")
        elif not equals or value not in ("yes", "no"):
            raise _wrong(given, f"{key} is {value!r}: write {key}=yes or {key}=no")
        found[key] = value
    return found


def _wrong(given: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"address {given!r}: {what}")
