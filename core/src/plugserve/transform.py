"""What a layer pushes onto a connection to change its bytes from then on."""

from __future__ import annotations

from typing import Protocol

__all__ = ["EstablishedTransform", "Transform"]


class Transform(Protocol):
    """Bytes in, bytes out; no socket in sight. TLS on `ssl.MemoryBIO` is one, compression another.

    Of several on one connection, the one pushed first is nearest to the wire. Bytes that were read before a transform
    is pushed are its first input.
    """

    ended: bool
    """Whether the plain stream has ended (for TLS: close_notify came). `feed` is not called again."""

    def feed(self, raw: bytes) -> bytes:
        """Take bytes from the wire's side.

        Parameters:
            raw: what arrived; `b""` means that the stream below ended, after which `ended` must be true.

        Returns: the plain bytes that can be given on, `b""` if more input is needed.
        Raises: `ProtocolError` for input that breaks the rules, `EndOfStream` where the stream below ended too early.
        """

    def encode(self, plain: bytes) -> bytes:
        """The raw bytes that carry `plain`."""

    def pending(self) -> bytes:
        """Raw bytes that the transform has to send of its own (a handshake, an alert), `b""` if none. Asked when it is
        pushed and after each `feed`, one that failed, too."""

    def close(self) -> bytes:
        """The raw bytes that end the plain stream (close_notify), `b""` if there are none. Called once."""


class EstablishedTransform(Transform, Protocol):
    """One that begins with a handshake."""

    established: bool
    """Whether the handshake is over, so that plain bytes can be sent and come."""
