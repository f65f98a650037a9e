"""The client's side of the header, for `plugserve.testing.matrix`: every engine must treat it alike."""

from __future__ import annotations

from typing import Final

from plugserve.testing.dialogues import LayerPair

from .header import AUTHORITY
from .plugin import ProxyProtocol
from .protocol import encode_v1, encode_v2

__all__ = ["LAYERS", "ProxyClient"]

_CLIENT: Final = ("203.0.113.7", 4711)
_SERVER: Final = ("198.51.100.1", 443)


class ProxyClient:
    """Says a header, and leaves the stream alone afterwards."""

    opened = True
    ended = False

    def __init__(self, version: int) -> None:
        self._version = version

    def opening(self) -> bytes:
        """The header."""
        if self._version == 1:
            return encode_v1(_CLIENT, _SERVER)
        return encode_v2(_CLIENT, _SERVER, tlvs=[(AUTHORITY, b"www.example.org")], checksum=True)

    def feed(self, raw: bytes) -> bytes:
        """Nothing is changed."""
        self.ended = not raw
        return raw

    def encode(self, plain: bytes) -> bytes:
        """Nothing is changed."""
        return plain

    def pending(self) -> bytes:
        """There is nothing more to say."""
        return b""

    def close(self) -> bytes:
        """The end needs no bytes."""
        return b""


def _plugin() -> ProxyProtocol:
    return ProxyProtocol(trusted=["0.0.0.0/0", "::/0", "unix"])


LAYERS: Final = [LayerPair("proxy-protocol", _plugin, lambda: ProxyClient(2))]
