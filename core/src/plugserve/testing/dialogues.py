"""Dialogues: what a client of a handler does, and what it must get; and how packages say which ones to try.

A distribution names a module in the entry-point group `plugserve.dialogues`:

```toml
[project.entry-points."plugserve.dialogues"]
echo = "plugserve_echo.dialogues"
```

The module has a list `DIALOGUES` of `Dialogue`, a list `LAYERS` of `LayerPair`, or both. It is imported by whoever runs
the matrix, never by a server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol, cast

from plugserve.errors import ConfigurationError, PluginError
from plugserve.handlers import ModernHandler
from plugserve.limits import Limits

__all__ = ["GROUP", "Await", "ClientSide", "Declared", "Dialogue", "LayerPair", "Style", "find_declared", "in_styles"]

GROUP: Final = "plugserve.dialogues"
"""The entry-point group of modules with dialogues."""

Style = Literal["classic", "coroutine", "protocol"]


@dataclass(frozen=True)
class Await:
    """In what a client does: wait until this many bytes of the answer have come, counted from the beginning."""

    count: int


@dataclass(frozen=True)
class Dialogue:
    """One whole conversation of a client with a handler.

    Parameters:
        handler: the handler class, of any style.
        sends: what the client does, in order: bytes that it sends, and `Await`. Over datagrams each is one datagram,
            and a request of its own. These are the bytes of the handler's protocol: what layers make of them is not
            the dialogue's business.
        options: an instance of the handler's `Options`; its defaults if None.
        expects: all that the handler must answer; None compares with the engine `sync` only. Over datagrams a sequence
            with the reply to each, None where there must be none.
        greeting: what a server that speaks first says; the client waits for it before it does anything.
        half_close: whether the client ends its side of the stream after the last of `sends`, and reads on.
        leaves_after: the client closes once it has received this many bytes; None: it reads until the server ends the
            stream.
        datagrams: a dialogue over datagrams; otherwise over a stream.
        orderly: whether both sides read all that the other sends. Where one leaves while the other still sends, chance
            decides how many bytes went over the wire and whether the end is a reset, so these are not compared.
        cuts: whether its input is also to be cut into pieces: not for a dialogue that costs real time.
        limits: the server's limits; its own default if None.
        name: to be known by: handlers of the same name and different styles are compared with each other, too. The
            name of the class if empty.

    Errors: `ConfigurationError` for what contradicts itself.
    """

    handler: type[Any]
    sends: Sequence[bytes | Await] = ()
    options: Any = None
    expects: bytes | Sequence[bytes | None] | None = None
    greeting: bytes = b""
    half_close: bool = False
    leaves_after: int | None = None
    datagrams: bool = False
    orderly: bool = True
    cuts: bool = True
    limits: Limits | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.handler.__name__)
        if self.datagrams:
            if any(isinstance(step, Await) for step in self.sends):
                raise ConfigurationError(f"dialogue {self.name}: a datagram is answered or not: there is no Await")
            if isinstance(self.expects, bytes):
                raise ConfigurationError(f"dialogue {self.name}: give 'expects' as a list of one reply a datagram")
        elif self.expects is not None and not isinstance(self.expects, bytes):
            raise ConfigurationError(f"dialogue {self.name}: give 'expects' as bytes: a stream has no packets")

    @property
    def style(self) -> Style:
        """The style of its handler."""
        return cast("Style", self.handler._style) if issubclass(self.handler, ModernHandler) else "classic"


def in_styles(
    name: str, classic: type[Any], coroutine: type[Any], protocol: type[Any], **arguments: Any
) -> list[Dialogue]:
    """The same dialogue with one protocol written in each of the three styles.

    Parameters: `arguments` are those of `Dialogue`.
    """
    return [Dialogue(handler, name=name, **arguments) for handler in (classic, coroutine, protocol)]


class ClientSide(Protocol):
    """The client's side of a layer, sans-I/O: like a `Transform`, and it begins."""

    @property
    def opened(self) -> bool:
        """Whether bytes of what lies inside may be sent. True from the start if the client need not wait for an
        answer: then what follows goes out at once, in the same segment."""

    @property
    def ended(self) -> bool:
        """Whether the server has ended the plain stream."""

    def opening(self) -> bytes:
        """What the client sends first (a header, a ClientHello)."""

    def feed(self, raw: bytes) -> bytes:
        """As `Transform.feed`: the server's bytes; `b""` is the end of the stream below."""

    def encode(self, plain: bytes) -> bytes:
        """As `Transform.encode`."""

    def pending(self) -> bytes:
        """As `Transform.pending`; asked after each `feed`."""

    def close(self) -> bytes:
        """As `Transform.close`: what ends the client's plain stream."""


@dataclass(frozen=True)
class LayerPair:
    """A layer, and what a client says to it.

    Parameters:
        name: to be known by; that of the plugin's entry point, so that it counts as tried.
        server: makes the plugin, a new one for each server.
        client: makes the client's side, a new one for each connection; None for a plugin that does no I/O.
        exact: whether as many raw bytes carry the same plain bytes however these are written: not for a layer that
            makes a record of each write.
    """

    name: str
    server: Callable[[], Any]
    client: Callable[[], ClientSide] | None = None
    exact: bool = True


@dataclass(frozen=True)
class Declared:
    """What the installed packages declare.

    Attributes:
        dialogues: all of them; the name of each begins with that of its entry point.
        layers: the layer pairs by name.
        problems: packages whose declaration cannot be used: a sentence each.
    """

    dialogues: Sequence[Dialogue] = ()
    layers: Mapping[str, LayerPair] = field(default_factory=dict)
    problems: Sequence[str] = ()


def find_declared(*, strict: bool = True) -> Declared:
    """What the installed packages declare in the group `plugserve.dialogues`.

    Parameters:
        strict: whether one that cannot be used is an error; otherwise it is in `problems`.

    Raises:
        PluginError: a module cannot be imported, or declares something else; the message names the distribution.
    """
    import importlib_metadata

    dialogues: list[Dialogue] = []
    layers: dict[str, LayerPair] = {}
    problems: list[str] = []
    for point in sorted(importlib_metadata.entry_points(group=GROUP), key=lambda point: point.name):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown distribution"
        try:
            module: Any = point.load()
            found = list(getattr(module, "DIALOGUES", ()))
            pairs = list(getattr(module, "LAYERS", ()))
            right = all(isinstance(item, Dialogue) for item in found) and all(
                isinstance(item, LayerPair) for item in pairs
            )
            if not right or not found + pairs:
                raise TypeError(
                    f"{point.value} needs a list DIALOGUES of Dialogue, a list LAYERS of LayerPair, or both"
                )
        except Exception as error:
            problem = f"the dialogues '{point.name}' of {origin} cannot be used: {type(error).__name__}: {error}"
            if strict:
                raise PluginError(problem) from error
            problems.append(problem)
            continue
        dialogues += [
            replace(item, name=item.name if item.name.split(":")[0] == point.name else f"{point.name}:{item.name}")
            for item in found
        ]
        layers |= {pair.name: pair for pair in pairs}
    return Declared(dialogues, layers, problems)
