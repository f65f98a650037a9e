"""Everything that is installed, on every engine that is installed, behind every layer that is installed."""

from __future__ import annotations

import itertools

import pytest

from plugserve.discovery import list_entries
from plugserve.testing.dialogues import find_declared
from plugserve.testing.matrix import OWN_LAYERS, REFERENCE_DIALOGUES, cases, check, find_engines, outcomes, stacks_of

ENGINES, PROBLEMS = find_engines()
DECLARED = find_declared()
OF_CORE = {"memory"} | {entry.name for entry in list_entries("engine") if entry.distribution == "plugserve"}
OTHERS = sorted(ENGINES.keys() - OF_CORE)
NAMES = list(dict.fromkeys(dialogue.name for dialogue in REFERENCE_DIALOGUES))
PACKAGES = list(dict.fromkeys(dialogue.name.partition(":")[0] for dialogue in DECLARED.dialogues))


def test_what_is_installed_can_be_tried() -> None:
    """Every engine loads, and every layer says what its client does."""
    assert PROBLEMS == []
    assert {"simple", "http"} <= set(PACKAGES)


@pytest.mark.parametrize(
    "name, engine",
    [pytest.param(name, engine, id=f"{name}-{engine}") for name, engine in itertools.product(NAMES, OTHERS)],
)
def test_an_engine_of_another_package_does_the_same_with_the_kits_protocols(name: str, engine: str) -> None:
    """The core tests its own; these are found by their entry points."""
    dialogues = [dialogue for dialogue in REFERENCE_DIALOGUES if dialogue.name == name]
    assert check(cases(engines=[engine], dialogues=dialogues, stacks=stacks_of(OWN_LAYERS))) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("package", PACKAGES)
def test_a_handler_of_a_package_does_the_same_on_every_engine(package: str, engine: str) -> None:
    """Alone and behind two layers: a single one is in between."""
    dialogues = [each for each in DECLARED.dialogues if each.name.partition(":")[0] == package]
    stacks = [(), OWN_LAYERS]
    found = list(outcomes(cases(engines=[engine], dialogues=dialogues, stacks=stacks)))
    assert [difference for outcome in found for difference in outcome.differences] == []
    assert [outcome.skipped for outcome in found if outcome.skipped] == []


@pytest.mark.parametrize(
    "layer, engine",
    [
        pytest.param(layer, engine, id=f"{layer}-{engine}")
        for layer, engine in itertools.product(DECLARED.layers, ENGINES)
    ],
)
def test_a_layer_of_a_package_does_the_same_on_every_engine(layer: str, engine: str) -> None:
    """Outside and inside of the kit's own layers and of others, as far as their order is allowed."""
    pair = DECLARED.layers[layer]
    others = [*OWN_LAYERS, *(other for other in DECLARED.layers.values() if other is not pair)]
    stacks = [(pair,), *((pair, other) for other in others), *((own, pair) for own in OWN_LAYERS)]
    dialogues = [dialogue for dialogue in REFERENCE_DIALOGUES if dialogue.name in ("lines", "banner", "sums")]
    found = list(outcomes(cases(engines=[engine], dialogues=dialogues, stacks=stacks)))
    assert [difference for outcome in found for difference in outcome.differences] == []
    assert any(not outcome.skipped for outcome in found)
