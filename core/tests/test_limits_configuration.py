"""Limits as they are written in a file: every one can be, and what is wrong is told."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from plugserve import ConfigurationError, Limits
from plugserve.discovery import Catalog
from plugserve.options import OptionsError, build
from plugserve.schema import schema_of

OTHERS: dict[str, Any] = {"count_local_peers": True, "when_full": "wait", "ipv6_prefix": 56}
NAMES = [one.name for one in fields(Limits)]


def given(name: str) -> Any:
    """A value that is right, and not the default."""
    return OTHERS.get(name, 7)


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_can_be_given_under_both_spellings(name: str) -> None:
    """With `-` as with `_`, and as text, which is what a command line has."""
    value = given(name)
    for key, written in ((name, value), (name.replace("_", "-"), value), (name, str(value).lower())):
        limits = build(Limits, {key: written}, what="[listen.limits]")
        assert getattr(limits, name) == value
        assert limits != Limits()


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelled_limit_is_told_with_the_nearest_right_name(name: str) -> None:
    """And nothing is taken for something else."""
    right = name.replace("_", "-")
    with pytest.raises(OptionsError, match=rf"did you mean '{right}'\?"):
        build(Limits, {right + "x": given(name)}, what="[listen.limits]")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHERS])
def test_a_limit_with_a_unit_is_told_to_be_no_number(name: str) -> None:
    """Times are seconds and sizes are bytes, without a word for it."""
    with pytest.raises(ConfigurationError, match=r"number|integer"):
        build(Limits, {name: "30s"}, what="[listen.limits]")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("count_local_peers", "when_full")])
@pytest.mark.parametrize("value", [0, -1, float("nan"), "much"])
def test_what_is_no_positive_number_is_refused_in_code_too(name: str, value: Any) -> None:
    """By name, and never with a traceback of a comparison."""
    with pytest.raises(ConfigurationError, match=f"limits: {name} is .*: give a number above 0"):
        Limits(**{name: value})


def test_infinity_is_no_limit() -> None:
    """No clock can wait that long; where there must be a limit it is refused."""
    assert Limits(idle=float("inf"), write_timeout=float("inf")) == Limits(idle=None, write_timeout=None)
    with pytest.raises(ConfigurationError, match="close_timeout is inf: give a number that ends"):
        Limits(close_timeout=float("inf"))
    with pytest.raises(ConfigurationError, match="layers_timeout is None: give a number above 0"):
        Limits(layers_timeout=None)  # type: ignore[arg-type]


def test_the_low_mark_is_not_above_the_high_one() -> None:
    """It would never be fallen below; left out, it follows the high one."""
    assert Limits(high_water=4000).resume_at == 1000
    assert Limits(high_water=4000, low_water=3000).resume_at == 3000
    with pytest.raises(ConfigurationError, match="low_water is 3000: give no more than high_water, which is 2000"):
        Limits(high_water=2000, low_water=3000)


def test_the_schema_knows_every_limit_with_its_default() -> None:
    """So that an editor completes and explains them."""
    schema = schema_of({}, Catalog())
    shown = schema["properties"]["listen"]["items"]["properties"]["limits"]["properties"]
    assert {name.replace("-", "_") for name in shown} >= set(NAMES)
    for name in NAMES:
        assert shown[name.replace("_", "-")]["description"], name
    assert shown["when-full"]["enum"] == ["refuse", "wait"]
