from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from plugserve.cli import main

HERE = Path(__file__).parent

WRONG = [
    "bind_is_a_number",
    "bind_missing",
    "choice_misspelled",
    "drain_below_a_listener",
    "engine_misspelled",
    "engine_option_misspelled",
    "engine_option_of_another_engine",
    "handler_is_a_list",
    "handler_missing",
    "handler_misspelled",
    "handler_option_misspelled",
    "include_is_text_of_number",
    "limit_is_text",
    "limit_is_true",
    "limits_misspelled",
    "listen_keys_misspelled",
    "listen_misspelled",
    "listen_with_single_brackets",
    "listener_keys_at_the_top",
    "not_installed",
    "option_of_another_plugin",
    "options_for_a_handler_without",
    "options_is_text",
    "plugin_for_a_handler",
    "plugin_misspelled",
    "plugin_not_below_listen",
    "plugin_option_misspelled",
    "plugin_with_single_brackets",
    "plugin_without_use",
    "plugins_for_plugin",
    "required_option_missing",
    "secret_source_misspelled",
    "secret_written_in_clear",
    "top_key_misspelled",
]
"""Of the broken files, those whose mistake shows without a look at anything else."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the files, right and wrong."""
    for name in ("broken", "valid"):
        shutil.copytree(HERE / name, tmp_path / name)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


def schema_for(*files: Path) -> Any:
    """What `plugserve schema` prints; for the names of files that are right."""
    result = CliRunner().invoke(main, ["schema", *(word for file in files for word in ("-c", str(file)))])
    assert result.exit_code == 0, result.output
    schema = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def mistakes(schema: Any, file: Path) -> list[str]:
    """What an editor would underline."""
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(tomllib.loads(file.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("name", ["site.toml", "small.toml", "conf.d/echo.toml"])
def test_what_check_accepts_is_right_by_the_schema(files: Path, name: str) -> None:
    """Every file that can be served validates."""
    file = files / "valid" / name
    assert CliRunner().invoke(main, ["check", "-c", str(file)]).exit_code == 0
    assert mistakes(schema_for(file), file) == []


def test_one_schema_serves_all_files(files: Path) -> None:
    """That of everything installed holds for those that name only what is installed."""
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0, result.output
    assert mistakes(json.loads(result.stdout), files / "valid" / "small.toml") == []


HANDLERS = ("echo", "discard", "http-files", "http-wsgi")


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The schema of all that the broken files name."""
    folder = tmp_path_factory.mktemp("schema")
    path = [*sys.path]
    shutil.copy(HERE / "broken" / "plugins.py", folder / "schema_plugins.py")
    (folder / "names.toml").write_text(
        "".join(f'[[listen]]\nbind = "127.0.0.1:0"\nhandler = "{handler}"\n' for handler in HANDLERS)
        + '[[listen]]\nbind = "127.0.0.1:0"\nhandler = "echo"\nengine = "forking"\n'
        + "".join(f'[[listen.plugin]]\nuse = "{plugin}"\n' for plugin in ("access", "log"))
        + '[[listen.plugin]]\nuse = "./schema_plugins.py:Password"\n'
    )
    found = schema_for(folder / "names.toml")
    # As the broken files call it, that lie in another folder.
    yield json.loads(json.dumps(found).replace("./schema_plugins.py", "./plugins.py"))
    sys.path[:] = path
    sys.modules.pop("schema_plugins", None)


@pytest.mark.parametrize("name", WRONG)
def test_what_check_refuses_is_wrong_by_the_schema(schema: Any, name: str) -> None:
    """An editor shows the mistake while it is made."""
    assert mistakes(schema, HERE / "broken" / f"{name}.toml")
