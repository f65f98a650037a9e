"""TLS between two buffers: bytes in, bytes out, no socket."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from plugserve.errors import EndOfStream, ProtocolError

from .hello import Incomplete, requested_name

if TYPE_CHECKING:
    from .psk import PreSharedKeys

__all__ = ["TLSTransform"]

_RECORD = 16384
"""Plain bytes of one record at the most (RFC 8446, section 5.1), so that a read leaves none of it behind."""


class TLSTransform:
    """One side of a TLS connection.

    Parameters:
        context: the standard library's; or, for a server, what chooses one by the name that the client asks for (None:
            by no name), called when its ClientHello has come.
        server_side: whether it is the server's.
        server_hostname: for a client: whom it means to talk to.
        psk: a server's pre-shared keys, if it has any.

    A stream that ends without close_notify is cut off (RFC 8446, section 6.1): `feed` raises `EndOfStream`.
    """

    __slots__ = (
        "_choose",
        "_held",
        "_hello",
        "_incoming",
        "_object",
        "_outgoing",
        "_psk",
        "ended",
        "established",
        "psk_identity",
        "server_name",
    )

    def __init__(
        self,
        context: ssl.SSLContext | Callable[[str | None], ssl.SSLContext],
        *,
        server_side: bool = True,
        server_hostname: str | None = None,
        psk: PreSharedKeys | None = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object: ssl.SSLObject | None = None
        self._choose: Callable[[str | None], ssl.SSLContext] | None = None
        self._hello = b""
        self.server_name: str | None = None
        """The name that the client asked for, where a context was chosen by it."""
        self.ended = False
        self.established = False
        self._held = 0
        self._psk = psk
        self.psk_identity: str | None = None
        """That of the pre-shared key."""
        if not isinstance(context, ssl.SSLContext):
            self._choose = context
            return
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        if not server_side:
            self._shake_hands()

    @property
    def session(self) -> ssl.SSLObject:
        """What the standard library knows of the connection, once its context is chosen."""
        assert self._object is not None, "the ClientHello has come"
        return self._object

    def feed(self, raw: bytes) -> bytes:
        """Take records. Errors: `ProtocolError` with what is wrong; `EndOfStream`."""
        if not raw:
            self._incoming.write_eof()
            return self._cut_off()
        if self._choose is not None:
            raw = self._hello + raw
            try:
                self.server_name = requested_name(raw)
            except Incomplete:
                self._hello = raw
                return b""
            self._object = self._choose(self.server_name).wrap_bio(self._incoming, self._outgoing, server_side=True)
            self._choose, self._hello = None, b""
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
        read = self.session.read
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
            self.session.do_handshake()
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
        write = self.session.write
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
            self.session.unwrap()
        except (ssl.SSLError, ValueError):
            pass  # what the peer has to say to it need not be awaited (RFC 8446, section 6.1)
        return self.pending()


def _text(error: Exception) -> str:
    """OpenSSL's words, without its file and line."""
    reason = getattr(error, "reason", None)
    verify = getattr(error, "verify_message", None)
    words = str(reason).lower().replace("_", " ") if reason else str(error)
    return f"{words}: {verify}" if verify else words
