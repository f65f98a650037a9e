"""The client's side of TLS, for `plugserve.testing.matrix`: every engine must treat it alike."""

from __future__ import annotations

import atexit
import functools
import ssl
from pathlib import Path
from typing import Final

from plugserve.testing.dialogues import LayerPair

from .plugin import TLS
from .self_signed import make_files
from .transform import TLSTransform

__all__ = ["LAYERS", "TLSClient"]


@functools.cache
def _file() -> Path:
    """A certificate for as long as this process lives."""
    file, _ = make_files()
    atexit.register(file.unlink)
    return file


@functools.cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class TLSClient:
    """Shakes hands, and believes any certificate."""

    def __init__(self) -> None:
        self._tls = TLSTransform(_context(), server_side=False, server_hostname="localhost")

    @property
    def opened(self) -> bool:
        """Whether the handshake is over."""
        return self._tls.established

    @property
    def ended(self) -> bool:
        """Whether close_notify came."""
        return self._tls.ended

    def opening(self) -> bytes:
        """The ClientHello."""
        return self._tls.pending()

    def feed(self, raw: bytes) -> bytes:
        """Records of the server."""
        return self._tls.feed(raw)

    def encode(self, plain: bytes) -> bytes:
        """Records for the server."""
        return self._tls.encode(plain)

    def pending(self) -> bytes:
        """The rest of the handshake."""
        return self._tls.pending()

    def close(self) -> bytes:
        """close_notify."""
        return self._tls.close()


LAYERS: Final = [LayerPair("tls", lambda: TLS(certificate=_file()), TLSClient, exact=False)]
