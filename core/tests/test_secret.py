from __future__ import annotations

import copy
import gc
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from plugserve.cli import main
from plugserve.discovery import Catalog
from plugserve.errors import ConfigurationError, PluginError
from plugserve.options import OptionsError, build
from plugserve.plan import plan_files
from plugserve.secret import HIDDEN, Secret, hidden
from plugserve.toml_document import Faults

SECRET = "correct horse\tbattery \\ 'staple'"

PLUGINS = """
    from dataclasses import dataclass
    from plugserve import ConfigurationError, CoroutineHandler, hookimpl
    from plugserve.secret import Secret

    class Echo(CoroutineHandler):
        @dataclass(frozen=True)
        class Options:
            key: Secret | None = None

        async def handle(self):
            pass

    class Login:
        def __init__(self, *, password: Secret):
            self.password = password

        @hookimpl
        def verify_request(self):
            return True

    class Talkative(Login):
        def __init__(self, *, password: Secret):
            raise ValueError(f"the password {password.reveal()} is too short")

    class Broken(Login):
        def __init__(self, *, password: Secret):
            {}[password.reveal()]

    class Refusing(Login):
        def __init__(self, *, password: Secret):
            raise ConfigurationError(f"{password.reveal()!r}: no", option="password")

    class Late(Login):
        @hookimpl
        def server_activate(self):
            raise ConfigurationError(f"the server says no to {self.password.reveal()}")

    class LateAndBroken(Login):
        @hookimpl
        def server_activate(self):
            raise RuntimeError(self.password.reveal())
    """


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with plugins, a secret in a file beside them, and in the environment."""
    (tmp_path / "secret_app.py").write_text(dedent(PLUGINS))
    (tmp_path / "password.txt").write_text(SECRET + "\n")
    monkeypatch.setenv("PLUGSERVE_TEST_SECRET", SECRET)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [name for name in sys.modules if "secret_app" in name]:
        del sys.modules[name]
    gc.collect()


def configured(folder: Path, plugin: str, password: str = '{ env = "PLUGSERVE_TEST_SECRET" }') -> str:
    """A file that serves with a plugin."""
    file = folder / "site.toml"
    file.write_text(
        f"""[[listen]]
bind    = "127.0.0.1:0"
handler = "./secret_app.py:Echo"
options = {{ key = {{ file = "password.txt" }} }}
  [[listen.plugin]]
  use      = "./secret_app.py:{plugin}"
  password = {password}
"""
    )
    return str(file)


def shows_it(text: str) -> bool:
    """Whether a part of the secret is in a text."""
    return any(word in text for word in ("horse", "battery", "staple"))


# -- the value --------------------------------------------------------------------------------------------------------


def test_no_form_of_text_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    """Neither str, repr, format, a log line, nor the repr of what holds it."""

    @dataclass
    class Holder:
        key: Secret

    secret = Secret(SECRET)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s", secret, secret, {"key": secret})
    for text in (str(secret), repr(secret), f"{secret} {secret!r}", repr(Holder(secret)), str([secret]), caplog.text):
        assert not shows_it(text)
        assert HIDDEN in text
    caplog.clear()


def test_it_reveals_itself_when_asked() -> None:
    """Only by a word that stands out in a review."""
    assert Secret(SECRET).reveal() == SECRET
    assert copy.deepcopy(Secret(SECRET)).reveal() == SECRET


def test_equality() -> None:
    """Secrets are the same if their texts are; a secret is not a text."""
    assert Secret("aé") == Secret("aé")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


# -- where it comes from ----------------------------------------------------------------------------------------------


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not set, or empty, is a mistake, not an empty password."""
    monkeypatch.setenv("PLUGSERVE_TEST_SECRET", SECRET)
    monkeypatch.setenv("PLUGSERVE_TEST_EMPTY", "")
    monkeypatch.delenv("PLUGSERVE_TEST_NONE", raising=False)
    assert Secret.read({"env": "PLUGSERVE_TEST_SECRET"}).reveal() == SECRET
    assert Secret.read("env:PLUGSERVE_TEST_SECRET").reveal() == SECRET
    with pytest.raises(ValueError, match="PLUGSERVE_TEST_EMPTY is empty: set it where the program is started"):
        Secret.read("env:PLUGSERVE_TEST_EMPTY")
    with pytest.raises(ValueError, match="PLUGSERVE_TEST_NONE is not set: set it where the program is started"):
        Secret.read({"env": "PLUGSERVE_TEST_NONE"})


@pytest.mark.parametrize(
    "content, text",
    [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"abc\n\n", "abc\n"),
        (b" a b ", " a b "),
        ("ü".encode(), "ü"),
        (b"x" * 65536, "x" * 65536),
    ],
)
def test_from_a_file(tmp_path: Path, content: bytes, text: str) -> None:
    """All of it, but for the end of its last line, which editors add."""
    (tmp_path / "key").write_bytes(content)
    assert Secret.read({"file": "key"}, str(tmp_path)).reveal() == text
    assert Secret.read(f"file:{tmp_path}/key").reveal() == text


def test_a_relative_path_on_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins in the working directory."""
    (tmp_path / "key").write_text("abc")
    monkeypatch.chdir(tmp_path)
    assert Secret.read("file:key").reveal() == "abc"


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "is empty: write the secret into it"),
        (b"\n", "is empty: write the secret into it"),
        (b"x" * 65537, "has more than 65536 bytes, so it is no secret: correct the path"),
        (b"\xff\xfe", "is not UTF-8 text, so it is no secret: correct the path"),
    ],
)
def test_files_that_are_no_secret(tmp_path: Path, content: bytes, says: str) -> None:
    """The message names the file and the remedy, and quotes nothing of it."""
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ValueError) as caught:
        Secret.read({"file": "key"}, str(tmp_path))
    assert str(caught.value) == f"{tmp_path}/key {says}"


@pytest.mark.parametrize("path", ["nowhere", ".", "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, path: str) -> None:
    """A wrong path is told with the reason."""
    with pytest.raises(ValueError, match=r"cannot be read \(.+\): correct the path or its rights"):
        Secret.read({"file": path}, str(tmp_path))


@pytest.mark.parametrize(
    "given",
    [SECRET, "", "env:", "file:", "ENV:x", 12345, True, None, [SECRET], {}, {"env": ""}, {"env": 5}]
    + [{"value": SECRET}, {"env": "A", "file": "b"}, b"x"],
)
def test_a_secret_in_the_clear_is_refused_and_not_repeated(given: object) -> None:
    """Such files are read and copied by people who need not know it; and so are messages."""
    with pytest.raises(ValueError) as caught:
        Secret.read(given)
    assert str(caught.value).startswith('a secret does not stand here itself: write { env = "NAME" }')
    assert not shows_it(str(caught.value))


# -- among options ----------------------------------------------------------------------------------------------------


@dataclass
class Credentials:
    user: str
    password: Secret


class Nested:
    def __init__(
        self,
        *,
        one: Credentials | None = None,
        many: list[Credentials] | None = None,
        keys: dict[str, Secret] | None = None,
        old: SecretStr | None = None,
    ) -> None:
        self.one, self.many, self.keys, self.old = one, many, keys, old


@pytest.mark.parametrize(
    "options",
    [
        {"one": {"user": "me", "password": SECRET}},
        {"one": SECRET},
        {"one": {"usr": "me", "password": SECRET}},
        {"many": [{"user": "me", "password": SECRET}]},
        {"many": SECRET},
        {"keys": {"a": SECRET}},
        {"keys": [SECRET]},
        {"old": [SECRET]},
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(options: dict[str, object]) -> None:
    """However deep it is in a list, a table or a dataclass, and whatever is wrong."""
    with pytest.raises(OptionsError) as caught:
        build(Nested, options)
    for complaint in caught.value.complaints:
        assert not shows_it(complaint.text + complaint.sentence)


def test_secrets_in_tables_and_dataclasses(site: Path) -> None:
    """They are read there as well, and a relative path begins at the same folder."""
    made = build(
        Nested,
        {"one": {"user": "me", "password": {"file": "password.txt"}}, "keys": {"a": "env:PLUGSERVE_TEST_SECRET"}},
        folder=str(site),
    )
    assert made.one.password.reveal() == made.keys["a"].reveal() == SECRET


def test_a_mistake_in_a_dataclass_names_the_key() -> None:
    """What is missing, and what there is not."""
    with pytest.raises(OptionsError) as caught:
        build(Nested, {"one": {"usr": "me", "password": "env:HOME"}})
    assert [(one.path, one.text) for one in caught.value.complaints] == [
        (("one",), "'user' is missing"),
        (("one", "usr"), "there is no such key"),
    ]


class Quoting:
    def __init__(self, *, key: Secret, how: str = "plain", length: int = 0) -> None:
        text = key.reveal()
        forms = {"plain": text, "repr": repr(text), "json": json.dumps(text), "long": "x" * length + text}
        if how == "key":
            {}[text]
        if how == "lines":
            raise RuntimeError(f"the key\n{text}\nis wrong")
        if how == "configuration":
            raise ConfigurationError(f"wrong: {text}", option="key")
        raise (RuntimeError if how == "long" else ValueError)(f"wrong key: {forms[how]}")


@pytest.mark.parametrize("how", ["plain", "repr", "json", "key", "lines", "configuration"])
def test_an_error_of_a_constructor_that_quotes_it(how: str) -> None:
    """In whatever form, it is taken out of the message."""
    with pytest.raises(PluginError) as caught:
        build(Quoting, {"key": Secret(SECRET), "how": how})
    assert not shows_it(str(caught.value))
    assert HIDDEN in str(caught.value)


@pytest.mark.parametrize("length", [0, 100, 270, 290, 299])
def test_a_message_that_is_cut_shows_no_part_of_it(length: int) -> None:
    """A long message is cut after the secret is taken out: half a key is too much as well."""
    with pytest.raises(PluginError) as caught:
        build(Quoting, {"key": Secret("0123456789" * 60), "how": "long", "length": length})
    assert "0123" not in str(caught.value)


def test_hidden_replaces_the_longest_first() -> None:
    """A secret that is the beginning of another does not leave its end in the open."""
    assert hidden("abcdef abc", ["abc", "abcdef"]) == f"{HIDDEN} {HIDDEN}"
    assert hidden("nothing", [""]) == "nothing"


# -- in the output of the command -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["explain"],
        ["explain", "--json"],
        ["explain", "--svg"],
        ["explain", "--client", "192.0.2.1"],
        ["schema"],
    ],
)
def test_no_command_shows_it(site: Path, command: list[str]) -> None:
    """Of a configuration that is right."""
    result = CliRunner().invoke(main, [*command, "-c", configured(site, "Login")])
    assert result.exit_code == 0, result.output
    assert not shows_it(result.output)


@pytest.mark.parametrize("plugin", ["Talkative", "Broken", "Refusing"])
@pytest.mark.parametrize("command", ["check", "explain", "serve"])
def test_no_error_of_a_plugin_shows_it(site: Path, plugin: str, command: str) -> None:
    """A plugin that is being made and quotes it, with the place where the plugin or its option stands."""
    result = CliRunner().invoke(main, [command, "-c", configured(site, plugin)])
    assert result.exit_code == 78
    assert f"site.toml:{7 if plugin != 'Broken' else 5}: listen[0].plugin[0]" in result.output
    assert HIDDEN in result.output
    assert not shows_it(result.output)


@pytest.mark.parametrize("plugin", ["Late", "LateAndBroken"])
def test_no_error_at_start_shows_it(site: Path, plugin: str) -> None:
    """A plugin that quotes it when its server starts."""
    plan = plan_files([configured(site, plugin)], Catalog())
    assert plan.faults == []
    with pytest.raises(Faults) as caught:
        plan.listeners[0].make()
    assert HIDDEN in str(caught.value)
    assert not shows_it(str(caught.value))


def test_no_mistake_of_the_user_shows_it(site: Path) -> None:
    """One who writes the secret itself into the file is told so, with the line, and it is not repeated."""
    result = CliRunner().invoke(main, ["check", "-c", configured(site, "Login", f'"""{SECRET}"""'.replace("\\", ""))])
    assert result.exit_code == 78
    assert "site.toml:7: listen[0].plugin[0].password: a secret does not stand here itself" in result.output
    assert not shows_it(result.output)


def test_a_secret_of_a_file_begins_at_that_file(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Wherever the command is started: here in another folder, as a process."""
    file = configured(site, "Login", '{ file = "password.txt" }')
    result = subprocess.run(
        [sys.executable, "-m", "plugserve", "check", "-c", file],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert not shows_it(result.stdout)
