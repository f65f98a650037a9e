"""The preamble: SASL in a few lines of text, before a protocol that has no authentication of its own.

```text
server  SASL 1 SCRAM-SHA-256 PLAIN          version, and the mechanisms that this client can use
client  AUTH SCRAM-SHA-256 biwsbj1hbGljZ... mechanism, and its initial response (left out: there is none)
server  + cj1meWtvK2QybGJi...               a challenge
client  Yz1iaXdzLHI9ZnlrbytkM...            the response; `*` gives up
server  OK dj1ybUY5cHFWOFM3...              the client is let in; with what the mechanism still has to say, if anything
```

Data is base64 (RFC 4648), `=` where it is empty. Lines end with CRLF; the server takes LF as well. `NO`, and why, ends
the connection: there is one attempt in each. A client need not wait for the first line. What follows the client's last
line is the protocol's, and reaches the handler untouched.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Final

from plugserve import Connection, Context, Identity
from plugserve.errors import LimitExceeded, ProtocolError, RequestRejected

from .errors import AuthenticationFailed, TooManyAttempts
from .sasl.mechanism import Success

if TYPE_CHECKING:
    from .authenticator import Authenticator
    from .sasl.mechanism import Challenge

__all__ = ["LINE_LIMIT", "run_preamble"]

LINE_LIMIT: Final = 8192
"""Bytes of a line: the longest message of SCRAM has some hundred."""

_ROUNDS: Final = 8
"""Responses in one exchange; SCRAM needs two."""


async def run_preamble(connection: Connection, context: Context, authenticator: Authenticator) -> Identity:
    """Let a client prove who it is.

    Parameters:
        connection: at its beginning; where this returns, what it gives next is the protocol's.
        context: of the same request.
        authenticator: whom to ask.

    Errors: `RequestRejected`, `ProtocolError`: it did not; those of the connection.
    """
    negotiation = authenticator.sasl(context)
    connection.write(f"{' '.join(('SASL 1', *negotiation.mechanisms))}\r\n".encode())
    if not negotiation.mechanisms:
        await _end(connection, "no mechanism can be used here")
    word, _, rest = (await _line(connection)).partition(" ")
    mechanism, _, initial = rest.partition(" ")
    if word.upper() != "AUTH" or not mechanism:
        connection.write(b"NO begin with AUTH\r\n")
        await connection.all_sent()
        raise ProtocolError("the client did not begin with the preamble's AUTH")
    try:
        exchange = negotiation.begin(mechanism)
        data = await _unpacked(connection, initial) if initial else None
        for _ in range(_ROUNDS):
            step: Challenge | Success = await connection.offload(exchange.step, data, lane=exchange.lane)
            if isinstance(step, Success):
                connection.write(b"OK\r\n" if step.data is None else f"OK {_packed(step.data)}\r\n".encode())
                return step.identity
            connection.write(f"+ {_packed(step.data)}\r\n".encode())
            answer = await _line(connection)
            if answer == "*":
                raise AuthenticationFailed
            data = await _unpacked(connection, answer)
        raise AuthenticationFailed
    except TooManyAttempts as error:
        seconds = math.ceil(error.retry_after)
        return await _end(connection, f"{error}, come again in {seconds} second{'' if seconds == 1 else 's'}")
    except AuthenticationFailed as error:
        return await _end(connection, str(error))


async def _end(connection: Connection, reason: str) -> Identity:
    connection.write(f"NO {reason}\r\n".encode())
    await connection.all_sent()
    raise RequestRejected(reason) from None


async def _line(connection: Connection) -> str:
    try:
        line: bytes = await connection.read_until(b"\n", LINE_LIMIT)
    except LimitExceeded:
        connection.write(b"NO the line is too long\r\n")
        await connection.all_sent()
        raise ProtocolError(f"a line of the preamble has more than {LINE_LIMIT} bytes") from None
    # latin-1 takes any byte; what has to be ASCII is found not to be by who reads it.
    return line[:-1].removesuffix(b"\r").decode("latin-1")


async def _unpacked(connection: Connection, text: str) -> bytes:
    if text == "=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        connection.write(b"NO this is not base64\r\n")
        await connection.all_sent()
        raise ProtocolError("what should be base64 in the preamble is not") from None


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode() or "="
