"""The client's side: SASL exchanges without I/O, and the preamble on a socket.

```python
with socket.create_connection(("service.example.org", 7007)) as sock:
    authenticate(sock, "SCRAM-SHA-256", name="alice", password=password)
    sock.sendall(b"...")  # the protocol begins
```
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final, Protocol

from plugserve.errors import EndOfStream, ProtocolError

from .errors import AuthenticationFailed
from .saslprep import saslprep

__all__ = ["ClientExchange", "External", "OAuthBearer", "Plain", "Scram", "Stream", "authenticate", "make_exchange"]

_LINE: Final = 16384
_LEAST_ITERATIONS: Final = 4096
"""RFC 5802, section 5.1: with less, whoever answers in the server's place could guess the password from our proof."""

_MOST_ITERATIONS: Final = 10_000_000
"""A server that asks for more wants to keep us busy."""


class Stream(Protocol):
    """What is needed of a socket; an `ssl.SSLSocket` is one, too."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, size: int, /) -> bytes:
        """At most `size` bytes, `b""` at the end."""


class ClientExchange(Protocol):
    """One mechanism on the client's side."""

    def initial(self) -> bytes:
        """The first message."""

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a challenge. Errors: `ProtocolError`."""

    def finish(self, data: bytes | None) -> None:
        """Check what the server says with its success. Errors: `AuthenticationFailed` if it proves nothing."""


class Plain:
    """PLAIN (RFC 4616): only for an encrypted connection to a server that is known."""

    def __init__(self, name: str, password: str, authzid: str = "") -> None:
        self._message = f"{authzid}\0{saslprep(name)}\0{saslprep(password)}".encode()

    def initial(self) -> bytes:
        """All of it."""
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        """There is nothing to respond to."""
        raise ProtocolError("PLAIN has no challenges")

    def finish(self, data: bytes | None) -> None:
        """Nothing to check."""


class External(Plain):
    """EXTERNAL (RFC 4422): the connection says it all."""

    def __init__(self, authzid: str = "") -> None:
        self._message = authzid.encode()


class OAuthBearer:
    """OAUTHBEARER (RFC 7628): a token, only for an encrypted connection to a server that is known."""

    def __init__(self, token: str, authzid: str = "") -> None:
        if not token or not all("\x20" <= char <= "\x7e" for char in token):
            raise ValueError("a token has printable ASCII characters only")
        acting = f"a={_escaped(authzid)}" if authzid else ""
        self._message = f"n,{acting},\x01auth=Bearer {token}\x01\x01".encode()

    def initial(self) -> bytes:
        """All of it."""
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        """The server has said why it does not take the token; its last word comes after this."""
        return b"\x01"

    def finish(self, data: bytes | None) -> None:
        """Nothing to check."""


class Scram:
    """SCRAM (RFC 5802). The server proves that it knows us, too.

    Parameters:
        mechanism: such as `"SCRAM-SHA-256"` or `"SCRAM-SHA-256-PLUS"`.
        name: who we are.
        password: what proves it; it does not go over the wire.
        authzid: for whom we act; `""`: ourselves.
        binding: for -PLUS, the channel's `tls-server-end-point` (RFC 5929).
        nonce: random text; for tests.
    """

    def __init__(
        self,
        mechanism: str,
        name: str,
        password: str,
        *,
        authzid: str = "",
        binding: bytes | None = None,
        nonce: str | None = None,
    ) -> None:
        self._hash = mechanism.removesuffix("-PLUS").removeprefix("SCRAM-").replace("-", "").lower()
        if self._hash not in ("sha1", "sha256", "sha512"):
            raise ValueError(f"there is no mechanism {mechanism!r}")
        if mechanism.endswith("-PLUS") and not binding:
            raise ValueError(f"{mechanism} needs the binding of the channel")
        self._binding = (binding or b"") if mechanism.endswith("-PLUS") else b""
        self._password = saslprep(password).encode()
        self._nonce = nonce or secrets.token_urlsafe(24)
        flag = "p=tls-server-end-point" if self._binding else "n"
        acting = f"a={_escaped(authzid)}" if authzid else ""
        self._header = f"{flag},{acting},"
        self._bare = f"n={_escaped(saslprep(name))},r={self._nonce}"
        self._verifier: bytes | None = None

    def initial(self) -> bytes:
        """The client's first message."""
        return (self._header + self._bare).encode()

    def respond(self, challenge: bytes) -> bytes:
        """The client's final message."""
        try:
            text = challenge.decode("ascii")
            parts = dict(part.split("=", 1) for part in text.split(","))
            nonce, salt, iterations = parts["r"], base64.b64decode(parts["s"], validate=True), int(parts["i"])
        except (ValueError, KeyError):
            raise ProtocolError("the server's first message of SCRAM is malformed") from None
        if "m" in parts or not nonce.startswith(self._nonce) or nonce == self._nonce or not salt:
            raise ProtocolError("the server's first message of SCRAM cannot be meant so")
        if not _LEAST_ITERATIONS <= iterations <= _MOST_ITERATIONS:
            raise ProtocolError(
                f"the server asks for {iterations} iterations: {_LEAST_ITERATIONS} to {_MOST_ITERATIONS} are in order"
            )
        bound = base64.b64encode(self._header.encode() + self._binding).decode()
        unsigned = f"c={bound},r={nonce}"
        message = f"{self._bare},{text},{unsigned}".encode()
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        signature = hmac.digest(hashlib.new(self._hash, client_key).digest(), message, self._hash)
        proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", self._hash)
        self._verifier = hmac.digest(server_key, message, self._hash)
        return f"{unsigned},p={base64.b64encode(proof).decode()}".encode()

    def finish(self, data: bytes | None) -> None:
        """Check that the server knows us."""
        expected = b"v=" + base64.b64encode(self._verifier) if self._verifier is not None else None
        if expected is None or data is None or not hmac.compare_digest(data, expected):
            raise AuthenticationFailed("the server has not proved that it knows this name")


def make_exchange(
    mechanism: str,
    *,
    name: str = "",
    password: str = "",
    token: str = "",
    authzid: str = "",
    binding: bytes | None = None,
) -> ClientExchange:
    """The exchange of a mechanism, by its name. Parameters as `authenticate`."""
    if mechanism == "PLAIN":
        return Plain(name, password, authzid)
    if mechanism == "EXTERNAL":
        return External(authzid)
    if mechanism == "OAUTHBEARER":
        return OAuthBearer(token, authzid)
    if mechanism.startswith("SCRAM-"):
        return Scram(mechanism, name, password, authzid=authzid, binding=binding)
    raise ValueError(f"there is no mechanism {mechanism!r} here: use PLAIN, EXTERNAL, OAUTHBEARER or one of SCRAM")


def authenticate(
    sock: Stream,
    mechanism: str,
    *,
    name: str = "",
    password: str = "",
    token: str = "",
    authzid: str = "",
    binding: bytes | None = None,
) -> None:
    """Go through the preamble. Afterwards the stream is the protocol's; no byte of that has been read.

    Parameters:
        sock: connected, and encrypted by now if it is to be. Its own timeout holds.
        mechanism: `"PLAIN"`, `"EXTERNAL"`, `"SCRAM-SHA-256"`, ...
        name: who we are.
        password: what proves it.
        token: for OAUTHBEARER, what proves it, without a name.
        authzid: for whom we act; `""`: ourselves.
        binding: for -PLUS, the channel's `tls-server-end-point`.

    Errors: `AuthenticationFailed`: the server does not let us in, does not offer the mechanism, or does not prove that
        it knows us; `ProtocolError`: it speaks something else; `EndOfStream`; those of the socket.
    """
    exchange = make_exchange(mechanism, name=name, password=password, token=token, authzid=authzid, binding=binding)
    words = _read_line(sock).split(" ")
    if words[:2] != ["SASL", "1"]:
        raise ProtocolError("the server does not begin with the preamble of SASL")
    if mechanism not in words[2:]:
        raise AuthenticationFailed(f"the server does not offer {mechanism}, but {', '.join(words[2:]) or 'nothing'}")
    sock.sendall(f"AUTH {mechanism} {_packed(exchange.initial())}\r\n".encode())
    while True:
        word, _, rest = _read_line(sock).partition(" ")
        if word == "OK":
            exchange.finish(_unpacked(rest) if rest else None)
            return
        if word == "NO":
            raise AuthenticationFailed(rest or "authentication failed")
        if word != "+":
            raise ProtocolError("the server's answer is none of the preamble")
        sock.sendall(f"{_packed(exchange.respond(_unpacked(rest)))}\r\n".encode())


def _read_line(sock: Stream) -> str:
    # Byte by byte: what stands behind the line is the protocol's, and cannot be put back.
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            raise EndOfStream("the server ended the connection within the preamble", bytes(line))
        line += byte
        if len(line) > _LINE:
            raise ProtocolError("the server's line is too long for the preamble")
    return line.decode("latin-1").rstrip("\r\n")


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode() or "="


def _unpacked(text: str) -> bytes:
    if text == "=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("what should be base64 is not") from None


def _escaped(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")
