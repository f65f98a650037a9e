"""Lines out of facts, through structlog: one pipeline of processors, one for each format, and no global configuration.

structlog is imported when the first `Renderer` is made, not before: it takes longer to import than a server to start.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from time import time
from typing import Any, Final, Literal

from .escaping import escaped, quote, to_json
from .facts import REJECTED, REQUEST, Clock, Facts, request_fields, show_address, split_address
from .human import Human

__all__ = ["LEVELS", "Format", "Level", "Line", "Renderer"]

Format = Literal["human", "json"]
Level = Literal["debug", "info", "warning", "error"]

LEVELS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""As in `logging`."""

Line = tuple[str, Level, float, dict[str, Any]]
"""A line that is not about a whole request: event, level, seconds since the epoch, fields."""

Event = MutableMapping[str, Any]


class Renderer:
    """Makes lines, each with its line break.

    Parameters:
        form: `"human"` or `"json"`.
        colours: whether levels may be coloured, on a terminal.
        ascii_only: for people, whether to escape what is not ASCII. JSON is always ASCII.
    """

    def __init__(self, form: Format, *, colours: bool = False, ascii_only: bool = False) -> None:
        import structlog

        self._clock = Clock()
        self._collected: list[str] = []
        if form == "json":
            processors: list[Any] = [self._spread_others, structlog.processors.JSONRenderer(serializer=self._serialize)]
        else:
            processors = [self._spread, Human(colours, ascii_only)]
        self._log = structlog.wrap_logger(
            _Collector(self._collected),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger("debug"),
            context_class=dict,
        ).bind()

    def render(self, item: Facts | Line) -> bytes:
        """One line in UTF-8, its line break included. Never raises an `Exception`.

        Parameters:
            item: what a hook took down.
        """
        collected = self._collected
        try:
            if item[0] is REQUEST or item[0] is REJECTED:
                self._log.info(item[0], facts=item)
            else:
                event, level, when, fields = item  # type: ignore[misc]  # told apart by its first element
                getattr(self._log, level)(event, when=when, fields=fields)
            return (collected.pop() + "\n").encode()
        except Exception as failure:
            # An address that nobody foresaw must not take the line away, and still less the writer.
            collected.clear()
            name = type(failure).__name__
            line = {"time": self._clock.show(time()), "level": "error", "event": "unshowable", "exception": name}
            return (to_json(line) + "\n").encode()

    def _spread(self, _: Any, level: str, event: Event) -> Event:
        """The processor that makes the fields, in the order in which they are written."""
        facts = event.get("facts")
        if facts is not None:
            return request_fields(self._clock.show(facts[9] + facts[10]), level, facts)
        return {"time": self._clock.show(event["when"]), "level": level, "event": event["event"], **event["fields"]}

    def _spread_others(self, logger: Any, level: str, event: Event) -> Event:
        """The same for lines that are not about a request: those `_serialize` writes without a table of fields."""
        return event if "facts" in event else self._spread(logger, level, event)

    def _serialize(self, event: Event, **_: Any) -> str:
        """What structlog's `JSONRenderer` calls instead of `json.dumps`.

        The line of a request is put together here by hand, in a third of the time that the general way takes; a test
        holds the two together.
        """
        facts: Facts | None = event.get("facts")
        if facts is None:
            return to_json(dict(event))
        word, listener, number, address, peer, who, outcome, reason, by, accepted, lasted, received, sent = facts
        client, port = split_address(address)
        when = self._clock.show(accepted + lasted)
        line = (
            f'{{"time":"{when}","level":"info","event":"{word}","id":{number:d},{listener.json}'
            f',"client":{_text(client)},"port":{_number(port)}'
            f',"peer":{"null" if peer is address or peer == address else _text(show_address(peer))}'
            f',"identity":{_text(who)},"outcome":{quote(outcome)},"reason":{quote(reason)},"rejected_by":{_text(by)}'
            f',"duration":{lasted:.6f},"bytes_in":{_number(received)},"bytes_out":{_number(sent)}}}'
        )
        if escaped(line):
            return line
        return to_json({**request_fields(when, "info", facts), "duration": round(lasted, 6)})


class _Collector:
    """What structlog takes for the logger underneath: keeps each line until it is fetched."""

    def __init__(self, lines: list[str]) -> None:
        self.debug = self.info = self.warning = self.error = lines.append


def _text(value: str | None) -> str:
    return "null" if value is None else quote(value)


def _number(value: int | None) -> str:
    return "null" if value is None else f"{value:d}"
