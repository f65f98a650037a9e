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
`group=name`, `abstract=yes`. `tcp://[::]:80` serves both families like `*`, unless it says `v6only=yes`. In paths,
names and values `%3F` is a question mark, `%26` an ampersand and `%25` a percent sign, as in any URL (RFC 3986, 2.1).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_MOST_PORT: Final = (1 << 16) - 1
_MOST_VSOCK: Final = (1 << 32) - 1
"""CIDs and ports of vsock(7) have 32 bits."""
_MOST_DESCRIPTOR: Final = (1 << 31) - 1
_NO_HOST: Final = "/@[]?#"
"""What no host name holds and who mistypes an address does."""


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
            text = f"{self.transport}://{_quote(self.path or self.name)}"
        options = "&".join(f"{key}={_quote(value)}" for key, value in self.options.items())
        return f"{text}?{options}" if options else text


def parse_address(text: str) -> Address:
    """Read an address.

    Errors: `ConfigurationError`: what is wrong with which text, and what to write.
    """
    given = text
    text = text.strip()
    transport, separator, rest = text.partition("://")
    if not separator:
        _refuse_lookalikes(given, text)
        transport, rest = "tcp", text
    transport = transport.lower()  # RFC 3986, 3.1: schemes do not depend on case
    if transport not in _SCHEMES:
        raise _wrong(given, f"there is no {transport}://, {_nearest(transport, _SCHEMES, '{}://')}")
    rest, mark, query = rest.partition("?")
    options = _options(given, transport, query) if mark else {}
    if transport in _UNIX:
        return _unix(given, transport, _unquote(given, rest), options)
    if transport == "fd":
        number = _number(rest, _MOST_DESCRIPTOR)
        if number is None:
            raise _wrong(given, "write the number of the descriptor, as in fd://3")
        return Address(transport, name=str(number), options=options)
    if transport == "systemd":
        return Address(transport, name=_unquote(given, rest), options=options)
    host, port = _host_and_port(given, rest)
    if transport == "vsock":
        if host not in ("", "*"):
            cid = _number(host, _MOST_VSOCK)
            if cid is None:
                raise _wrong(given, "write vsock://CID:PORT, with a number or * as the CID")
            host = str(cid)
        return Address(transport, host=host or "*", port=_port(given, port, _MOST_VSOCK), options=options)
    return Address(transport, host=host or _LOOPBACK, port=_port(given, port, _MOST_PORT), options=options)


def _refuse_lookalikes(given: str, text: str) -> None:
    """What other programs write in place of `://`, and would otherwise be taken for a host."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in _SCHEMES:
        rest = rest if scheme.lower() in _UNIX else rest.lstrip("/")
        raise _wrong(given, f"two slashes are missing: write {scheme.lower()}://{rest}")
    if text.startswith(("/", "./", "../", "@")):
        raise _wrong(given, f"for a Unix socket write unix://{text}")


def _host_and_port(given: str, rest: str) -> tuple[str, str]:
    if rest.startswith("["):
        host, bracket, tail = rest[1:].partition("]")
        if not bracket or not tail.startswith(":"):
            raise _wrong(given, "write an IPv6 address as [::1]:PORT")
        return _ipv6(given, host), tail[1:]
    if rest.count(":") > 1:
        raise _wrong(given, f"put an IPv6 address in brackets: [{rest.rpartition(':')[0]}]:{rest.rpartition(':')[2]}")
    host, colon, port = rest.rpartition(":")
    if not colon and not rest.isdigit():
        raise _wrong(given, f"the port is missing: write {rest or 'HOST'}:PORT, with 0 for any that is free")
    if any(letter.isspace() or not letter.isprintable() or letter in _NO_HOST for letter in host):
        raise _wrong(given, f"{host!r} is no host name or address")
    return host, port


def _ipv6(given: str, host: str) -> str:
    """The shortest form (RFC 5952), so that one address has one text; a zone stays as it is."""
    import socket

    number, percent, zone = host.partition("%")
    try:
        number = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, number))
    except (OSError, ValueError):
        raise _wrong(given, f"{host!r} is no IPv6 address; only those stand in brackets") from None
    if percent and not re.fullmatch(r"[\w.:-]+", zone, re.ASCII):
        raise _wrong(given, f"{zone!r} is no zone: write the name of an interface, as in [fe80::1%eth0]")
    return number + percent + zone


def _port(given: str, text: str, most: int) -> int:
    port = _number(text, most)
    if port is None:
        raise _wrong(given, f"the port is {text!r}: write a number from 0 to {most}")
    return port


def _number(text: str, most: int) -> int | None:
    # Longer than any that fits: int() refuses thousands of digits with a ValueError of its own.
    if not re.fullmatch(r"0*[0-9]{1,10}", text) or (number := int(text[-10:])) > most:
        return None
    return number


def _unix(given: str, transport: str, path: str, options: dict[str, str]) -> Address:
    if path.startswith("/@"):
        path = path[1:]
    if not path or path == "@":
        raise _wrong(given, f"the path is missing: write {transport}:///run/NAME.sock")
    if "\0" in path:
        raise _wrong(given, f"a path has no NUL byte; an abstract name is written {transport}:///@NAME")
    if path.startswith("@") and options.get("abstract") != "yes":
        raise _wrong(
            given,
            "an abstract name has no permissions, everybody on this machine may connect: use a path, or say "
            "?abstract=yes",
        )
    if path.startswith("@") and (useless := options.keys() & {"mode", "owner", "group"}):
        raise _wrong(given, f"an abstract name has no {' or '.join(sorted(useless))}: use a path")
    return Address(transport, path=path, options=options)


def _options(given: str, transport: str, query: str) -> dict[str, str]:
    known = _OPTIONS[transport]
    found: dict[str, str] = {}
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        value = _unquote(given, value)
        if key not in known:
            raise _wrong(given, f"{transport}:// has no option {key!r}: {_nearest(key, known, '{}')}")
        if key in found:
            raise _wrong(given, f"the option {key} is there twice")
        if key == "mode":
            if not re.fullmatch(r"0*[0-7]{1,3}", value):
                raise _wrong(given, f"mode is {value!r}: write permissions in octal, as in mode=0660")
        elif key in ("owner", "group"):
            if not value:
                raise _wrong(given, f"{key} is empty: write a name or a number")
        elif not equals or value not in ("yes", "no"):
            raise _wrong(given, f"{key} is {value!r}: write {key}=yes or {key}=no")
        found[key] = value
    return found


def _unquote(given: str, text: str) -> str:
    """Resolve `%XX`. What is no UTF-8 is kept as Python keeps such file names (PEP 383)."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise _wrong(given, "a percent sign is written %25")
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:
        raise _wrong(given, "it holds half a character (a lone surrogate)") from None
    return os.fsdecode(re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), raw))


def _quote(text: str) -> str:
    return "".join(_quote_letter(letter) for letter in text)


def _quote_letter(letter: str) -> str:
    if letter.isprintable() and not letter.isspace() and letter not in "%?&":
        return letter
    return "".join(f"%{byte:02X}" for byte in os.fsencode(letter))


def _nearest(word: str, known: Iterable[str], form: str) -> str:
    import difflib  # a millisecond that only a mistake costs

    near = difflib.get_close_matches(word, known, 1)
    if near:
        return f"did you mean {form.format(near[0])}?"
    return f"it can be {', '.join(form.format(one) for one in known) or 'nothing'}"


def _wrong(given: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"address {given!r}: {what}")
