"""The README's examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from plugserve.testing import hosted
from plugserve_auth import Auth
from plugserve_auth.authenticator import MECHANISMS
from plugserve_auth.throttle import ThrottleLimits

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_server_and_client(users: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The client of the README is greeted by its server."""
    monkeypatch.chdir(users.parent)
    server, client = blocks("python")[:2]
    names: dict[str, Any] = {}
    exec(server[: server.index("with ThreadingTCPServer")], names)
    with hosted("threading", names["Hello"], plugins=[names["auth"]]) as host:
        port = host.server.server_address[1]  # type: ignore[index]
        exec(client.replace("7007", str(port)), {})
    assert capsys.readouterr().out == "b'hello alice\\n'\n"


def test_options_are_listed() -> None:
    """Every option has its row, and no other has one."""
    from plugserve.options import options_of

    table = README[README.index("## Options") : README.index("## Who asks")]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [option.name for option in options_of(Auth)]


def test_defaults_are_told() -> None:
    """The numbers of the throttle, and the names of the mechanisms, are those of the code."""
    limits = ThrottleLimits()
    shown = re.search(r"`throttle = \{ (.*?) \}`", README)
    assert shown
    told = dict(pair.split(" = ") for pair in shown[1].split(", "))
    assert {name: float(value) for name, value in told.items()} == {
        name: float(getattr(limits, name)) for name in ThrottleLimits.__dataclass_fields__
    }
    assert all(name.split("-")[0] in README for name in MECHANISMS)
