"""TLS between two buffers: bytes in, bytes out, no socket."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from plugserve.errors import EndOfStream, ProtocolError

if TYPE_CHECKING:
    from .psk import PreSharedKeys

__all__ = ["TLSTransform"]

_RECORD = 16384
"""Plain bytes of one record at the most (RFC 8446, section 5.1), so that a read leaves none of it behind."""


class TLSTransform:
    """One side of a TLS connection.

    Parameters:
        context: the standard library's.
        server_side: whether it is the server's.
        server_hostname: for a client: whom it means to talk to.
        psk: a server's pre-shared keys, if it has any.

    A stream that ends without close_notify is cut off (RFC 8446, section 6.1): `feed` raises `EndOfStream`.
    """

    __slots__ = ("_held", "_incoming", "_object", "_outgoing", "_psk", "ended", "established", "psk_identity")

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool = True,
        server_hostname: str | None = None,
        psk: PreSharedKeys | None = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self.ended = False
        self.established = False
        self._held = 0
        self._psk = psk
        self.psk_identity: str | None = None
        """That of the pre-shared key."""
        if not server_side:
            self._shake_hands()

    @property
    def session(self) -> ssl.SSLObject:
        """What the standard library knows of the connection."""
        return self._object

    def feed(self, raw: bytes) -> bytes:
        """Take records. Errors: `ProtocolError` with what is wrong; `EndOfStream`."""
        if not raw:
            self._incoming.write_eof()
            return self._cut_off()
        self._incoming.write(raw)
        if self.established:
            return self._decrypt()
        if not self._shake_hands():
            return b""
        plain = self._decrypt()
        if plain:
            # The peer has gone on, so it waits for nothing of the handshake any more. What is left are tickets for
            # other sessions, which can leave with the answer and need no system call of their own.
            self._held = self._outgoing.pending
        return plain

    def _decrypt(self) -> bytes:
        read = self._object.read
        pieces: list[bytes] = []
        try:
            while plain := read(_RECORD):
                if not self._incoming.pending and not pieces:
                    return plain  # one record, as most are: no join, and no exception to say that there is no more
                pieces.append(plain)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True  # both sides have said so
        except ssl.SSLError as error:
            self.ended = True
            raise ProtocolError(_text(error)) from error
        return b"".join(pieces)

    def _shake_hands(self) -> bool:
        if self._psk is not None:
            self._psk.take()  # another connection's
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLError, ssl.CertificateError) as error:
            self.ended = True
            raise ProtocolError(f"the TLS handshake failed: {_text(error)}") from error
        finally:
            if self._psk is not None:
                self.psk_identity = self._psk.take() or self.psk_identity
        self.established = True
        return True

    def _cut_off(self) -> bytes:
        self.ended = True
        if not self.established:
            raise EndOfStream("the peer ended the connection in the TLS handshake")
        raise EndOfStream("the peer ended the connection without TLS's close_notify")

    def encode(self, plain: bytes) -> bytes:
        """The records that carry it."""
        write = self._object.write
        sent = write(plain)
        while sent < len(plain):
            sent += write(memoryview(plain)[sent:])
        self._held = 0
        return self._outgoing.read()

    def pending(self) -> bytes:
        """Records of TLS's own: the handshake's, alerts, answers to a key update, and tickets behind any of these."""
        if self._outgoing.pending <= self._held:
            return b""
        self._held = 0
        return self._outgoing.read()

    def close(self) -> bytes:
        """close_notify; without a handshake there is nothing to be closed."""
        if not self.established:
            return self.pending()
        try:
            self._object.unwrap()
        except (ssl.SSLError, ValueError):
            pass  # what the peer has to say to it need not be awaited (RFC 8446, section 6.1)
        return self.pending()


def _text(error: Exception) -> str:
    """OpenSSL's words, without its file and line."""
    reason = getattr(error, "reason", None)
    verify = getattr(error, "verify_message", None)
    words = str(reason).lower().replace("_", " ") if reason else str(error)
    return f"{words}: {verify}" if verify else words
