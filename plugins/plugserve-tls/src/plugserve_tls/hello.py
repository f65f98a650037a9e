"""What a client asks for before anything is agreed on: the host name in its ClientHello (RFC 8446, section 4.1.2).

It is read here, and not by the callback that `ssl` has for it (`SSLContext.sni_callback`), since that is not fit for a
server that faces the Internet: a name that is not ASCII has the interpreter print a traceback for each such client, and
nobody can catch it. Besides, a connection needs no memory of OpenSSL's before its client has said something, and its
context is the right one from the start.

Nothing is decided here but which certificate is shown. Whether the ClientHello is sound is for OpenSSL to say.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Incomplete", "requested_name"]

_FIRST: Final = b"\x16"
"""With which a record of the handshake begins."""
_CLIENT_HELLO: Final = 0x01
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_RECORD: Final = 16384
"""Bytes of a record at the most (RFC 8446, section 5.1)."""
_RECORDS: Final = 8
"""Records that a ClientHello may come in to be read here. One is usual; some programs make a few, so that nobody on the
way finds the name by looking into packets. It is read anew at each arrival, so many small ones would be dear."""
_LONGEST: Final = 255
"""Bytes of a host name at the most (RFC 1035, section 2.3.4)."""


class Incomplete(Exception):
    """More bytes are needed."""


def requested_name(raw: bytes) -> str | None:
    """The host name that a client asks for (RFC 6066, section 3).

    Parameters:
        raw: all that the client has sent so far.

    Returns: the name as it came; None for a client that names none, or none in ASCII, and for what is no ClientHello.
    Raises: `Incomplete` while the end of the ClientHello has not come.
    """
    hello = _hello(raw)
    if hello is None:
        return None
    try:
        # Version and random, then three lists with their lengths: session id, cipher suites, compression methods.
        at = 35 + hello[34]
        at += 2 + (hello[at] << 8 | hello[at + 1])
        at += 1 + hello[at]
        end = at + 2 + (hello[at] << 8 | hello[at + 1])
        at += 2
        while at < end:
            following = at + 4 + (hello[at + 2] << 8 | hello[at + 3])
            if hello[at] << 8 | hello[at + 1] == _SERVER_NAME:
                # A list, of which nobody has ever seen a second entry: its length, then a type, a length and a name.
                start = at + 9
                if hello[at + 6] != _HOST_NAME:
                    return None
                name = hello[start : start + (hello[at + 7] << 8 | hello[at + 8])]
                whole = len(name) <= _LONGEST and start + len(name) <= following
                return name.decode("ascii") if whole else None
            at = following
    except (IndexError, UnicodeDecodeError):
        pass
    return None


def _hello(raw: bytes) -> bytes | None:
    """The ClientHello without its header, out of the records that carry it."""
    message, at = b"", 0
    for _ in range(_RECORDS):
        if raw[at : at + 1] not in (_FIRST, b""):
            return None
        if len(raw) < at + 5:
            raise Incomplete
        size = raw[at + 3] << 8 | raw[at + 4]
        if not 0 < size <= _RECORD:
            return None
        if len(raw) < at + 5 + size:
            raise Incomplete
        message += raw[at + 5 : at + 5 + size]
        at += 5 + size
        if message[0] != _CLIENT_HELLO:
            return None
        if len(message) >= 4 and len(message) >= (end := 4 + int.from_bytes(message[1:4], "big")):
            return message[4:end]
    return None
