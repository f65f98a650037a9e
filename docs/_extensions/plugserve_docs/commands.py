"""The page of the command line, from click: every subcommand that `plugserve --help` lists, as it is."""

from __future__ import annotations

import inspect
from typing import Any

import click

from plugserve.cli import main

__all__ = ["commands"]


def commands() -> str:
    """Each subcommand with its arguments and options."""
    parts = []
    for path, command, context in _walk(main, click.Context(main, info_name="plugserve"), "plugserve"):
        level = "#" * len(path.split())
        if path != "plugserve":
            parts.append(f"(command-{path.removeprefix('plugserve ').replace(' ', '-')})=\n{level} {path}")
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        parts.append(f"```text\n{usage}\n```")
        parts.append(_help(command))
        parts.append(f":::{{program}} {path}\n:::")
        parts += [_option(one, context) for one in command.get_params(context) if not getattr(one, "hidden", False)]
    return "\n\n".join(part for part in parts if part)


def _walk(command: click.Command, context: click.Context, path: str) -> list[tuple[str, click.Command, click.Context]]:
    found = [(path, command, context)]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                found += _walk(inner, click.Context(inner, info_name=name, parent=context), f"{path} {name}")
    return found


def _help(command: click.Command) -> str:
    """The help as Markdown: what click keeps as it stands (a paragraph that begins with \\b) is a block of code."""
    text = inspect.cleandoc(command.help or "").partition("\f")[0]
    parts = []
    for paragraph in text.split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        parts.append(f"```text\n{inspect.cleandoc(rest)}\n```" if first.strip() == "\b" else _escaped(paragraph))
    return "\n\n".join(parts)


def _option(parameter: click.Parameter, context: click.Context) -> str:
    if not isinstance(parameter, click.Option):
        return ""
    names = [*parameter.opts, *parameter.secondary_opts]
    metavar = "" if parameter.is_flag or parameter.count else f" {parameter.make_metavar(context)}"
    shown = ", ".join(f"{name}{metavar}" for name in names)
    words = [_escaped(parameter.help or "")]
    if parameter.multiple:
        words.append("May be repeated.")
    if isinstance(parameter.type, click.Choice) and parameter.metavar is not None:
        words.append("One of " + ", ".join(f"`{choice}`" for choice in parameter.type.choices) + ".")
    default: Any = parameter.default
    if parameter.show_default and default not in (None, (), ""):
        words.append(f"Default: `{default if parameter.show_default is True else parameter.show_default}`.")
    if parameter.envvar:
        variables = [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar
        words.append("Environment: " + ", ".join(f"`{variable}`" for variable in variables) + ".")
    return f":::{{option}} {shown}\n{' '.join(filter(None, words))}\n:::"


def _escaped(text: str) -> str:
    """Plain text as Markdown that shows just that; help texts have `*` and `<` in them."""
    for letter in "\\*_<[":
        text = text.replace(letter, f"\\{letter}")
    return text
