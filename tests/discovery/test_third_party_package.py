from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stops servers with SIGTERM")

FILES = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [project]
        name = "acme-shout"
        version = "3.1"
        description = "Shouts back"
        dependencies = ["plugserve>=0.1,<0.2"]

        [project.entry-points."plugserve.handlers"]
        shout = "acme_shout.handler:Shout"

        [project.entry-points."plugserve.plugins"]
        turnstile = "acme_shout.plugin:Turnstile"
        rude = "acme_shout.rude:Rude"

        [tool.hatch.build.targets.wheel]
        packages = ["src/acme_shout"]
        """,
    "src/acme_shout/__init__.py": "",
    "src/acme_shout/handler.py": """
        from dataclasses import dataclass

        from plugserve import CoroutineHandler


        class Shout(CoroutineHandler):
            @dataclass(frozen=True)
            class Options:
                suffix: str = "!"
                times: int = 1

            async def handle(self):
                while data := await self.connection.read():
                    self.connection.write(data.upper() + self.options.suffix.encode() * self.options.times)
        """,
    "src/acme_shout/plugin.py": """
        from plugserve import hookimpl


        class Turnstile:
            def __init__(self, *, limit: int = 1):
                self.left = limit

            @hookimpl
            def verify_request(self):
                self.left -= 1
                return self.left >= 0
        """,
    # Whoever does not name it does not import it, and so does not see it fail.
    "src/acme_shout/rude.py": "raise SystemExit('you should not have imported me')",
}


@pytest.fixture(scope="module")
def site(package: Callable[..., Path]) -> Path:
    """The folder where the package is installed."""
    return package("acme-shout", {name: dedent(text).lstrip() for name, text in FILES.items()})


@pytest.mark.parametrize("engine", ["sync", "threading", "forking"])
def test_a_package_that_is_installed_brings_a_handler_and_a_plugin(
    site: Path, serve: Callable[..., Any], engine: str
) -> None:
    """A stranger's package, built and installed, is served by name on every engine, with no change to ours."""
    server = serve(
        *("shout", "--engine", engine, "--with", "turnstile:limit=2"),
        *("--option", "times=3", "--option", "shout.suffix=?"),
        path=[site],
    )
    assert server.talk(b"hello") == b"HELLO???"
    assert server.talk(b"again") == b"AGAIN???"
    assert server.talk(b"too many") == b""
    status, errors = server.stop()
    assert (status, errors) == (0, "")


def test_a_part_of_a_package_that_fails_hurts_only_who_names_it(site: Path, serve: Callable[..., Any]) -> None:
    """`rude` ends Python at import: named, it is an error that names package, version, file and line."""
    server = serve("shout", "--with", "rude", path=[site])
    status, errors = server.stop()
    assert status == 78
    assert "plugin 'rude' of acme-shout 3.1 (acme_shout.rude:Rude) cannot be imported: SystemExit" in errors
    assert f"({site / 'acme_shout' / 'rude.py'}:1)" in errors
    assert "Traceback" not in errors


def test_options_of_a_strangers_plugin_are_checked_by_its_type_hints(site: Path, serve: Callable[..., Any]) -> None:
    """Its constructor is its schema: a wrong type and a typo are both told, each in a line of its own."""
    server = serve("shout", "--with", "turnstile:limit=few", "--option", "sufix=!", path=[site])
    status, errors = server.stop()
    assert status == 78
    told = errors.splitlines()
    assert len(told) == 2
    assert "handler 'shout' of acme-shout 3.1 has no option 'sufix': did you mean 'suffix'?" in errors
    assert "plugin 'turnstile' of acme-shout 3.1: option 'limit' ('few'): input should be a valid integer" in errors
