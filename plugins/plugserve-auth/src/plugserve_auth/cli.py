"""The command `plugserve-auth`: entries of password and token files. A password comes from the terminal or from
standard input, never from the command line, which everybody on the machine can read (ps(1))."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from plugserve.errors import ConfigurationError

from .entry_file import BadEntry, Entry, check_name, edited, parse_entries
from .saslprep import saslprep
from .stores.passwords import (
    HASHES,
    SCRAM_ITERATIONS,
    PasswordFile,
    decoy_line,
    entry_line,
    prepared_name,
    set_words,
)
from .stores.tokens import TokenFile, token_line

__all__ = ["main"]

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_NAME = click.argument("name")
_GROUPS = click.option("--group", "groups", multiple=True, help="A group; may be given again.")
_PASSWORD_KEYS = ("argon2", "groups", "key", *HASHES.values())
_TOKEN_KEYS = ("sha256", "groups", "expires")


class _Group(click.Group):
    """Says what is wrong in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BadEntry, ConfigurationError) as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plugserve-auth")
def main() -> None:
    """Add, change and check the entries of password and token files.

    Passwords are asked for at the terminal; where standard input is no terminal, its first line is the password.
    """


@main.command()
@_FILE
@_NAME
@_GROUPS
@click.option("--disabled", is_flag=True, help="It cannot be used until it is enabled.")
def add(file: Path, name: str, groups: Sequence[str], disabled: bool) -> None:
    """Add an entry to the password file FILE, which is made if it is not there."""
    name = prepared_name(name)
    if file.exists() and any(entry.name == name for entry in _entries(file.read_text("utf-8-sig"), _PASSWORD_KEYS)):
        raise click.ClickException(f"{name} is there already: change it with plugserve-auth change")
    line = entry_line(name, _new_password(), groups=groups, disabled=disabled)
    with edited(file) as lines:
        if not any(entry.name == "!decoy" for entry in _entries("\n".join(lines), _PASSWORD_KEYS)):
            lines.append(decoy_line())
        if _find(lines, name, _PASSWORD_KEYS):
            raise click.ClickException(f"{name} has been added meanwhile")
        lines.append(line)
    click.echo(f"added {name}")


@main.command()
@_FILE
@_NAME
@_GROUPS
@click.option("--no-groups", is_flag=True, help="Take it out of all groups.")
@click.option("--password", is_flag=True, help="Set a new password; so it is if nothing else is asked for.")
@click.option("--enable/--disable", default=None, help="Whether it can be used.")
def change(file: Path, name: str, groups: Sequence[str], no_groups: bool, password: bool, enable: bool | None) -> None:
    """Change an entry of the password file FILE. The groups given take the place of those before."""
    name = prepared_name(name)
    _must_have(file, name)
    for group in groups:
        if "," in check_name(group):
            raise click.ClickException("the name of a group has no commas")
    fresh: dict[str, str] = {}
    if password or not (groups or no_groups or enable is not None):
        words = set_words(name, _new_password(), iterations=SCRAM_ITERATIONS)
        fresh = dict(word.split("=", 1) for word in words)
    with edited(file) as lines:
        found = _find(lines, name, _PASSWORD_KEYS)
        if not found:
            raise click.ClickException(f"{name} has been removed meanwhile")
        entry = found[0]
        values = {**entry.values, **fresh}
        if groups:
            values["groups"] = ",".join(sorted(groups))
        elif no_groups:
            values.pop("groups", None)
        disabled = "disabled" in entry.words if enable is None else not enable
        parts = [name, *(f"{key}={value}" for key, value in values.items()), *(["disabled"] if disabled else [])]
        lines[entry.line - 1] = " ".join(parts)
    click.echo(f"changed {name}")


@main.command()
@_FILE
@_NAME
def check(file: Path, name: str) -> None:
    """Tell whether a password is right for NAME in the password file FILE. The exit status is 1 if it is not."""
    store = PasswordFile(file=file)
    store.activate()
    password = _read("Password: ")
    try:
        identity = store.check_password(saslprep(name), saslprep(password))
    except ValueError:
        identity = None
    if identity is None:
        click.echo("wrong")
        raise SystemExit(1)
    click.echo(f"right: {identity}{_in_groups(identity.groups)}")


@main.command()
@_FILE
@_NAME
def remove(file: Path, name: str) -> None:
    """Remove an entry of the password file FILE."""
    _remove(file, prepared_name(name), _PASSWORD_KEYS)


@main.command("list")
@_FILE
def list_(file: Path) -> None:
    """List the entries of the password file FILE."""
    PasswordFile(file=file).activate()
    for entry in _entries(file.read_text("utf-8-sig"), _PASSWORD_KEYS):
        if entry.name != "!decoy":
            click.echo(f"{entry.name}{_in_groups(entry.listed('groups'))}{_disabled(entry)}")


@main.group(cls=_Group)
def token() -> None:
    """Static tokens, for programs."""


@token.command("add")
@_FILE
@_NAME
@_GROUPS
@click.option("--expires", help="A date or time, such as 2027-01-31; never without.")
def token_add(file: Path, name: str, groups: Sequence[str], expires: str | None) -> None:
    """Make a token for NAME, add it to the token file FILE, and print it: it cannot be seen again."""
    made = secrets.token_urlsafe(32)
    line = token_line(name, made, groups=groups, expires=expires)
    with edited(file) as lines:
        list(_entries("\n".join(lines), _TOKEN_KEYS))
        lines.append(line)
    click.echo(made)


@token.command("remove")
@_FILE
@_NAME
def token_remove(file: Path, name: str) -> None:
    """Remove all tokens of NAME from the token file FILE."""
    _remove(file, name, _TOKEN_KEYS)


@token.command("list")
@_FILE
def token_list(file: Path) -> None:
    """List whose tokens are in the token file FILE."""
    TokenFile(file=file).activate()
    for entry in _entries(file.read_text("utf-8-sig"), _TOKEN_KEYS):
        until = f" until {entry.values['expires']}" if "expires" in entry.values else ""
        click.echo(f"{entry.name}{_in_groups(entry.listed('groups'))}{until}{_disabled(entry)}")


def _entries(text: str, keys: Sequence[str]) -> list[Entry]:
    return list(parse_entries(text, keys=keys, words=("disabled",)))


def _find(lines: list[str], name: str, keys: Sequence[str]) -> list[Entry]:
    return [entry for entry in _entries("\n".join(lines), keys) if entry.name == name]


def _must_have(file: Path, name: str) -> None:
    names = [entry.name for entry in _entries(file.read_text("utf-8-sig"), _PASSWORD_KEYS)]
    if name not in names:
        raise click.ClickException(f"{file} has no {name}: add it with plugserve-auth add")


def _remove(file: Path, name: str, keys: Sequence[str]) -> None:
    file.stat()
    with edited(file) as lines:
        found = _find(lines, name, keys)
        if not found:
            raise click.ClickException(f"{file} has no {name}: plugserve-auth list shows what it has")
        for entry in reversed(found):
            del lines[entry.line - 1]
    click.echo(f"removed {name}")


def _new_password() -> str:
    password = _read("Password: ")
    if sys.stdin.isatty() and _read("Again: ") != password:
        raise click.ClickException("the two passwords are not the same")
    return password


def _read(prompt: str) -> str:
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(prompt)
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def _in_groups(groups: frozenset[str]) -> str:
    return f" ({', '.join(sorted(groups))})" if groups else ""


def _disabled(entry: Entry) -> str:
    return " disabled" if "disabled" in entry.words else ""
