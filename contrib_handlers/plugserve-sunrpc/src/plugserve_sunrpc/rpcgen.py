"""`plugserve-rpcgen`: compiles a description in the RPC language to a Python module."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from .description import DescriptionError
from .generate import generate
from .parse import parse_file, parse_text

__all__ = ["main"]


@click.command(name="plugserve-rpcgen", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to stdout."
)
@click.option(
    "-I",
    "--include",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    help="Look here too for included descriptions.",
)
def main(file: Path, output: Path | None, include: tuple[Path, ...]) -> None:
    """Compile FILE, a description in the RPC language (RFC 5531, and rpcgen's dialect), to a Python module.

    The module has the types, constants, client stubs and server base classes. `-` reads from stdin.
    """
    try:
        if str(file) == "-":
            description = parse_text(sys.stdin.read(), "<stdin>", [Path(), *include])
        else:
            description = parse_file(file, include)
        module = generate(description)
    except DescriptionError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}") from None
    if output is None:
        click.echo(module, nl=False)
        return
    try:
        _write(output, module)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: a reader never finds half a module."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
