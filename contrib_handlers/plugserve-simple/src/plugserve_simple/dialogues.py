"""What a client says to each service, for `plugserve.testing.matrix`: every engine must answer it alike."""

from __future__ import annotations

from typing import Final

from plugserve.testing.dialogues import Await, Dialogue

from .handler import ChargenHandler, DaytimeHandler, DiscardHandler, EchoHandler, QotdHandler, TimeHandler

__all__ = ["DIALOGUES"]

_NOW: Final = 1_000_000_000.0
"""9 September 2001, 01:46:40 UTC."""


class _Daytime(DaytimeHandler):
    def now(self) -> float:
        return _NOW


class _Time(TimeHandler):
    def now(self) -> float:
        return _NOW


class _Qotd(QotdHandler):
    def now(self) -> float:
        return _NOW


class _Chargen(ChargenHandler):
    def draw(self, low: int, high: int) -> int:
        return high


_LINE: Final = b"2001-09-09T01:46:40+00:00\r\n"
_SECONDS: Final = (2_208_988_800 + 1_000_000_000).to_bytes(4, "big")
_ISO: Final = DaytimeHandler.Options(format="iso", utc=True)

DIALOGUES: Final = [
    Dialogue(EchoHandler, [b"hallo\n", b"\0\xff"], expects=b"hallo\n\0\xff", half_close=True, name="echo"),
    Dialogue(
        EchoHandler, [b"one", Await(3), b"two"], expects=b"onetwo", leaves_after=6, orderly=False, name="echo-leaving"
    ),
    Dialogue(
        EchoHandler, [b"hallo", b"", b"x" * 512], expects=[b"hallo", None, b"x" * 512], datagrams=True, name="echo"
    ),
    Dialogue(DiscardHandler, [b"nobody", b" listens"], expects=b"", half_close=True, name="discard"),
    Dialogue(DiscardHandler, [b"nobody", b""], expects=[None, None], datagrams=True, name="discard"),
    Dialogue(_Daytime, options=_ISO, expects=_LINE, greeting=_LINE, name="daytime"),
    Dialogue(_Daytime, [b"?" * 100], options=_ISO, expects=[_LINE], datagrams=True, name="daytime"),
    Dialogue(_Time, expects=_SECONDS, greeting=_SECONDS, name="time"),
    Dialogue(_Time, [b"?" * 5], expects=[_SECONDS], datagrams=True, name="time"),
    Dialogue(_Qotd, name="qotd"),
    Dialogue(_Qotd, [b"?" * 512], datagrams=True, name="qotd"),
    Dialogue(_Chargen, options=ChargenHandler.Options(limit=3000), name="chargen"),
    Dialogue(_Chargen, [b"?" * 100], datagrams=True, name="chargen"),
]
