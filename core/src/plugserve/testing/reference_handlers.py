"""Small protocols, each written in all three styles, and the dialogues that try them.

What is compared across styles must be the same protocol to the byte, whatever portions the input comes in.
"""

from __future__ import annotations

from typing import ClassVar, Final

from plugserve.errors import EndOfStream
from plugserve.handlers import CoroutineHandler, DatagramRequestHandler, ProtocolHandler, StreamRequestHandler

from .dialogues import Await, Dialogue, in_styles

__all__ = ["REFERENCE_DIALOGUES"]

# -- lines: each comes back in capitals, a full stop follows at the end of the client's stream -----------------------


class ClassicLines(StreamRequestHandler):
    """Classic."""

    speaks_first = False
    farewell = b"."

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())
        if self.farewell:
            self.wfile.write(self.farewell)


class CoroutineLines(CoroutineHandler):
    """Coroutine."""

    speaks_first = False
    farewell = b"."

    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data.upper())
        if self.farewell:
            self.connection.write(self.farewell)


class ProtocolLines(ProtocolHandler):
    """Protocol."""

    speaks_first = False
    farewell = b"."

    def receive(self, data: bytes) -> bytes:
        return data.upper()

    def eof(self) -> bytes:
        return self.farewell


class ClassicLinesOnly(ClassicLines):
    """One that says nothing to a client that has left: whether that fails is the transport's business."""

    farewell = b""


class CoroutineLinesOnly(CoroutineLines):
    """The same, coroutine."""

    farewell = b""


class ProtocolLinesOnly(ProtocolLines):
    """The same, protocol."""

    farewell = b""


# -- banner: the server speaks first, answers one line and ends ------------------------------------------------------

_BANNER: Final = b"220 ready\r\n"
_LONGEST: Final = 200


class ClassicBanner(StreamRequestHandler):
    """Classic."""

    speaks_first: ClassVar[bool | None] = True

    def handle(self) -> None:
        self.wfile.write(_BANNER)
        self.wfile.write(b"250 " + self.rfile.readline(_LONGEST))


class CoroutineBanner(CoroutineHandler):
    """Coroutine."""

    speaks_first: ClassVar[bool | None] = True

    async def handle(self) -> None:
        self.connection.write(_BANNER)
        self.connection.write(b"250 " + await self.connection.read_until(b"\n", _LONGEST))


class ProtocolBanner(ProtocolHandler):
    """Protocol."""

    speaks_first: ClassVar[bool | None] = True

    def __init__(self, request: object, client_address: object, server: object) -> None:
        super().__init__(request, client_address, server)  # type: ignore[arg-type]  # the server's own business
        self._line = b""

    def opened(self) -> bytes:
        return _BANNER

    def receive(self, data: bytes) -> bytes | None:
        self._line += data
        line, end, _ = self._line.partition(b"\n")
        if not end:
            return None
        self.close()
        return b"250 " + line + end


class ClassicSilentBanner(ClassicBanner):
    """One that does not say that it speaks first: it waits a moment for its client."""

    speaks_first = None


class CoroutineSilentBanner(CoroutineBanner):
    """The same, coroutine."""

    speaks_first = None


class ProtocolSilentBanner(ProtocolBanner):
    """The same, protocol."""

    speaks_first = None


# -- sums: records with a length of two bytes; how many there were and their sum, after the end ----------------------


def _sum(records: int, total: int) -> bytes:
    return b"%d records, sum %d\n" % (records, total)


class ClassicSums(StreamRequestHandler):
    """Classic."""

    speaks_first = False

    def handle(self) -> None:
        records = total = 0
        while len(head := self.rfile.read(2)) == 2:
            record = self.rfile.read(int.from_bytes(head, "big"))
            records, total = records + 1, total + sum(record)
        self.wfile.write(_sum(records, total))


class CoroutineSums(CoroutineHandler):
    """Coroutine."""

    speaks_first = False

    async def handle(self) -> None:
        records = total = 0
        try:
            while True:
                size = int.from_bytes(await self.connection.read_exactly(2), "big")
                # Of nothing there is nothing to read.
                record = await self.connection.read_exactly(size) if size else b""
                records, total = records + 1, total + sum(record)
        except EndOfStream:
            self.connection.write(_sum(records, total))


class ProtocolSums(ProtocolHandler):
    """Protocol."""

    speaks_first = False

    def __init__(self, request: object, client_address: object, server: object) -> None:
        super().__init__(request, client_address, server)  # type: ignore[arg-type]  # the server's own business
        self._buffer = bytearray()
        self._records = self._total = 0

    def receive(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2 and len(self._buffer) >= (end := 2 + int.from_bytes(self._buffer[:2], "big")):
            self._records, self._total = self._records + 1, self._total + sum(self._buffer[2:end])
            del self._buffer[:end]

    def eof(self) -> bytes:
        return _sum(self._records, self._total)


# -- raising: answers one line, then fails ---------------------------------------------------------------------------


class ClassicRaising(StreamRequestHandler):
    """Classic."""

    speaks_first = False

    def handle(self) -> None:
        self.wfile.write(self.rfile.read(4))
        raise LookupError("by intention")


class CoroutineRaising(CoroutineHandler):
    """Coroutine."""

    speaks_first = False

    async def handle(self) -> None:
        self.connection.write(await self.connection.read_exactly(4))
        raise LookupError("by intention")


class ProtocolRaising(ProtocolHandler):
    """Protocol."""

    speaks_first = False

    def __init__(self, request: object, client_address: object, server: object) -> None:
        super().__init__(request, client_address, server)  # type: ignore[arg-type]  # the server's own business
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= 4:
            self.send(self._buffer[:4])
            raise LookupError("by intention")


# -- hasty: ends after four bytes, whatever else the client has to say -----------------------------------------------


class ClassicHasty(StreamRequestHandler):
    """Classic."""

    speaks_first = False

    def handle(self) -> None:
        self.wfile.write(b"enough: " + self.rfile.read(4))


class CoroutineHasty(CoroutineHandler):
    """Coroutine."""

    speaks_first = False

    async def handle(self) -> None:
        self.connection.write(b"enough: " + await self.connection.read_exactly(4))


class ProtocolHasty(ProtocolHandler):
    """Protocol."""

    speaks_first = False

    def __init__(self, request: object, client_address: object, server: object) -> None:
        super().__init__(request, client_address, server)  # type: ignore[arg-type]  # the server's own business
        self._buffer = b""

    def receive(self, data: bytes) -> bytes | None:
        self._buffer += data
        if len(self._buffer) < 4:
            return None
        self.close()
        return b"enough: " + self._buffer[:4]


# -- packets: a datagram comes back in capitals, one that says "hush" does not ---------------------------------------


class ClassicPackets(DatagramRequestHandler):
    """Classic; `DatagramRequestHandler` would always answer."""

    needs = "datagrams"

    def handle(self) -> None:
        self.wfile.write(self.packet.upper())

    def finish(self) -> None:
        if self.packet != b"hush":
            super().finish()


class CoroutinePackets(CoroutineHandler):
    """Coroutine."""

    needs = "datagrams"

    async def handle(self) -> None:
        packet = await self.connection.read()
        if packet != b"hush":
            self.connection.write(packet.upper())


class ProtocolPackets(ProtocolHandler):
    """Protocol."""

    needs = "datagrams"

    def receive(self, data: bytes) -> bytes | None:
        return None if data == b"hush" else data.upper()


_RECORDS: Final = (b"", b"a", bytes(range(256)), b"xyz" * 100)

_LONG: Final = b"".join(b"line %d of many\n" % number for number in range(1500))
"""Too long to be cut at each byte."""

REFERENCE_DIALOGUES: Final[tuple[Dialogue, ...]] = (
    *in_styles(
        "lines",
        ClassicLines,
        CoroutineLines,
        ProtocolLines,
        sends=(b"hallo\nwelt\n",),
        expects=b"HALLO\nWELT\n.",
        half_close=True,
    ),
    *in_styles(
        "lines-leaving",
        ClassicLinesOnly,
        CoroutineLinesOnly,
        ProtocolLinesOnly,
        sends=(b"one\n", Await(4), b"two\n"),
        expects=b"ONE\nTWO\n",
        leaves_after=8,
        orderly=False,
    ),
    *in_styles(
        "lines-long",
        ClassicLines,
        CoroutineLines,
        ProtocolLines,
        sends=(_LONG,),
        expects=_LONG.upper() + b".",
        half_close=True,
    ),
    *in_styles(
        "banner",
        ClassicBanner,
        CoroutineBanner,
        ProtocolBanner,
        greeting=_BANNER,
        sends=(b"helo there\r\n",),
        expects=_BANNER + b"250 helo there\r\n",
    ),
    *in_styles(
        "banner-unsaid",
        ClassicSilentBanner,
        CoroutineSilentBanner,
        ProtocolSilentBanner,
        greeting=_BANNER,
        sends=(b"x\n",),
        cuts=False,
        expects=_BANNER + b"250 x\n",
    ),
    *in_styles(
        "sums",
        ClassicSums,
        CoroutineSums,
        ProtocolSums,
        sends=(b"".join(len(record).to_bytes(2, "big") + record for record in _RECORDS),),
        expects=_sum(len(_RECORDS), sum(map(sum, _RECORDS))),
        half_close=True,
    ),
    *in_styles(
        "raising",
        ClassicRaising,
        CoroutineRaising,
        ProtocolRaising,
        sends=(b"four",),
        expects=b"four",
        half_close=True,
        orderly=False,
    ),
    *in_styles(
        "hasty",
        ClassicHasty,
        CoroutineHasty,
        ProtocolHasty,
        sends=(b"four and much more",),
        expects=b"enough: four",
        half_close=True,
        orderly=False,
    ),
    *in_styles(
        "packets",
        ClassicPackets,
        CoroutinePackets,
        ProtocolPackets,
        datagrams=True,
        sends=(b"hallo", b"hush", b"x" * 1000),
        expects=(b"HALLO", None, b"X" * 1000),
    ),
)
"""For every engine and every stack of layers."""
