"""Two small layers for tests: a header that sets the client's address, and a toy cipher as a transform."""

from __future__ import annotations

from plugserve.connection import Connection
from plugserve.context import Context
from plugserve.errors import EndOfStream, ProtocolError
from plugserve.hookspecs import hookimpl

__all__ = ["CipherLayer", "HeaderLayer", "ToyCipher"]


class HeaderLayer:
    """Reads `CLIENT <host> <port>` and a newline, like a PROXY header, and believes it."""

    phase = "peer"
    plugin_name = "header"

    @hookimpl
    async def open_connection(self, connection: Connection) -> None:
        line = await connection.read_until(b"\n", 64)
        try:
            word, host, port = line.decode("ascii").split()
            if word != "CLIENT":
                raise ValueError(word)
            connection.client_address = (host, int(port))
        except ValueError:
            raise ProtocolError("the header must be CLIENT, a host and a port") from None


class CipherLayer:
    """Reads `KEY` and one byte, answers `OK`, and pushes a `ToyCipher` with this byte as its key."""

    phase = "encryption"
    plugin_name = "cipher"

    @hookimpl
    async def open_connection(self, connection: Connection, context: Context) -> None:
        hello = await connection.read_exactly(4)
        if not hello.startswith(b"KEY"):
            raise ProtocolError("the cipher starts with KEY and one byte")
        connection.write(b"OK")
        connection.push(ToyCipher(hello[3]))
        connection.identity = f"key {hello[3]}"


class ToyCipher:
    """Frames of a length byte and as many bytes, each combined with the key by exclusive or; a length of 0 ends.

    A stream that ends without that is cut off, as TLS without close_notify.
    """

    def __init__(self, key: int) -> None:
        self.ended = False
        self._table = bytes(byte ^ key for byte in range(256))
        self._buffer = b""

    def feed(self, raw: bytes) -> bytes:
        if not raw:
            self.ended = True
            raise EndOfStream("the cipher's stream was cut off")
        data = self._buffer + raw
        plain = []
        start = 0
        while start < len(data) and not self.ended:
            end = start + 1 + data[start]
            if end == start + 1:
                self.ended = True
            elif len(data) < end:
                break
            plain.append(data[start + 1 : end].translate(self._table))
            start = end
        self._buffer = data[start:]
        return b"".join(plain)

    def encode(self, plain: bytes) -> bytes:
        plain = bytes(plain).translate(self._table)
        parts = (plain[start : start + 255] for start in range(0, len(plain), 255))
        return b"".join(bytes([len(part)]) + part for part in parts)

    def pending(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b"\0"
