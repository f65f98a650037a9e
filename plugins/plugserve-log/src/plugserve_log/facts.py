"""What is known of a request or failure, taken down where it happens, and made into the fields of a line later.

The hooks run where time is dear, in the threads of the server: they take down references to a few facts as one tuple.
Everything else is done by the writer's thread. What could change, or hold a request's memory, in between is made into
text at once: an identity, an exception.
"""

from __future__ import annotations

import os
import traceback
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Final

from plugserve import errors
from plugserve.errors import ChildError, PeerError

from .escaping import MOST_TEXT, clip, clip_middle, quote

if TYPE_CHECKING:
    from plugserve import BaseServer, Context

__all__ = [
    "REJECTED",
    "REQUEST",
    "Clock",
    "Facts",
    "Listener",
    "belongs_to_peer",
    "client_fields",
    "error_fields",
    "exception_name",
    "request_fields",
    "show_address",
    "split_address",
    "text_of",
    "trace_of",
]

REQUEST: Final = "request"
REJECTED: Final = "rejected"

Facts = tuple[
    str,  # REQUEST or REJECTED
    "Listener",
    int,  # the request's number
    Any,  # the client's address
    Any,  # the peer's
    Any,  # identity, text or None
    str,  # outcome
    str,  # reason
    Any,  # by whom it was rejected, text or None
    float,  # accepted, seconds since the epoch
    float,  # duration in seconds
    Any,  # bytes in, int or None
    Any,  # bytes out, int or None
]
"""What a hook takes down of a request. A plain tuple: it costs a third of a named one."""


class Listener:
    """What all requests of one server have in common."""

    __slots__ = ("address", "engine", "handler", "json", "name", "transport")

    def __init__(self, server: BaseServer) -> None:
        self.name = text_of(server.listener_name)
        self.handler = text_of(server.handler_name)
        self.engine = text_of(server.engine_name)
        self.transport = text_of(getattr(server, "transport", ""))
        self.address = show_address(server.server_address)
        self.json = f'"listener":{quote(self.name)},"handler":{quote(self.handler)}'
        """What is the same in the JSON of each of its requests."""

    def fields(self) -> dict[str, Any]:
        """What the lines `start` and `stop` say."""
        return {
            "listener": self.name,
            "handler": self.handler,
            "engine": self.engine,
            "transport": self.transport,
            "address": self.address,
            "pid": os.getpid(),
        }


class Clock:
    """Times as ISO 8601 in UTC with microseconds; the second before the point is made once a second."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def show(self, when: float) -> str:
        """A time in seconds since the epoch, such as `2026-01-31T23:59:59.000123Z`; cut, not rounded, as clocks are."""
        second = int(when)
        if second != self._second:
            self._prefix = strftime("%Y-%m-%dT%H:%M:%S.", gmtime(second))
            self._second = second
        return "%s%06dZ" % (self._prefix, (when - second) * 1_000_000)


def request_fields(time: str, level: str, facts: Facts) -> dict[str, Any]:
    """The fields of a line about a request, in the order in which they are written."""
    event, listener, number, address, peer, identity, outcome, reason, rejected_by, _, duration, received, sent = facts
    client, port = split_address(address)
    return {
        "time": time,
        "level": level,
        "event": event,
        "id": number,
        "listener": listener.name,
        "handler": listener.handler,
        "client": client,
        "port": port,
        "peer": None if peer is address or peer == address else show_address(peer),
        "identity": identity,
        "outcome": outcome,
        "reason": reason,
        "rejected_by": rejected_by,
        "duration": duration,
        "bytes_in": received,
        "bytes_out": sent,
    }


def split_address(address: Any) -> tuple[str | None, int | None]:
    """The host, path or context id of an address, and its port; None where it has none."""
    if type(address) is tuple and len(address) >= 2:
        host, port = address[0], address[1]
        if type(port) is int:
            return (host if type(host) is str else text_of(host)), port
    if isinstance(address, (str, bytes, os.PathLike)):
        # An unnamed Unix socket, which every client has that does not bind, is the empty name: unix(7).
        return (os.fsdecode(address) or None), None
    return (None if address is None else text_of(address)), None


def show_address(address: Any) -> str | None:
    """An address in one piece: `192.0.2.1:80`, `[2001:db8::1]:80`, `/run/echo.sock`."""
    host, port = split_address(address)
    if port is None:
        return host
    return f"[{host}]:{port}" if host is not None and ":" in host else f"{host}:{port}"


def client_fields(listener: Listener, context: Context) -> dict[str, Any]:
    """Which request a line is about that is not the request's own."""
    address, peer = context.client_address, context.peer_address
    client, port = split_address(address)
    identity = context.identity
    return {
        "id": context.id,
        "listener": listener.name,
        "handler": listener.handler,
        "client": client,
        "port": port,
        "peer": None if peer == address else show_address(peer),
        "identity": None if identity is None else text_of(identity),
    }


def error_fields(exception: BaseException, *, trace: bool) -> dict[str, Any]:
    """What there is to say of an exception.

    Parameters:
        exception: as the hook got it.
        trace: whether to say where it came from. Never with the values of variables: they may hold what a client must
            keep secret.
    """
    text = exception.text if isinstance(exception, ChildError) else exception
    fields = {"exception": exception_name(exception), "text": text_of(text)}
    if trace:
        fields["traceback"] = trace_of(exception)
    return fields


def exception_name(exception: BaseException) -> str:
    """The class of an exception, with its module unless everybody knows it."""
    if isinstance(exception, ChildError):
        return clip(exception.kind)
    kind = type(exception)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def trace_of(exception: BaseException) -> str:
    """The traceback as Python prints it."""
    if isinstance(exception, ChildError):
        return clip_middle(exception.trace)
    try:
        lines = traceback.format_exception(exception)
    except Exception as failure:
        # `__notes__` and `__cause__` may be anything.
        return f"(no traceback: {type(failure).__name__} while it was made)"
    return clip_middle("".join(lines).rstrip("\n"))


def belongs_to_peer(outcome: str, exception: BaseException) -> bool:
    """Whether a failure is the peer's doing, or the shutdown's, and nobody's mistake here."""
    if outcome in ("peer-closed", "aborted"):
        return True
    kind: Any = type(exception)
    if isinstance(exception, ChildError):
        # The class itself stayed in the child; of its name, only ours say whose failure it was.
        kind = getattr(errors, exception.kind.rpartition(".")[2], None)
    return isinstance(kind, type) and issubclass(kind, PeerError)


def text_of(thing: object) -> str:
    """Anything as text of bounded length; what cannot be shown is named by its class."""
    if type(thing) is str:
        return thing if len(thing) <= MOST_TEXT else clip(thing)
    try:
        # A subclass may show itself as one; from here on its methods must be those of str.
        return clip(str.__str__(str(thing)))
    except Exception:
        return f"<{type(thing).__name__} that cannot be shown>"
