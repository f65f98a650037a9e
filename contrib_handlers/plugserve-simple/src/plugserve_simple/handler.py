"""The handlers: each a thin driver of what `protocol.py` says and `datagram.py` allows."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from plugserve import ConfigurationError, Context, CoroutineHandler, ProtocolHandler

from .budget import ReplyBudget
from .datagram import Mode, comes_from_service, may_reply
from .protocol import LONGEST, characters, check_daytime, daytime, seconds_since_1900
from .quotes import BUILT_IN, encode_quote, parse_quotes

__all__ = ["ChargenHandler", "DaytimeHandler", "DiscardHandler", "EchoHandler", "QotdHandler", "TimeHandler"]

_CHUNK: Final = 32 * 1024
"""Bytes that chargen makes at once: half of what may be unsent before `drain()` waits."""

_BREATH: Final = 1024 * 1024
"""Bytes after which chargen lets others run, even if its peer takes everything at once: on an engine that handles
requests on its loop nobody else would ever get a turn."""

_PAUSE: Final = 0.001
"""Seconds that it lets them. With `_BREATH` this caps one connection at a gigabyte a second."""

_TICKS: Final = 10
"""Pieces a second into which `rate` is cut."""


def _is_datagram(context: Context | None) -> bool:
    return context is not None and not context.server.is_stream


def _check_number(name: str, value: object, unit: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"option '{name}' is {value!r}: give a whole number of {unit}, 1 or more")


def _check_choice(name: str, value: object, choices: Any) -> None:
    if value not in get_args(choices):
        raise ConfigurationError(f"option '{name}' is {value!r}: choose {' or '.join(map(repr, get_args(choices)))}")


@dataclass(frozen=True, kw_only=True)
class _Bounded:
    """Options of a service whose replies over UDP have a budget."""

    udp_burst: int = 100
    # Made here, since options live as long as the listener and are there before any child is forked.
    budget: ReplyBudget = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_number("udp-burst", self.udp_burst, "datagrams")
        object.__setattr__(self, "budget", ReplyBudget(self.udp_burst))


@dataclass(frozen=True, kw_only=True)
class _Guarded(_Bounded):
    """Options of a service whose reply over UDP has nothing to do with the request."""

    udp: Mode = "safe"

    def __post_init__(self) -> None:
        _check_choice("udp", self.udp, Mode)
        super().__post_init__()


class EchoHandler(ProtocolHandler):
    """Sends back what it gets (RFC 862).

    Over UDP a datagram that comes from a service's port or from our own is not answered, nor is an empty one.
    """

    speaks_first = False

    @dataclass(frozen=True, kw_only=True)
    class Options(_Bounded):
        """Options of `echo`.

        Parameters:
            udp_burst: how often the same datagram from the same address and port is answered at once; after that once
                a second. This is what ends a loop with another echo server.

        Errors: `ConfigurationError` for a value that is out of range.
        """

    options: Options

    def receive(self, data: bytes) -> bytes | None:
        """Back it goes."""
        if not _is_datagram(self.context):
            return data
        client = self.context.client_address
        if not client or comes_from_service(client, self.context.local_address):
            return None
        # What loops is always the same datagram; somebody who sends different ones is not in a loop.
        return data if self.options.budget.take((client, data), self.connection.server.clock()) else None

    def goodbye(self, deadline: float) -> None:
        """What has arrived is still sent back; nothing more is read."""
        self.connection.end_input()


class DiscardHandler(ProtocolHandler):
    """Throws away what it gets, and never says a word (RFC 863)."""

    speaks_first = False

    def receive(self, data: bytes) -> bytes | None:
        """Gone."""
        return None

    def goodbye(self, deadline: float) -> None:
        """Nothing more is read."""
        self.connection.end_input()


class _Announcer(CoroutineHandler):
    """A service that does not care what it is sent: on a stream it speaks at once, a datagram it answers whatever is
    in it, nothing included (RFC 868: "send an empty datagram").
    """

    speaks_first = True

    options: _Guarded

    def now(self) -> float:
        """Seconds since the epoch. Overridden in tests."""
        return time.time()

    def say(self) -> bytes:
        """What to say now."""
        raise NotImplementedError

    def reply(self, request: int) -> bytes:
        """What to say to a datagram of so many bytes."""
        return self.say()

    async def fill(self) -> None:
        """What to do with a stream: say it, and close. What the client sends is thrown away by the core, which waits a
        moment for it to close its side."""
        self.connection.write(self.say())

    async def handle(self) -> None:
        """Answer one datagram, or serve one stream."""
        if not _is_datagram(self.context):
            await self.fill()
            return
        request = len(await self.connection.read())
        reply = self.reply(request)
        if may_reply(
            request,
            len(reply),
            client=self.context.client_address,
            local=self.context.local_address,
            mode=self.options.udp,
            budget=self.options.budget,
            now=self.connection.server.clock(),
        ):
            self.connection.write(reply)


class DaytimeHandler(_Announcer):
    """Says the date and time, for people (RFC 867)."""

    reply_ratio = None  # the option `udp` says when a reply may be longer than its request

    @dataclass(frozen=True, kw_only=True)
    class Options(_Guarded):
        """Options of `daytime`.

        Parameters:
            format: `"ctime"` (`Tue Feb 22 17:37:43 1982`), `"iso"` (`1982-02-22T17:37:43-08:00`), or a pattern for
                strftime(3), which gives one line of ASCII.
            utc: UTC instead of the system's time zone.
            udp: `"safe"`: only requests longer than the reply are answered over UDP; `"rfc"`: all are.
            udp_burst: replies over UDP that one client gets at once; after that one a second. A client is an address
                and port, in the mode `"rfc"` a host.

        Errors: `ConfigurationError` for a value that is out of range.
        """

        format: str = "ctime"
        utc: bool = False

        def __post_init__(self) -> None:
            super().__post_init__()
            try:
                check_daytime(self.format)
            except ValueError as error:
                raise ConfigurationError(f"option 'format': {error}") from None

    options: Options

    def say(self) -> bytes:
        """The line."""
        return daytime(self.now(), self.options.format, utc=self.options.utc)


class TimeHandler(_Announcer):
    """Says the seconds since 1900 as 32 bits, for machines (RFC 868); they start again from 0 in February 2036."""

    reply_ratio = None  # the option `udp` says when a reply may be longer than its request

    @dataclass(frozen=True, kw_only=True)
    class Options(_Guarded):
        """Options of `time`.

        Parameters:
            udp: `"safe"`: only requests of five bytes and more are answered over UDP; `"rfc"`: all are, so also the
                empty ones that the RFC speaks of.
            udp_burst: replies over UDP that one client gets at once; after that one a second. A client is an address
                and port, in the mode `"rfc"` a host.

        Errors: `ConfigurationError` for a value that is out of range.
        """

    options: Options

    def say(self) -> bytes:
        """The four bytes."""
        return seconds_since_1900(self.now())


_Pick = Literal["day", "random"]


class QotdHandler(_Announcer):
    """Says the quote of the day (RFC 865)."""

    reply_ratio = None  # the option `udp` says when a reply may be longer than its request

    @dataclass(frozen=True, kw_only=True)
    class Options(_Guarded):
        """Options of `qotd`.

        Parameters:
            file: path of a text file of quotes, read once at start: one a line, or several lines each between lines of
                a single `%`. Without it there are a dozen built-in ones.
            pick: `"day"`: the next one each day at 00:00 UTC; `"random"`: any, each time.
            udp: `"safe"`: only requests longer than the quote are answered over UDP, 512 bytes always are; `"rfc"`: all
                are.
            udp_burst: replies over UDP that one client gets at once; after that one a second. A client is an address
                and port, in the mode `"rfc"` a host.

        Errors: `ConfigurationError` for a value that is out of range, or a file that cannot be read or has no quotes
            that the RFC allows.
        """

        file: Path | str | None = None
        pick: _Pick = "day"
        quotes: tuple[bytes, ...] = field(init=False, repr=False)

        def __post_init__(self) -> None:
            super().__post_init__()
            _check_choice("pick", self.pick, _Pick)
            quotes = BUILT_IN if self.file is None else _read_quotes(self.file)
            object.__setattr__(self, "quotes", tuple(encode_quote(quote) for quote in quotes))

    options: Options

    def draw(self, count: int) -> int:
        """A random number below `count`. Overridden in tests."""
        return random.randrange(count)

    def say(self) -> bytes:
        """The quote."""
        quotes = self.options.quotes
        if self.options.pick == "random":
            return quotes[self.draw(len(quotes))]
        return quotes[int(self.now() // 86400) % len(quotes)]


def _read_quotes(file: Path | str) -> list[str]:
    try:
        quotes = parse_quotes(Path(file).read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"option 'file': {file} cannot be read: {error.strerror}: give the path of a text file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"option 'file': {file} is no text file: save it as ASCII") from None
    except ValueError as error:
        raise ConfigurationError(f"option 'file': {file}: {error}") from None
    if not quotes:
        raise ConfigurationError(f"option 'file': {file} has no quotes: write one a line")
    return quotes


class ChargenHandler(_Announcer):
    """Sends characters for as long as the client takes them (RFC 864).

    Over UDP one datagram of random length: in the mode `"safe"` shorter than the request, in the mode `"rfc"` up to 512
    bytes.
    """

    reply_ratio = None  # the option `udp` says when a reply may be longer than its request

    @dataclass(frozen=True, kw_only=True)
    class Options(_Guarded):
        """Options of `chargen`.

        Parameters:
            limit: bytes after which a stream ends; None: the client ends it.
            rate: bytes a second on a stream; None: as fast as the client takes them.
            udp: `"safe"`: replies over UDP are shorter than their request; `"rfc"`: up to 512 bytes for any.
            udp_burst: replies over UDP that one client gets at once; after that one a second. A client is an address
                and port, in the mode `"rfc"` a host.

        Errors: `ConfigurationError` for a value that is out of range.
        """

        limit: int | None = None
        rate: int | None = None

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("limit", "rate"):
                if getattr(self, name) is not None:
                    _check_number(name, getattr(self, name), "bytes")

    options: Options

    def draw(self, low: int, high: int) -> int:
        """A random number from `low` to `high`. Overridden in tests."""
        return random.randint(low, high)

    def reply(self, request: int) -> bytes:
        """ "A random number (between 0 and 512) of characters" (RFC 864); but 0 would look like a lost packet."""
        most = LONGEST
        if self.options.udp == "safe" and isinstance(self.context.client_address, tuple):
            most = min(most, request - 1)
        return characters(0, self.draw(1, most)) if most > 0 else b""

    async def fill(self) -> None:
        """Send until the client is gone, the limit is reached or the server drains."""
        connection, limit, rate = self.connection, self.options.limit, self.options.rate
        size = _CHUNK if rate is None else min(_CHUNK, max(1, rate // _TICKS))
        sent, breath = 0, _BREATH
        listening = True
        while not connection.draining and (limit is None or sent < limit):
            chunk = characters(sent, size if limit is None else min(size, limit - sent))
            connection.write(chunk)
            await connection.drain()
            sent += len(chunk)
            # "Any data received is thrown away", and the stream goes on after the client has ended its own: only its
            # closing the connection ends it (RFC 864).
            if listening and await connection.wait_readable(0):
                listening = bool(await connection.read())
            if rate is not None:
                await connection.sleep(len(chunk) / rate)
            elif sent >= breath:
                breath += _BREATH
                await connection.sleep(_PAUSE)
