"""A Python program in the words of a command line: what Python would run, told without running any of it."""

from __future__ import annotations

import os
import re
import shlex
import sys
import zipfile
from typing import TYPE_CHECKING, Final, NamedTuple

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

__all__ = ["Program", "find_program"]


class Program(NamedTuple):
    """What to run.

    Parameters:
        arguments: those of the interpreter: its options, `-m MODULE` or a path, and the program's own.
    """

    arguments: tuple[str, ...]


_PLAIN: Final = frozenset("bBdiOPqRsuvx")
"""Those options of Python without a value that change nothing about what can be replaced (python(1))."""
_VALUED: Final = frozenset("WX")
_REFUSED: Final = {
    "c": "a program in the command line itself cannot be adopted: write it to a file",
    "I": "in isolated mode nothing can be put before the program: leave it out",
    "E": "without PYTHONPATH nothing can be put before the program: leave it out",
    "S": "without the module site nothing can be put before the program: leave it out",
}
_INTERPRETER: Final = re.compile(r"(python|pypy)[\d.]*(\.exe)?", re.IGNORECASE)


def find_program(words: Sequence[str]) -> Program:
    """What these words run.

    Parameters:
        words: options of Python if any, then `-m MODULE`, a path, or the name of a Python program on PATH, then the
            arguments of the program.

    Errors: `ConfigurationError` if there is no such program, or one that Python does not run, or that would run where
        nothing can be put before it.
    """
    options: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "-":
            raise ConfigurationError("-: a program from standard input cannot be adopted: write it to a file")
        if word == "--":
            break
        if word == "--check-hash-based-pycs":
            options += [word, *rest[:1]]
            del rest[:1]
            continue
        if word.startswith("--"):
            raise ConfigurationError(f"{word} is no option of adopt, nor one with which Python runs a program")
        for index, letter in enumerate(word[1:], 1):
            if letter in _PLAIN:
                continue
            value, attached = word[index + 1 :], True
            if not value and (letter in _VALUED or letter == "m"):
                if not rest:
                    raise ConfigurationError(f"-{letter}: its value is missing")
                value, attached = rest.pop(0), False
            if letter == "m":
                flags = [word[:index]] if index > 1 else []
                _check_module(value, [*options, *flags])
                return Program((*options, *flags, "-m", value, *rest))
            if letter in _VALUED:
                options += [word] if attached else [word, value]
                break
            reason = _REFUSED.get(letter, "Python runs no program with it: leave it out")
            raise ConfigurationError(f"-{letter}: {reason}")
        else:
            options.append(word)
    if not rest:
        raise ConfigurationError("there is no program: write -m MODULE, PATH.py or the name of a Python program")
    return Program((*options, _script(rest[0]), *rest[1:]))


# -- a module ----------------------------------------------------------------------------------------------------------


def _check_module(name: str, options: list[str]) -> None:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        raise ConfigurationError(f"-m {name}: write the name of a module, as in -m http.server")
    folders = sys.path if sys.flags.safe_path else sys.path[1:]
    safe = os.environ.get("PYTHONSAFEPATH") or any("P" in word for word in options if re.fullmatch(r"-\w+", word))
    if not safe:
        folders = [os.getcwd(), *folders]
    spec, sure = _find(name, folders)
    if spec is None:
        if sure or not _found_by_importing(name, folders):
            if name.endswith(".py") and os.path.isfile(name):
                raise ConfigurationError(f"-m {name}: that is a file and no module: leave -m out")
            raise ConfigurationError(
                f"-m {name}: this Python ({sys.executable}) has no module of that name: correct it, or install what "
                f"brings it"
            )
    elif spec.submodule_search_locations is not None:
        main = f"{name}.__main__"
        if _find(main, folders)[0] is None and not _found_by_importing(main, folders):
            raise ConfigurationError(f"-m {name}: that is a package without __main__: it cannot be run")


def _find(name: str, folders: list[str]) -> tuple[ModuleSpec | None, bool]:
    """What a module is made from, and whether that is sure: a package may change its own path when it is imported."""
    from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

    first, *others = name.split(".")
    spec = BuiltinImporter.find_spec(first) or FrozenImporter.find_spec(first) or PathFinder.find_spec(first, folders)
    path: list[str] | None = None
    known = (BuiltinImporter, FrozenImporter, PathFinder)
    # Finders of editable installs and their like.
    finders = [finder for finder in sys.meta_path if finder not in known and hasattr(finder, "find_spec")]

    def ask(full: str) -> ModuleSpec | None:
        return next(filter(None, (finder.find_spec(full, path) for finder in finders)), None)

    spec = spec or ask(first)
    if spec is None:
        return None, True
    full = first
    for part in others:
        full = f"{full}.{part}"
        if spec.submodule_search_locations is None:
            return None, True
        try:
            path = list(spec.submodule_search_locations)
            spec = PathFinder.find_spec(full, path) or ask(full)
        except KeyError:
            # A namespace in a package that has not been imported cannot tell its folders (PEP 420).
            return None, False
        if spec is None:
            return None, False
    return spec, True


def _found_by_importing(name: str, folders: list[str]) -> bool:
    """Whether Python finds a module once it has imported its parents. If these fail, let the program show it."""
    from importlib.util import find_spec

    before = list(sys.path)
    sys.path[:] = folders
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError as error:
        return error.name is None or not f"{name}.".startswith(f"{error.name}.")
    # BaseException, since a package may call sys.exit() when it is imported.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return True
    finally:
        sys.path[:] = before


# -- a file ------------------------------------------------------------------------------------------------------------


def _script(word: str) -> str:
    """The path of a program: the word itself, or what PATH says.

    Errors: `ConfigurationError`.
    """
    import shutil

    if _INTERPRETER.fullmatch(os.path.basename(word)) and not os.path.isdir(word):
        raise ConfigurationError(f"{word}: leave it out: adopt runs the program with its own Python, {sys.executable}")
    if os.path.exists(word):
        _check_file(word)
        return word
    if os.path.dirname(word):
        raise ConfigurationError(f"{word}: there is no such file: correct the path")
    found = shutil.which(word)
    if found is None:
        hint = ": correct the name, or give its path"
        if re.fullmatch(r"\w+(\.\w+)*", word) and _find(word, [os.getcwd(), *sys.path])[0] is not None:
            hint = f": did you mean -m {word}?"
        raise ConfigurationError(f"{word}: there is neither such a file here nor such a program on PATH{hint}")
    interpreter = _check_file(found)
    if interpreter and not _is_ours(interpreter):
        raise ConfigurationError(
            f"{word}: {found} runs on another Python, {interpreter}, and this is {sys.executable}: install plugserve "
            f"there and use its adopt, or give the path to run it on this one"
        )
    return found


def _check_file(path: str) -> str | None:
    """Refuse what Python does not run; returns the interpreter that the first line asks for."""
    if os.path.isdir(path):
        if os.path.isfile(os.path.join(path, "__main__.py")):
            return None
        raise ConfigurationError(f"{path}: that is a folder without __main__.py: it cannot be run")
    if not os.path.isfile(path):
        raise ConfigurationError(f"{path}: that is no file")
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be read: {error.strerror}") from error
    if path.endswith((".py", ".pyw", ".pyc")):
        return None
    # Also the small .exe files that start a Python program on Windows: it is appended to them.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "__main__.py" in archive.namelist():
                return None
        raise ConfigurationError(f"{path}: that is an archive without __main__.py: Python cannot run it")
    if head.startswith(b"#!"):
        return _interpreter(path, head)
    if b"\0" in head:
        raise ConfigurationError(f"{path}: that is a binary: only what Python runs can be adopted")
    if not _is_source(path):
        raise ConfigurationError(
            f"{path}: that is no Python program: its name does not end with .py, and it has no line #!python"
        )
    return None


def _interpreter(path: str, head: bytes) -> str | None:
    lines = os.fsdecode(head).split("\n")
    words = _words(lines[0][2:])
    # What installers write where the path of the interpreter is too long for the kernel, or has a space in it:
    # to Python, the second line begins a text.
    if words and os.path.basename(words[0]) == "sh" and len(lines) > 1 and lines[1].startswith("'''exec'"):
        words = _words(lines[1].removeprefix("'''exec'"))
    elif words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words or not _INTERPRETER.fullmatch(os.path.basename(words[0])):
        asked = words[0] if words else "nothing"
        raise ConfigurationError(
            f"{path}: that is a program for {asked} and not for Python: adopt the Python program that it starts, if any"
        )
    return words[0]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _is_source(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _is_ours(interpreter: str) -> bool:
    """Whether it is the Python of this process; by its folder, as the links of all virtual environments lead to the
    same file."""
    import shutil

    found = interpreter if os.path.dirname(interpreter) else shutil.which(interpreter)
    return found is not None and os.path.realpath(os.path.dirname(found)) == os.path.realpath(
        os.path.dirname(sys.executable)
    )
