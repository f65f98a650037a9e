"""Every handler style on every engine, through every stack of layers, compared with the engine `sync`.

```python
from plugserve.testing.matrix import Dialogue, cases, check

def test_my_protocol() -> None:
    assert check(cases(dialogues=[Dialogue(MyHandler, [b"hello\\n"], expects=b"HELLO\\n", half_close=True)])) == []
```

What is installed is found by itself: engines, dialogues and layers. `python -m plugserve.testing.matrix` prints a
table.

A case is one dialogue on one engine through one stack of layers, its input cut in one way. What is compared is all that
a client, a plugin and a log can see: the bytes, how the stream ended, the hooks with their facts, the facts of the
context at the end. The reference is the same dialogue, whole, on `sync`; and that of the first style on `sync` for the
same protocol in other styles.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from plugserve.discovery import Catalog
from plugserve.errors import PlugserveError

from .callers import PATIENCE
from .cases import REFERENCE, SHORT, Case, cases, find_engines, stacks_of
from .client_layers import OWN_LAYERS
from .dialogues import Await, ClientSide, Dialogue, LayerPair, find_declared, in_styles
from .observing import Observation, assert_same, differences
from .pieces import BYTE_BY_BYTE, WHOLE, Cutting, at_random, cut_in_two
from .reference_handlers import REFERENCE_DIALOGUES
from .stage import Stage, run

__all__ = [
    "BYTE_BY_BYTE",
    "OWN_LAYERS",
    "REFERENCE",
    "REFERENCE_DIALOGUES",
    "WHOLE",
    "Await",
    "Case",
    "ClientSide",
    "Cutting",
    "Dialogue",
    "Difference",
    "LayerPair",
    "Observation",
    "Outcome",
    "Stage",
    "assert_same",
    "at_random",
    "cases",
    "check",
    "cut_in_two",
    "differences",
    "find_engines",
    "in_styles",
    "main",
    "outcomes",
    "run",
    "stacks_of",
]


_EVERY = 4096
"""With `--every-cut`, the length of the longest input that is cut at each byte: a whole handshake is shorter."""


class Difference(NamedTuple):
    """A case that is not as it should be."""

    case: Case
    text: str
    """What differs, for people."""

    def __str__(self) -> str:
        return self.text


class Outcome(NamedTuple):
    """What became of the cases of one server."""

    case: Case
    """The first of them."""
    tried: int
    differences: Sequence[Difference]
    skipped: str
    """Why none was run; empty if they were."""


def outcomes(wanted: Iterable[Case], *, patience: float = PATIENCE) -> Iterator[Outcome]:
    """Run cases, one server at a time, and compare each with its reference.

    Parameters:
        wanted: those of one server next to each other, as `cases` gives them.
        patience: as in `Stage`.
    """
    known: dict[tuple[str, ...], Observation | str] = {}

    def reference_of(case: Case) -> Observation | str:
        case = case.on_reference()
        if case.group not in known:
            try:
                with Stage(case, patience=patience) as stage:
                    known[case.group] = stage.run(case)
            except PlugserveError as refusal:
                known[case.group] = str(refusal)
        return known[case.group]

    first_style: dict[tuple[str, ...], Case] = {}
    for _, members in groupby(wanted, key=lambda case: case.group):
        group = list(members)
        case = group[0]
        reference = reference_of(case)
        if isinstance(reference, str):
            yield Outcome(case, len(group), [], reference)
            continue
        elder = first_style.setdefault((case.transport, case.dialogue.name, case.stack), case)
        found: list[Difference] = []
        kin = reference_of(elder)
        # Styles are compared once, not on each engine.
        if case.engine == REFERENCE and elder.dialogue.style != case.dialogue.style and not isinstance(kin, str):
            text = differences(reference, kin)
            if text:
                found.append(Difference(case.on_reference(), text))
        try:
            with Stage(case, patience=patience) as stage:
                for member in group:
                    seen = stage.run(member)
                    # What is wrong on both is not seen by comparing the two.
                    if text := differences(seen, reference) or _unexpected(member, seen):
                        found.append(Difference(member, text))
            if stage.late:
                text = f"{case}\ncalls hooks when the request is over:\n" + "\n".join(stage.late)
                found.append(Difference(case, text))
        except PlugserveError as refusal:
            yield Outcome(case, len(group), found, f"refused on {case.engine}: {refusal}")
            continue
        yield Outcome(case, len(group), found, "")


def _unexpected(case: Case, seen: Observation) -> str:
    """What differs from what the dialogue itself says."""
    expects = case.dialogue.expects
    # A plugin that only votes may refuse whom it likes, as long as it does so everywhere.
    voted_out = seen.facts.get("outcome") == "rejected" and any(pair.client is None for pair in case.layers)
    if expects is None or voted_out:
        return ""
    wanted = expects if isinstance(expects, bytes) else tuple(expects)
    return differences(seen, replace(seen, label="what the dialogue expects", transcript=wanted))


def check(wanted: Iterable[Case], *, patience: float = PATIENCE) -> list[Difference]:
    """Run cases and compare each with its reference.

    Parameters: as `outcomes`.

    Returns: the cases that are not as they should be.
    """
    return [difference for outcome in outcomes(wanted, patience=patience) for difference in outcome.differences]


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m plugserve.testing.matrix`: run the matrix of what is installed and print a table.

    Returns: 0, or 1 if anything differs, or 2 for a name that is not there.
    """
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m plugserve.testing.matrix",
        description="Run every installed dialogue on every installed engine, and compare with the engine sync.",
    )
    parser.add_argument("--engine", action="append", help="only this engine; may be given again")
    parser.add_argument(
        "--handler",
        action="append",
        help="only dialogues of this name, such as lines, simple:echo, or simple for all of these; may be given again",
    )
    parser.add_argument("--plugin", action="append", help="only stacks with this layer or plugin; may be given again")
    parser.add_argument("--every-cut", action="store_true", help="cut inputs at each byte, on every engine")
    parser.add_argument("--seeds", type=int, default=2, help="how many random cuttings (2)")
    given = parser.parse_args(arguments)
    engines, problems = find_engines()
    declared = find_declared(strict=False)
    pairs = {pair.name: pair for pair in OWN_LAYERS} | dict(declared.layers)
    dialogues = [*REFERENCE_DIALOGUES, *declared.dialogues]
    try:
        stacks = stacks_of(_chosen_pairs(given.plugin, pairs).values())
        names = _chosen("engine", given.engine, list(engines))
        dialogues = _chosen_dialogues(given.handler, dialogues)
    except PlugserveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.plugin:
        stacks = [stack for stack in stacks if any(pair.name in given.plugin for pair in stack)]
    table: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    found: list[Difference] = []
    skipped: dict[str, None] = {}
    every_cut = list(engines) if given.every_cut else ["memory"]
    for outcome in outcomes(
        cases(
            engines=names,
            dialogues=dialogues,
            stacks=stacks,
            every_cut=every_cut,
            seeds=given.seeds,
            short=_EVERY if given.every_cut else SHORT,
        )
    ):
        case = outcome.case
        if outcome.skipped:
            skipped[f"{case.dialogue.name} ({case.dialogue.style}), layers {case.stack}: {outcome.skipped}"] = None
        row = table.setdefault((case.dialogue.name, case.dialogue.style, case.transport), {})
        cell = row.setdefault(case.engine, [0, 0])
        cell[0] += 0 if outcome.skipped else outcome.tried
        cell[1] += len(outcome.differences)
        found += outcome.differences
    _print_table(table, names)
    for text in [*problems, *declared.problems, *_untried_layers(pairs), *skipped]:
        print(f"not tried: {text}")
    for difference in found:
        print(f"\n{difference}")
    total = sum(cell[0] for row in table.values() for cell in row.values())
    print(f"\n{total} dialogues, {len(found)} differences")
    return 1 if found else 0


def _chosen(what: str, given: list[str] | None, there: list[str]) -> list[str]:
    for name in given or ():
        # An engine that is not installed is named by its class, `file.py:MixIn`.
        if name not in there and not (what == "engine" and ":" in name):
            raise PlugserveError(f"there is no {what} '{name}' to try: use one of {', '.join(there)}")
    return given or there


def _chosen_dialogues(given: list[str] | None, there: list[Dialogue]) -> list[Dialogue]:
    """Those of the names, and those of the entry points that are named."""
    known = dict.fromkeys(name for each in there for name in (each.name, each.name.partition(":")[0]))
    names = _chosen("handler", given, list(known))
    return [each for each in there if each.name in names or each.name.partition(":")[0] in names]


def _chosen_pairs(given: list[str] | None, pairs: dict[str, LayerPair]) -> dict[str, LayerPair]:
    """Those named that declare no client's side are plugins without I/O, made without arguments."""
    result = dict(pairs)
    for name in given or ():
        if name in result:
            continue
        plugin = Catalog().load("plugin", name)
        if hasattr(plugin, "open_connection"):
            raise PlugserveError(
                f"the plugin '{name}' is a layer, and no installed package says what its client does: declare a "
                f"LayerPair('{name}', ...) in LAYERS of a module in the entry-point group plugserve.dialogues"
            )
        try:
            plugin()
        except Exception as error:
            raise PlugserveError(f"the plugin '{name}' cannot be made without arguments: {error}") from error
        result[name] = LayerPair(name, plugin)
    return result


def _untried_layers(pairs: dict[str, LayerPair]) -> Iterator[str]:
    catalog = Catalog()
    for entry in catalog.list_entries("plugin"):
        try:
            if entry.name not in pairs and hasattr(catalog.load("plugin", entry.name), "open_connection"):
                yield f"the layer '{entry.name}' of {entry.origin}: no LayerPair says what its client does"
        except PlugserveError as error:
            yield str(error)


def _print_table(table: dict[tuple[str, str, str], dict[str, list[int]]], engines: Sequence[str]) -> None:
    """A row for each dialogue, a column for each engine: how many cases, or how many of them differ."""

    def cell(counts: list[int] | None) -> str:
        if not counts or (not counts[0] and not counts[1]):
            return "-"
        return f"{counts[0]} ({counts[1]} differ)" if counts[1] else str(counts[0])

    rows = [["dialogue", "style", "over", *engines]]
    rows += [[*key, *(cell(row.get(engine)) for engine in engines)] for key, row in table.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
