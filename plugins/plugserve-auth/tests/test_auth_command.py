"""The command `plugserve-auth`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plugserve_auth import PasswordFile, TokenFile
from plugserve_auth.cli import main


def run(*words: object, given: str = "") -> Result:
    """Run the command with standard input."""
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


def test_life_of_an_entry(tmp_path: Path) -> None:
    """An entry is added, checked, changed, listed, disabled and removed."""
    path = tmp_path / "users"
    assert run("add", path, "alice", "--group", "staff", given="correct horse\n").output == "added alice\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "correct horse" not in path.read_text()
    assert run("check", path, "alice", given="correct horse\n").output == "right: alice (staff)\n"
    wrong = run("check", path, "alice", given="wrong\n")
    assert (wrong.exit_code, wrong.output) == (1, "wrong\n")
    assert run("change", path, "alice", given="battery staple\n").exit_code == 0
    assert run("check", path, "alice", given="correct horse\n").exit_code == 1
    assert run("check", path, "alice", given="battery staple\n").output == "right: alice (staff)\n"
    assert run("change", path, "alice", "--disable", "--group", "a", "--group", "b").exit_code == 0
    assert run("list", path).output == "alice (a, b) disabled\n"
    assert run("check", path, "alice", given="battery staple\n").exit_code == 1
    assert run("change", path, "alice", "--enable", "--no-groups").exit_code == 0
    assert run("list", path).output == "alice\n"
    assert run("remove", path, "alice").output == "removed alice\n"
    assert run("list", path).output == ""
    assert PasswordFile(file=path).check_password("alice", "battery staple") is None


@pytest.mark.parametrize(
    "words, message",
    [
        (("add", "alice"), "alice is there already"),
        (("change", "carol"), "has no carol"),
        (("remove", "carol"), "has no carol"),
        (("add", "two words"), "a name has no spaces"),
        (("add", "carol", "--group", "a,b"), "no commas"),
    ],
)
def test_mistakes(users: Path, words: tuple[str, ...], message: str) -> None:
    """A mistake is said in one line, without a traceback, and changes nothing."""
    before = users.read_text()
    result = run(words[0], users, *words[1:], given="some password\n")
    assert result.exit_code == 1
    assert message in result.output
    assert users.read_text() == before


def test_comments_stay(users: Path) -> None:
    """What else stands in the file stays as it is."""
    users.write_text("# our people\n\n" + users.read_text())
    assert run("remove", users, "bob").exit_code == 0
    assert users.read_text().startswith("# our people\n\n")


def test_unreadable(tmp_path: Path) -> None:
    """A file that is not there is named."""
    result = run("check", tmp_path / "none", "alice", given="x\n")
    assert result.exit_code == 1
    assert "none" in result.output
    assert "Traceback" not in result.output


def test_tokens(tmp_path: Path) -> None:
    """A token is printed once, kept as a hash, listed and removed."""
    path = tmp_path / "tokens"
    token = run("token", "add", path, "backup", "--group", "machines", "--expires", "2999-01-01").output.strip()
    assert len(token) == 43
    assert token not in path.read_text()
    found = TokenFile(file=path).check_token(token)
    assert found is not None
    assert found.name == "backup"
    assert run("token", "list", path).output == "backup (machines) until 2999-01-01\n"
    assert run("token", "add", path, "x", "--expires", "soon").exit_code == 1
    assert run("token", "remove", path, "backup").exit_code == 0
    assert TokenFile(file=path).check_token(token) is None
