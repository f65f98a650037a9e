from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner

from plugserve.cli import main
from plugserve.discovery import Catalog, Entry
from plugserve.errors import PluginError
from plugserve.schema import schema_of

APP = '''
    import io
    from collections.abc import Callable
    from dataclasses import dataclass, field
    from enum import Enum
    from pathlib import Path
    from typing import Any, Literal
    from pydantic import SecretStr
    from plugserve import CoroutineHandler, hookimpl
    from plugserve.secret import Secret

    class Echo(CoroutineHandler):
        """Echoes."""

        async def handle(self):
            pass

    @dataclass
    class Point:
        x: int
        y: int = 0

    class Files(CoroutineHandler):
        """Files.

        Parameters:
            root: the folder.
        """

        @dataclass(frozen=True)
        class Options:
            root: Path
            max_age: int | None = 5
            cache: bool = False
            rate: float = float("inf")
            index: tuple[str, ...] = ("index.html",)
            home: Path = Path("/x")
            paths: tuple[Path, ...] = (Path("/x"),)
            at: Point | None = None
            all_at: list[Point] = field(default_factory=list)
            made: str = field(init=False)

    class Login:
        """Lets in who knows the word.

        Parameters:
            password: the word.
            level: how much it says,
                in a log.
        """

        def __init__(
            self,
            *,
            password: Secret,
            old: SecretStr = SecretStr("hunter2"),
            level: Literal["debug", "info"] = "info",
            where: Point = Point(1),
            stream: io.TextIOBase | None = None,
            hook: Callable[[], None] | None = None,
            anything: Any = None,
        ):
            pass

        @hookimpl
        def setup(self):
            pass

    class Unnamed:
        raise_at_import = True
    '''

ENTRIES = (
    Entry("handler", "zzfiles", "schema_app:Files", "zz", "1"),
    Entry("handler", "zznever", "schema_never:Boom", "zz", "1"),
    Entry("plugin", "zzlogin", "schema_app:Login", "zz", "1"),
    Entry("plugin", "zznever", "schema_never:Boom", "zz", "1"),
    Entry("engine", "zzforking", "plugserve.forking:ForkingMixIn", "zz", "1"),
)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A package with handlers and plugins, and one that nobody can import."""
    (tmp_path / "schema_app.py").write_text(dedent(APP))
    (tmp_path / "schema_never.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Catalog(ENTRIES)
    sys.modules.pop("schema_app", None)


@pytest.fixture
def schema(catalog: Catalog) -> dict[str, Any]:
    """The schema with everything of that package that can be imported."""
    return schema_of({"handler": ["zzfiles"], "plugin": ["zzlogin"], "engine": ["zzforking"]}, catalog)


def listen(schema: Mapping[str, Any]) -> Any:
    """Of a schema, what it says of a `[[listen]]`."""
    return schema["properties"]["listen"]["items"]


def case(cases: list[Any], key: str, name: str) -> Any:
    """What a schema says of a table where a key has a value."""
    [found] = [one["then"] for one in cases if one["if"]["properties"].get(key) == {"const": name}]
    return found


def handler_options(schema: Mapping[str, Any], name: str) -> Any:
    """Of a schema, the options of a handler by name."""
    return case(listen(schema)["allOf"], "handler", name)["properties"]["options"]


def plugin_options(schema: Mapping[str, Any], name: str) -> Any:
    """Of a schema, the table of a plugin by name."""
    return case(listen(schema)["properties"]["plugin"]["items"]["allOf"], "use", name)


def test_it_is_json_and_names_its_dialect(schema: dict[str, Any]) -> None:
    """Also where a default has no form in JSON: infinity, a path, a secret, an object."""
    text = json.dumps(schema, allow_nan=False)
    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "hunter2" not in text
    properties = handler_options(schema, "zzfiles")["properties"]
    for name in ("rate", "home", "paths", "at"):
        assert properties[name].get("default", "none") == "none", name


def test_the_frame(schema: dict[str, Any]) -> None:
    """All keys, with descriptions; no others."""
    assert set(schema["properties"]) == {"include", "drain", "listen"}
    assert schema["additionalProperties"] is False
    table = listen(schema)
    assert table["required"] == ["bind", "handler"]
    assert set(table["properties"]) == {
        "bind",
        "handler",
        "name",
        "engine",
        "options",
        "engine-options",
        "limits",
        "urgent",
        "sessions",
        "session-idle",
        "plugin",
    }
    assert all(one["description"] for one in table["properties"].values())
    assert schema["properties"]["drain"]["default"] == 10.0
    assert "default" not in table["properties"]["name"]


def test_names_are_those_that_are_installed(schema: dict[str, Any]) -> None:
    """And a class by reference; nothing is imported for that."""
    named = listen(schema)["properties"]["handler"]["anyOf"]
    assert named[0] == {"enum": ["zzfiles", "zznever"]}
    assert listen(schema)["properties"]["engine"]["anyOf"][0] == {"enum": ["zzforking"]}
    assert "schema_never" not in sys.modules


def test_options_of_a_handler(schema: dict[str, Any]) -> None:
    """Names as in files, types, defaults, what must be given, and the words of the docstring."""
    options = handler_options(schema, "zzfiles")
    assert options["required"] == ["root"]
    assert options["additionalProperties"] is False
    properties = options["properties"]
    assert properties["root"]["description"] == "the folder."
    assert properties["max-age"] == {"anyOf": [{"type": "integer"}, {"const": "none"}], "default": 5}
    assert properties["cache"] == {"type": "boolean", "default": False}
    assert properties["index"]["default"] == ["index.html"]
    assert "made" not in properties


def test_options_of_a_plugin(schema: dict[str, Any]) -> None:
    """They stand beside `use` and `as`; choices are listed; what no file can hold is left out."""
    table = plugin_options(schema, "zzlogin")
    assert table["description"] == "Lets in who knows the word."
    assert table["required"] == ["password"]
    assert set(table["properties"]) >= {"use", "as", "password", "level", "where", "anything"}
    assert table["properties"]["level"] == {
        "enum": ["debug", "info"],
        "type": "string",
        "default": "info",
        "description": "how much it says, in a log.",
    }
    assert not {"stream", "hook"} & set(table["properties"])


def test_a_secret_comes_from_somewhere_else(schema: dict[str, Any]) -> None:
    """An editor marks one that stands in the file itself."""
    secret = plugin_options(schema, "zzlogin")["properties"]["password"]
    assert secret["description"] == "the word."
    kinds = [one.get("required", one.get("pattern")) for one in secret["anyOf"]]
    assert kinds == [["env"], ["file"], "^(env|file):."]


def test_options_of_an_engine(schema: dict[str, Any]) -> None:
    """Its class attributes, with their defaults."""
    table = case(listen(schema)["allOf"], "engine", "zzforking")["properties"]["engine-options"]
    assert table["properties"]["max-children"] == {"type": "integer", "default": 40}


def references(schema: Any) -> Iterator[str]:
    """All `$ref` in a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for one in schema.values():
            yield from references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from references(one)


def test_references_lead_somewhere(schema: dict[str, Any]) -> None:
    """A dataclass among the options has its definition where `$ref` looks for it."""
    found = set(references(schema))
    assert len(found) == 2
    for reference in found:
        assert reference.startswith("#/$defs/")
        assert schema["$defs"][reference.removeprefix("#/$defs/")]["properties"]["x"] == {
            "title": "X",
            "type": "integer",
        }


def test_only_what_is_named_is_imported(catalog: Catalog) -> None:
    """A package that is installed and not used stays asleep."""
    schema_of({"engine": ["zzforking"]}, catalog)
    assert "schema_app" not in sys.modules
    with pytest.raises(PluginError, match="schema_never"):
        schema_of({"plugin": ["zznever"]}, catalog)


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_covers_what_a_file_names(catalog: Catalog, tmp_path: Path) -> None:
    """Also by reference to a file beside it, and where the file is wrong elsewhere."""
    (tmp_path / "site.toml").write_text(
        '[[listen]]\nbind = "nonsense"\nhandler = "./schema_app.py:Files"\nengine = "sync"\noptions = { rooot = 1 }\n'
        '[[listen.plugin]]\nuse = "schema_app:Login"\npassword = "in the clear"\n'
    )
    result = subprocess.run(
        [sys.executable, "-m", "plugserve", "schema", "-c", str(tmp_path / "site.toml")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
    )
    assert (result.returncode, result.stderr) == (0, "")
    schema = json.loads(result.stdout)
    assert handler_options(schema, "./schema_app.py:Files")["required"] == ["root"]
    assert plugin_options(schema, "schema_app:Login")["required"] == ["password"]
    assert "in the clear" not in result.stdout


@pytest.mark.parametrize("text", ["[[listen]\n", "", None])
def test_the_command_on_a_file_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    """A file that is no TOML has no names; an empty one has the frame all the same."""
    file = tmp_path / "site.toml"
    if text is not None:
        file.write_text(text)
    result = CliRunner().invoke(main, ["schema", "-c", str(file)])
    assert result.exit_code == (0 if text == "" else 78)
    assert ("properties" in result.stdout) == (text == "")
    assert "Traceback" not in result.output
