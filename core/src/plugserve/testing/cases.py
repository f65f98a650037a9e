"""The cases of a matrix: which dialogue on which engine, through which layers, in which pieces."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from plugserve.discovery import Catalog
from plugserve.errors import PlugserveError

from .client_layers import OWN_LAYERS, ClientStack
from .dialogues import Dialogue, LayerPair, find_declared
from .pieces import BYTE_BY_BYTE, WHOLE, Cutting, at_random, cut_in_two
from .reference_handlers import REFERENCE_DIALOGUES

__all__ = ["REFERENCE", "Case", "cases", "find_engines", "installed_engine", "stacks_of"]

REFERENCE: Final = "sync"
"""The engine that all others are compared with."""

SHORT: Final = 400
"""Bytes of input up to which each may be a piece of its own."""


def find_engines() -> tuple[dict[str, Any], list[str]]:
    """The engines that are installed, and `memory`.

    Returns: the mix-in of each by name, None for `memory`, the reference first; and a sentence for each that cannot be
    used here.
    """
    catalog = Catalog()
    engines: dict[str, Any] = {}
    problems: list[str] = []
    for entry in catalog.list_entries("engine"):
        if entry.name == "forking" and not hasattr(os, "fork"):
            continue
        try:
            engines[entry.name] = catalog.load("engine", entry.name)
        except PlugserveError as error:
            problems.append(str(error))
    engines["memory"] = None
    return dict(sorted(engines.items(), key=lambda item: item[0] != REFERENCE)), problems


@functools.cache
def installed_engine(engine: str) -> Any:
    """The mix-in of an engine, looked up once."""
    return Catalog().load("engine", engine)


@dataclass(frozen=True)
class Case:
    """One dialogue on one engine.

    Attributes:
        engine: the engine's name.
        dialogue: what is said.
        transport: `"tcp"`, `"unix"`, `"udp"` or `"unix-dgram"`; on `memory`, `"tcp"` and `"udp"` stand for its own.
        layers: outermost first.
        cutting: how the client's input comes.
        mix_in: the engine's mix-in where it is not installed under that name.
    """

    engine: str
    dialogue: Dialogue
    transport: str = "tcp"
    layers: tuple[LayerPair, ...] = ()
    cutting: Cutting = WHOLE
    mix_in: Any = None

    @property
    def stack(self) -> str:
        """The layers in words."""
        return "+".join(pair.name for pair in self.layers) or "bare"

    @property
    def group(self) -> tuple[str, str, str, str, str]:
        """What decides whether two cases can have one server: all but the cutting."""
        return self.engine, self.transport, self.dialogue.name, self.dialogue.style, self.stack

    @property
    def id(self) -> str:
        """As the name of a test."""
        return "-".join([*self.group, self.cutting.name])

    def on_reference(self) -> Case:
        """The case to compare this one with."""
        return replace(self, engine=REFERENCE, cutting=WHOLE, mix_in=None)

    def __str__(self) -> str:
        return (
            f"{self.dialogue.name} ({self.dialogue.style}, {self.dialogue.handler.__name__}) on {self.engine} over "
            f"{self.transport}, layers: {self.stack}, input: {self.cutting.name}"
        )


def stacks_of(pairs: Iterable[LayerPair], *, nested: bool = True) -> list[tuple[LayerPair, ...]]:
    """No layer, each alone, and each two, one in the other.

    Parameters:
        pairs: the layers.
        nested: whether there shall be stacks of two. A stack that is refused for its order is left out when it is run.
    """
    pairs = list(pairs)
    two = [(outer, inner) for outer in pairs for inner in pairs if outer is not inner] if nested else []
    return [(), *((pair,) for pair in pairs), *two]


def cases(
    *,
    engines: Iterable[str] | None = None,
    dialogues: Iterable[Dialogue] | None = None,
    stacks: Iterable[Sequence[LayerPair]] | None = None,
    transports: Iterable[str] | None = None,
    every_cut: Iterable[str] = ("memory",),
    seeds: int = 2,
    short: int = SHORT,
) -> list[Case]:
    """The cases of a matrix, those of one server next to each other.

    Parameters:
        engines: names; all that are installed if None.
        dialogues: those to have; the kit's own and all that installed packages declare if None.
        stacks: of layers; no, one and two of the kit's own and of those that packages declare if None.
        transports: `"tcp"`, `"unix"`, `"udp"`, `"unix-dgram"`; all if None.
        every_cut: engines on which a short input is cut in two at each byte in turn. On all it is sent whole, and byte
            by byte if it is short.
        seeds: of how many random cuttings; over Unix sockets, where engines do the same as over TCP, of one, and only
            if the input is long.
        short: bytes that an input has at the most that is sent byte by byte and cut at each.

    Raises:
        PluginError: what a package declares cannot be used.
    """
    names = list(find_engines()[0]) if engines is None else list(engines)
    if dialogues is None:
        dialogues = [*REFERENCE_DIALOGUES, *find_declared().dialogues]
    if stacks is None:
        pairs = {pair.name: pair for pair in OWN_LAYERS} | dict(find_declared().layers)
        stacks = stacks_of(pairs.values())
    layers = [tuple(stack) for stack in stacks]
    every_cut = set(every_cut)
    kinds = [kind for kind in ("tcp", "unix", "udp", "unix-dgram") if transports is None or kind in set(transports)]
    if not hasattr(socket, "AF_UNIX"):
        kinds = [kind for kind in kinds if not kind.startswith("unix")]
    result = []
    for engine in names:
        for dialogue in dialogues:
            for kind in kinds:
                if (kind in ("udp", "unix-dgram")) != dialogue.datagrams or (engine == "memory" and "unix" in kind):
                    continue
                for stack in layers:
                    if dialogue.datagrams and any(pair.client for pair in stack):
                        continue
                    case = Case(engine, dialogue, kind, stack)
                    result += [replace(case, cutting=cutting) for cutting in _cuttings(case, every_cut, seeds, short)]
    return result


def _cuttings(case: Case, every_cut: set[str], seeds: int, short: int) -> Iterator[Cutting]:
    yield WHOLE
    if case.dialogue.datagrams or not case.dialogue.cuts:
        return
    size = _input_size(case)
    if size > 1:
        if size <= short:
            yield BYTE_BY_BYTE
            if case.engine in every_cut:
                yield from map(cut_in_two, range(1, size))
        if case.transport != "unix":
            yield from map(at_random, range(seeds))
        elif size > short:
            yield at_random(0)


def _input_size(case: Case) -> int:
    """How many bytes the client sends, as far as that can be known without a server."""
    plain = [step for step in case.dialogue.sends if isinstance(step, bytes)]
    stack = ClientStack([pair.client() for pair in case.layers if pair.client])
    if stack.opened:
        for step in plain:
            stack.write(step)
        if case.dialogue.half_close:
            stack.end()
        return len(stack.raw)
    return len(stack.raw) + sum(map(len, plain))
