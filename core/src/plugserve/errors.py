"""Every exception of plugserve, by the owner of the failure.

A failure belongs to the peer (`PeerError`: it hung up, broke a limit or the protocol), to the people who wrote the
server (`ConfigurationError`, `PluginError`: the message names the plugin or option and the remedy), or to the host
(`HostError`: out of descriptors, processes, memory). What belongs to the peer is never logged as an error.
"""

from __future__ import annotations

__all__ = [
    "Aborted",
    "ChildError",
    "ConfigurationError",
    "DatagramTruncated",
    "DeadlineExceeded",
    "EndOfStream",
    "HandlerIgnoredAbort",
    "HostError",
    "LimitExceeded",
    "PeerError",
    "PluginError",
    "PlugserveError",
    "ProtocolError",
    "RequestRejected",
    "ShuttingDown",
]


class PlugserveError(Exception):
    """The root of all exceptions that plugserve raises of its own."""


class ConfigurationError(PlugserveError):
    """The server was put together wrongly; it refuses to start. The message says what, where and what to do.

    Parameters:
        message: for people.
        option: the option that is wrong, where a plugin or handler finds fault with its own: the line of the
            configuration that it stands in is then named, too.
        index: which element of that option, counted from 0, if it is a list.
    """

    plugin: str | None = None
    """The name of the plugin that it is about; set by the core."""

    def __init__(self, *message: object, option: str | None = None, index: int | None = None) -> None:
        super().__init__(*message)
        self.option = option
        self.index = index


class PluginError(ConfigurationError):
    """A plugin, handler or engine cannot be used as asked; the message names it and its distribution."""


class RequestRejected(PlugserveError):
    """Raised by a layer or by a `setup` hook to refuse the request; its text is the `reason` that hooks are told."""

    def __init__(self, reason: str = "refused") -> None:
        super().__init__(reason)
        self.reason = reason


class PeerError(PlugserveError):
    """The peer did wrong, or went away."""


class EndOfStream(PeerError):
    """The stream ended before what was asked for was complete.

    Parameters:
        partial: the bytes that did arrive, at most as many as were asked for.
    """

    def __init__(self, message: str, partial: bytes = b"") -> None:
        super().__init__(message)
        self.partial = partial


class LimitExceeded(PeerError):
    """The peer sent or left unread more than the limit in force."""


class ProtocolError(PeerError):
    """The peer broke the rules of the protocol."""


class DatagramTruncated(PeerError, OSError):
    """A datagram was longer than the server's `max_packet_size`; what was left of it has been dropped.

    An `OSError`, because `get_request` may fail with nothing else without ending a classic loop.

    Parameters:
        client_address: where it came from.
        limit: the server's `max_packet_size`, in bytes.
    """

    def __init__(self, client_address: object, limit: int) -> None:
        super().__init__(f"a datagram of more than {limit} bytes was dropped: raise max_packet_size to accept it")
        self.client_address = client_address
        self.limit = limit


class Aborted(PlugserveError):
    """The connection was ended from outside: every pending and later I/O call on it raises this same exception."""


class DeadlineExceeded(Aborted):
    """A deadline of `Limits` passed before the peer did its part."""


class ShuttingDown(Aborted):
    """The server stopped, or its drain deadline passed."""


class HandlerIgnoredAbort(BaseException):
    """Raised at the second I/O call after an abort, so that a handler that swallows `Exception` in a loop ends too."""


class ChildError(PlugserveError):
    """What a handler raised in a child process, as the parent's observers are told of it.

    Parameters:
        kind: the name of the original exception's class.
        text: its text.
        trace: its traceback as printed, `""` if the child could not tell.
    """

    def __init__(self, kind: str, text: str, trace: str) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind
        self.text = text
        self.trace = trace


class HostError(PlugserveError):
    """The host is out of a resource: descriptors, processes, threads or memory."""
