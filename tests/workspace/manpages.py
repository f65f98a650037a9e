r"""Write the manual pages of `plugserve` and its subcommands into core/man/, from click's own objects.

    python tests/workspace/manpages.py

A page says what `--help` says, in the sections that man-pages(7) lays down. In a command's help, a block of lines that
is to stay as it is (click marks it with `\b`) and shows the command at work becomes the section EXAMPLES. What click
does not know, exit statuses and files, stands in the tables below.

The library click-man is not used: it asks a group for the commands that are already loaded, and ours loads them when
they are named; it leaves `\b`, backslashes and leading dots as they are, which roff takes for its own; it cuts the line
under NAME at 45 letters; and it has no place for examples, exit statuses or files.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from members import ROOT
from plugserve import exits
from plugserve.cli import main as command_line
from plugserve.discovery import core_version

__all__ = ["FOLDER", "pages"]

FOLDER: Final = ROOT / "core" / "man"

_DATE: Final = "2026-11-23"
"""The date of the pages' last change that matters to a reader; the day of writing would make each run a change."""

_STATUSES: Final = {
    "serve": ("UNAVAILABLE", "SOFTWARE", "NO_PERMISSION", "CONFIGURATION"),
    "plugins": (),
    "completion": (),
}
"""Which statuses of plugserve.exits a command ends with, besides 0 and 2."""

_USUAL_STATUSES: Final = ("CONFIGURATION",)
"""Those of a command that does not stand above."""

_OWN_STATUSES: Final = {
    "explain": ((1, "With --client: a listener would not serve that client, or nobody can tell."),),
}
"""Statuses that mean something to one command alone."""

_MORE_STATUSES: Final = {
    "adopt": ("The status of the adopted program, where that has run.",),
    "plugins": ("A package that cannot be used is shown as such, and the status is 0 all the same.",),
}
"""What else is to be said of a command's exit status."""

_FILES: Final = {
    "completion": (
        ("~/.local/share/bash-completion/completions/plugserve", "Where bash looks for the script."),
        ("~/.zfunc/_plugserve", "Where zsh looks for it, if ~/.zfunc is in its fpath."),
        ("~/.config/fish/completions/plugserve.fish", "Where fish looks for it."),
    ),
}

_KEPT: Final = "\b"
"""The line with which click's help marks a paragraph whose lines stay as they are."""


def pages() -> dict[str, str]:
    """The name of each page's file, `plugserve.1` and so on, and its text."""
    contexts = list(_walk(_context(command_line, "plugserve")))
    names = [_name(context) for context in contexts]
    return {f"{name}.1": _page(context, names) for name, context in zip(names, contexts, strict=True)}


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, parent, name, **command.context_settings)


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _walk(_context(command, name, context))


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _page(context: click.Context, all_names: Sequence[str]) -> str:
    command, name = context.command, _name(context)
    prose, examples = _help(command)
    lines = [
        r".\" Written by tests/workspace/manpages.py from the help of the command. Do not edit.",
        f'.TH {_escaped(name.upper())} 1 {_DATE} "plugserve {core_version()}" "plugserve manual"',
        # Names and addresses are there to be copied: no word is broken, no line stretched.
        ".nh",
        ".ad l",
        ".SH NAME",
        rf"{_escaped(name)} \- {_escaped(_summary(command))}",
        ".SH SYNOPSIS",
        " ".join([_bold(context.command_path), *map(_usage, command.collect_usage_pieces(context))]),
        ".SH DESCRIPTION",
        *prose,
        *_parameters(context, "ARGUMENTS", click.Argument),
        *_parameters(context, "OPTIONS", click.Option),
    ]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for child in list(_walk(context))[1:]:
            lines += [".TP", _reference(_name(child)), *_paragraph(_summary(child.command, whole=True))]
    if examples:
        lines += [".SH EXAMPLES", ".EX", *examples, ".EE"]
    lines += [".SH EXIT STATUS", *_exit_statuses(context)]
    if files := _FILES.get(name.removeprefix("plugserve-")):
        lines.append(".SH FILES")
        for file, text in files:
            lines += [".TP", rf"\fI{_escaped(file)}\fR", *_paragraph(text)]
    others = [_reference(other) for other in all_names if other != name]
    lines += [".SH SEE ALSO", ",\n".join(others)]
    return "\n".join(lines) + "\n"


# -- sections ----------------------------------------------------------------------------------------------------------


def _summary(command: click.Command, *, whole: bool = False) -> str:
    """The first sentence of the help; in `NAME - what it does` it goes on behind the dash, and has no full stop."""
    paragraph = " ".join((command.short_help or command.help or "").partition("\n\n")[0].split())
    sentence = re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0]
    if whole or not sentence:
        return sentence
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _help(command: click.Command) -> tuple[list[str], list[str]]:
    """The help of a command as lines of roff: its prose, and its examples."""
    prose: list[str] = []
    examples: list[str] = []
    text = inspect.cleandoc("\n\n".join(filter(None, [command.help, command.epilog])))
    for block in re.split(r"\n{2,}", text):
        first, *rest = block.split("\n")
        if first.strip() != _KEPT:
            prose += [*([".PP"] if prose else []), *_paragraph(block)]
        elif any(re.search(r"\bplugserve ", line) for line in rest):
            examples += [*([""] if examples else []), *map(_line, rest)]
        else:
            prose += [".PP", ".EX", *map(_line, rest), ".EE"]
    return prose, examples


def _parameters(context: click.Context, heading: str, kind: type[click.Parameter]) -> list[str]:
    lines = []
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        # An argument may go without help; what it is stands in the description then.
        if isinstance(parameter, kind) and record is not None and record[1]:
            lines += [".TP", _option(record[0]), *_paragraph(record[1])]
    return [f".SH {heading}", *lines] if lines else []


def _exit_statuses(context: click.Context) -> list[str]:
    meanings = _meanings()
    name = context.info_name or ""
    wanted = tuple(meanings) if context.parent is None else _STATUSES.get(name, _USUAL_STATUSES)
    rows = [(0, "It did what it was asked for."), (2, "The command line is not understood.")]
    rows += [*(meanings[status] for status in wanted), *_OWN_STATUSES.get(name, ())]
    lines = []
    for number, text in sorted(rows):
        lines += [".TP", _bold(str(number)), *_paragraph(text)]
    for text in _MORE_STATUSES.get(name, ()):
        lines += [".PP", *_paragraph(text)]
    return lines


def _meanings() -> dict[str, tuple[int, str]]:
    """The statuses of plugserve.exits by name: the number, and the sentence that stands below it in the source."""
    body = ast.parse(inspect.getsource(exits)).body
    found = {}
    for statement, following in itertools.pairwise(body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=int(number))), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                found[name] = (number, text)
    return found


# -- roff --------------------------------------------------------------------------------------------------------------

_SPECIAL: Final = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
"""What roff would take for itself or print as something that cannot be copied (groff_char(7), groff_man_style(7))."""


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _line(text: str) -> str:
    """A line of text as it is; one that begins with a dot would be a request."""
    return rf"\&{_escaped(text)}" if text.startswith(".") else _escaped(text)


def _paragraph(text: str) -> list[str]:
    # Hyphens must not be broken at: a line of source is where roff sees a space.
    return [
        _line(line)
        for line in textwrap.wrap(" ".join(text.split()), 100, break_on_hyphens=False, break_long_words=False)
    ]


def _bold(text: str) -> str:
    return rf"\fB{_escaped(text)}\fR"


def _usage(piece: str) -> str:
    """A piece of click's usage line: words in capitals stand for something else."""
    return re.sub(r"[A-Z]+", r"\\fI\g<0>\\fR", _escaped(piece))


def _option(text: str) -> str:
    """The left half of click's record of an option, such as `-h, --help` or `--bind ADDRESS`."""
    # A word is what is bold or slanted; what click puts between two forms of an option is neither.
    words = re.split(r"(, | / |\s)", text)
    shown = [
        word if word in (", ", " / ", " ", "") else _bold(word) if word[0] == "-" else rf"\fI{_escaped(word)}\fR"
        for word in words
    ]
    return "".join(shown)


def _reference(name: str) -> str:
    return rf"{_bold(name)}(1)"


def main() -> None:
    """Write all pages, and remove those of commands that are no more."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.1"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        Path(FOLDER, name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{FOLDER.relative_to(ROOT)}: {', '.join(wanted)}")


if __name__ == "__main__":
    main()
