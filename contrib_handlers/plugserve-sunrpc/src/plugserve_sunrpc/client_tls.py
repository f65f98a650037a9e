"""RPC with TLS as a client has it (RFC 9289): a question in clear, and the handshake behind its answer."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from plugserve import ConfigurationError, ProtocolError

from .auth import ALPN, STARTTLS
from .failures import ConnectionLost, TLSRefused
from .message import Accepted, AcceptStatus, FlavourNumber, OpaqueAuth, ReplyMessage, decode_reply, encode_call
from .record import RecordReader, encode_record

__all__ = ["ClientTLS", "SecureSocket", "readable"]

_PROBE: Final = OpaqueAuth(FlavourNumber.AUTH_TLS, b"")
_RECORD: Final = 16384


@dataclass(frozen=True)
class ClientTLS:
    """How a client encrypts.

    Parameters:
        context: the standard library's, such as `ssl.create_default_context(cafile=...)`; with a certificate in it, if
            the server wants one. It is told to ask for the protocol `sunrpc` (ALPN, RFC 7301), and for TLS 1.3 at
            least (RFC 9289, section 5).
        required: whether a server that does not offer TLS is refused; otherwise calls go on in clear, as RFC 9289,
            section 6.1, calls opportunistic: whoever can change what is on the wire can have them do so. A handshake
            that fails is an error either way.
        server_name: what the server's certificate must say; None: the host of the address.
        require_alpn: whether the server must agree on `sunrpc`, as RFC 9289, section 5, has it. Some agree on nothing;
            tlshd, which does it for Linux's kernel, has not always.

    Errors: `ConfigurationError` for a context that does not speak TLS 1.3.
    """

    context: ssl.SSLContext
    required: bool = True
    server_name: str | None = None
    require_alpn: bool = True

    def __post_init__(self) -> None:
        context = self.context
        context.set_alpn_protocols([ALPN])
        most = context.maximum_version
        if most not in (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3):
            raise ConfigurationError(
                f"RPC with TLS needs TLS 1.3 (RFC 9289, section 5), and the context speaks {most.name} at the most: "
                "raise its maximum_version"
            )
        if context.minimum_version != ssl.TLSVersion.TLSv1_3:
            context.minimum_version = ssl.TLSVersion.TLSv1_3

    def question(self, xid: int, program: int, version: int) -> bytes:
        """The NULL call that asks, as a record (RFC 9289, section 4.1)."""
        return encode_record(encode_call(xid, program, version, 0, b"", _PROBE))

    def answered(self, reply: ReplyMessage, more: bool, name: str) -> bool:
        """Whether a handshake is to follow.

        Parameters:
            reply: to the question.
            more: whether something came behind it: the server does not speak first.
            name: of the server, for messages.
        Raises: `TLSRefused` if TLS is required and not offered; `ProtocolError`.
        """
        offered = (
            isinstance(reply, Accepted)
            and reply.status is AcceptStatus.SUCCESS
            and reply.verifier == OpaqueAuth(FlavourNumber.AUTH_NONE, STARTTLS)
        )
        if more:
            raise ProtocolError(f"{name}: something in clear came behind the answer to AUTH_TLS")
        if not offered and self.required:
            raise TLSRefused(f"{name} does not offer TLS: ask for it to be set up there, or give required=False")
        return offered

    def agreed(self, session: Any, name: str) -> None:
        """Look at a handshake that has succeeded. Raises: `TLSRefused` if the other side is no RPC service."""
        if self.require_alpn and session.selected_alpn_protocol() != ALPN:
            raise TLSRefused(
                f"{name} has not agreed to speak {ALPN!r} inside TLS (ALPN): is it an RPC server? If it never does, "
                "give require_alpn=False"
            )

    def secure(
        self, sock: socket.socket, xid: int, program: int, version: int, host: str, name: str, deadline: float
    ) -> Any:
        """Ask on a connected socket, and encrypt if that is the answer.

        Parameters:
            sock: the socket; its timeout is changed.
            xid: of the question.
            program, version: of the first call.
            host: of the address.
            name: of the server, for messages.
            deadline: by the clock `time.monotonic`, of all of it: a server may answer byte by byte.
        Returns: a `SecureSocket`, or the socket itself.
        Raises: `OSError`, `TLSRefused`, `ProtocolError`, `ConnectionLost`.
        """
        _wait_until(sock, deadline)
        sock.sendall(self.question(xid, program, version))
        reader = RecordReader(1024)
        while (record := reader.next_record()) is None:
            _wait_until(sock, deadline)
            data = sock.recv(1024)
            if not data:
                raise ConnectionLost(f"{name} has ended the connection when it was asked for TLS")
            reader.feed(data)
        reply = decode_reply(record)
        if reply.xid != xid:
            raise ProtocolError(f"{name} has answered another call than the one it was asked")
        if not self.answered(reply, reader.amid or bool(reader.rest()), name):
            return sock
        secure = SecureSocket(sock, self.context, self.server_name or host)
        secure.shake_hands(name, deadline)
        self.agreed(secure.session, name)
        return secure


class SecureSocket:
    """A connected socket with TLS around what is sent and received. One thread may send while another one receives,
    which `ssl.SSLSocket` does not allow.

    Parameters:
        sock: the socket.
        context: the client's.
        server_name: what the certificate must say.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_name: str) -> None:
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._lock = threading.Lock()
        self._plain = bytearray()
        self._ended = False

    def shake_hands(self, name: str, deadline: float) -> None:
        """The handshake. Raises: `OSError`, of which `ssl.SSLError` is one; `ConnectionLost`."""
        while True:
            _wait_until(self._socket, deadline)
            try:
                self.session.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._socket.recv(65536)
                if not data:
                    raise ConnectionLost(f"{name} has ended the connection in the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                self._flush()  # the alert that says why
                raise
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._socket.sendall(data)

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def settimeout(self, seconds: float) -> None:
        """As of the socket."""
        self._socket.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Encrypt and send. Raises: `OSError`."""
        with self._lock:
            self.session.write(data)
            sealed = self._outgoing.read()
        self._socket.sendall(sealed)

    def recv(self, size: int) -> bytes:
        """What has come, all of it. Raises: `TimeoutError` if that is no data yet; `OSError`."""
        if not self._plain and not self._ended:
            self._take(self._socket.recv(size))
        if not self._plain and not self._ended:
            raise TimeoutError
        data = bytes(self._plain)
        self._plain.clear()
        return data

    @property
    def pending(self) -> bool:
        """Whether there is something that poll does not know of."""
        return bool(self._plain)

    @property
    def ended(self) -> bool:
        """Whether the server is known to have ended the connection; looks at what has come. Raises: `OSError`."""
        while not self._ended and readable(self._socket, 0):
            self._take(self._socket.recv(65536))
        return self._ended

    def _take(self, raw: bytes) -> None:
        with self._lock:
            if raw:
                self._incoming.write(raw)
            else:
                self._incoming.write_eof()
            try:
                while data := self.session.read(_RECORD):
                    self._plain += data
                self._ended = True
            except ssl.SSLWantReadError:
                pass
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                # An end without close_notify cuts off no reply unnoticed: each has its length.
                self._ended = True

    def shutdown(self, how: int) -> None:
        """As of the socket."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """As of the socket."""
        self._socket.close()


def _wait_until(sock: socket.socket, deadline: float) -> None:
    """Have the next step take no longer. Raises: `TimeoutError` if it is over."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def readable(sock: socket.socket | SecureSocket, seconds: float) -> bool:
    """Whether something comes within some time, the end included.

    Raises: `ValueError` for a socket that has been closed.
    """
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
