"""The client's sides of the kit's two layers, and the plain one, for the matrix."""

from __future__ import annotations

from typing import Final

from plugserve.errors import EndOfStream

from .dialogues import ClientSide, LayerPair
from .layers import CipherLayer, HeaderLayer, ToyCipher

__all__ = ["OWN_LAYERS", "CipherClient", "ClientStack", "HeaderClient"]


class HeaderClient:
    """Says the header of `HeaderLayer`, and leaves the stream alone afterwards."""

    opened = True
    ended = False

    def opening(self) -> bytes:
        return b"CLIENT 203.0.113.7 4711\n"

    def feed(self, raw: bytes) -> bytes:
        self.ended = not raw
        return raw

    def encode(self, plain: bytes) -> bytes:
        return plain

    def pending(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b""


class CipherClient:
    """Names a key to `CipherLayer` and goes on without waiting for its OK."""

    opened = True
    key: Final = 0x2A

    def __init__(self) -> None:
        self._cipher = ToyCipher(self.key)
        self._greeting = b""

    @property
    def ended(self) -> bool:
        """Whether the frame of length 0 came."""
        return self._cipher.ended

    def opening(self) -> bytes:
        return b"KEY" + bytes([self.key])

    def feed(self, raw: bytes) -> bytes:
        if not raw:
            return self._cipher.feed(b"")
        missing = 2 - len(self._greeting)
        self._greeting += raw[:missing]
        if not b"OK".startswith(self._greeting):
            raise EndOfStream(f"the cipher answered {self._greeting!r}")
        return self._cipher.feed(raw[missing:]) if raw[missing:] else b""

    def encode(self, plain: bytes) -> bytes:
        return self._cipher.encode(plain)

    def pending(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return self._cipher.close()


class ClientStack:
    """The client's sides of several layers, outermost first: plain bytes above, raw bytes below; no I/O.

    Parameters:
        sides: one for each layer.
    """

    def __init__(self, sides: list[ClientSide]) -> None:
        self._sides = sides
        self._begun = 0
        self.raw = bytearray()
        """What is to be sent; whoever sends it clears it."""
        self.plain = bytearray()
        """What the server has said."""
        self.broken = ""
        """Why the server's stream is not whole; empty if nothing is wrong."""

    @property
    def opened(self) -> bool:
        """Begin what can be begun: whether plain bytes may be sent now."""
        while self._begun < len(self._sides) and all(side.opened for side in self._sides[: self._begun]):
            self._send(self._sides[self._begun].opening(), self._begun)
            self._begun += 1
        return self._begun == len(self._sides) and all(side.opened for side in self._sides)

    def write(self, plain: bytes) -> None:
        """Have plain bytes sent."""
        self._send(plain, self._begun)

    def end(self) -> None:
        """End the plain stream, innermost first."""
        for index in range(self._begun - 1, -1, -1):
            self._send(self._sides[index].close(), index)

    def receive(self, raw: bytes) -> None:
        """Take what the server sent; `b""` is the end of its stream."""
        if not self.broken:
            self._receive(raw, 0)

    def _send(self, data: bytes, inside: int) -> None:
        for side in reversed(self._sides[:inside]):
            data = side.encode(data) if data else b""
        self.raw += data

    def _receive(self, data: bytes, index: int) -> None:
        for position in range(index, len(self._sides)):
            side = self._sides[position]
            if side.ended:
                return
            try:
                data = side.feed(data)
            except Exception as error:
                self.broken = f"{type(side).__name__}: {type(error).__name__}: {error}"
                return
            self._send(side.pending(), position)
            if side.ended:
                if data:
                    self._receive(data, position + 1)
                self._receive(b"", position + 1)
                return
            if not data:
                return
        self.plain += data


OWN_LAYERS: Final = (
    LayerPair("header", HeaderLayer, HeaderClient),
    LayerPair("cipher", CipherLayer, CipherClient, exact=False),
)
"""The kit's own: one that changes the facts, one that changes the bytes."""
