from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from plugserve.configuration import Listen, Top
from plugserve.docstrings import parameters_of, summary_of
from plugserve.limits import Limits
from plugserve.options import options_of


class Documented:
    """Says something
    on two lines.

    And more.

    Parameters:
        allow: rules for peers
            that are served; as in
            `allow: this`.
        deny, deny_file: rules for others.

        level: after a blank line.

    Errors: none: never.
    """


class Inherits(Documented):
    pass


@dataclass
class Plain:
    name: str


def function() -> None:
    """A function.

    Parameters:
        given: a value.
    """


class OnlyParameters:
    """Parameters:
    given: right at the top.
    """


class Tabs:
    """Tabs.

    Parameters:
    \tgiven: a value
    \t\ton two lines.
    """


def test_each_parameter_has_its_description_on_one_line() -> None:
    """Lines that go on are joined, several names share one description, the next section ends it."""
    assert parameters_of(Documented) == {
        "allow": "rules for peers that are served; as in `allow: this`.",
        "deny": "rules for others.",
        "deny_file": "rules for others.",
        "level": "after a blank line.",
    }


def test_the_summary_is_the_first_paragraph() -> None:
    """On one line, and without the rest."""
    assert summary_of(Documented) == "Says something on two lines."
    assert summary_of(function) == "A function."


@pytest.mark.parametrize("thing", [Inherits, Plain, object(), 5, type("Nameless", (), {})])
def test_what_documents_nothing_itself(thing: Any) -> None:
    """What a base class, `dataclass` or a builtin says is not about this one's options."""
    assert parameters_of(thing) == {}
    if isinstance(thing, type):
        assert summary_of(thing) == ""


def test_other_forms() -> None:
    """A function, and indentation with tabs; what has no indentation belongs to no section."""
    assert parameters_of(function) == {"given": "a value."}
    assert parameters_of(Tabs) == {"given": "a value on two lines."}
    assert parameters_of(OnlyParameters) == {}


@pytest.mark.parametrize("target", [Top, Listen, Limits])
def test_all_that_a_file_can_say_is_described(target: Any) -> None:
    """The schema, and so the editor, has a description of each key of the frame."""
    assert {option.name for option in options_of(target)} <= set(parameters_of(target))
