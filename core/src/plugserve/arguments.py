"""The small grammar of `plugserve serve`: words of a command line into plain data, and nothing looked up.

    HANDLER     NAME                    echo, package.module:Class or ./file.py:Class
                NAME@ADDRESS[,ADDRESS]  echo@tcp://127.0.0.1:7007,udp://127.0.0.1:7007
    --with      PLUGIN[,PLUGIN]         access,log
      PLUGIN    NAME                    log
                PATH.py:CLASS           ./quota.py:Quota, in place of any NAME
                NAME:FLAG               log:json
                NAME:KEY=VALUE          access:allow=10.0.0.0/8
                ...,KEY=VALUE           access:allow=10.0.0.0/8,deny=10.9.0.0/16
                ...,VALUE               access:allow=10.0.0.0/8,192.168.0.0/16
    --option    KEY=VALUE               root=public
                HANDLER.KEY=VALUE       http-files.root=public

In `--with`, a word between commas is read as the first of these that it fits: `KEY=VALUE` sets another option of the
plugin before it, `NAME...` begins a plugin, and anything else is one more value of the option before it. So a value
that looks like a name has to repeat its key: `words:list=one,list=two`. A key given twice is a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Binding", "Mistakes", "OptionWord", "PluginWord", "bindings", "option_words", "options_for", "plugin_words"]

DEFAULT_ADDRESS: Final = "tcp://127.0.0.1:0"
"""Where a handler without an address listens: reachable from this machine alone, on a port that is free."""

_KEY: Final = r"[A-Za-z_][\w-]*"
_SETTING: Final = re.compile(rf"({_KEY})=(.*)", re.DOTALL)
_FILE: Final = re.compile(rf"([^=]*\.py:[A-Za-z_][\w.]*)(?::({_KEY})(?:=(.*))?)?", re.DOTALL)
_PLUGIN: Final = re.compile(rf"([A-Za-z][\w.-]*)(?::({_KEY})(?:=(.*))?)?", re.DOTALL)


class Mistakes(ConfigurationError):
    """What is wrong with the command line: the message is one line for each mistake."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))


class Binding(NamedTuple):
    """A handler by name, and one address in text form where it shall listen."""

    handler: str
    address: str


class PluginWord(NamedTuple):
    """A plugin by name, and its options as text, `True` for a flag, or a list of texts."""

    name: str
    options: Mapping[str, object]


class OptionWord(NamedTuple):
    """An option for the handler of that name, or for the one that takes it."""

    handler: str | None
    key: str
    value: str

    def __str__(self) -> str:
        return f"--option {self.handler}.{self.key}" if self.handler else f"--option {self.key}"


def bindings(handlers: Sequence[str], binds: Sequence[str]) -> list[Binding]:
    """Which handler listens where.

    Parameters:
        handlers: the words `NAME` or `NAME@ADDRESS[,ADDRESS...]`.
        binds: the values of `--bind`. They are for the handlers without an address of their own: one such handler
            listens on all of them, several take one each, in order. A handler with neither gets `DEFAULT_ADDRESS`.

    Raises:
        Mistakes: a word is malformed, or the numbers do not match.
    """
    problems: list[str] = []
    homeless = [word for word in handlers if "@" not in word]
    if binds and not homeless:
        problems.append(
            f"--bind {binds[0]} is for no handler: each has an address of its own; write HANDLER@{binds[0]}"
        )
    elif binds and len(homeless) > 1 and len(homeless) != len(binds):
        problems.append(
            f"{len(homeless)} handlers ({', '.join(homeless)}), but --bind {_times(len(binds))}: "
            f"give each its address, as in {homeless[0]}@{binds[0]}"
        )
    shares = [list(binds)] if len(homeless) == 1 else [[bind] for bind in binds]
    found: list[Binding] = []
    for word in handlers:
        name, at, text = word.partition("@")
        addresses = [address.strip() for address in text.split(",")] if at else (shares.pop(0) if shares else [])
        if not name or "" in addresses:
            problems.append(f"'{word}' is not of the form HANDLER@ADDRESS, as in echo@127.0.0.1:7007")
        found += [Binding(name, address) for address in addresses or [DEFAULT_ADDRESS]]
    if problems:
        raise Mistakes(*problems)
    return found


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def plugin_words(values: Iterable[str]) -> list[PluginWord]:
    """The plugins of all `--with`, in order.

    Raises:
        Mistakes: a word belongs to no plugin or no option, or a plugin is named twice.
    """
    problems: list[str] = []
    found: list[PluginWord] = []
    for value in values:
        options: dict[str, object] | None = None
        key: str | None = None
        for piece in filter(None, (piece.strip() for piece in value.split(","))):
            if setting := _SETTING.fullmatch(piece):
                if options is None:
                    problems.append(f"--with {value}: '{piece}' belongs to no plugin: write NAME:{piece}")
                    break
                key = setting[1]
                _add(options, key, setting[2])
            elif plugin := _FILE.fullmatch(piece) or _PLUGIN.fullmatch(piece):
                name, key, text = plugin.groups()
                options = {}
                if key is not None:
                    _add(options, key, True if text is None else text)
                    key = None if text is None else key
                if any(name == other.name for other in found):
                    problems.append(f"--with: the plugin '{name}' is named twice: name it once, with all its options")
                found.append(PluginWord(name, options))
            elif options is not None and key is not None:
                _add(options, key, piece)
            elif piece.endswith(".py"):
                # Which class of it is for whoever looks into the file to say.
                options = {}
                found.append(PluginWord(piece, options))
            else:
                problems.append(f"--with {value}: '{piece}' is no plugin: write NAME, NAME:FLAG or NAME:KEY=VALUE")
                break
    if problems:
        raise Mistakes(*problems)
    return found


def _add(options: dict[str, object], key: str, value: object) -> None:
    if key not in options:
        options[key] = value
        return
    before = options[key]
    options[key] = [*before, value] if isinstance(before, list) else [before, value]


def option_words(values: Iterable[str]) -> list[OptionWord]:
    """The values of all `--option`.

    Raises:
        Mistakes: one is not of the form `KEY=VALUE` or `HANDLER.KEY=VALUE`.
    """
    problems: list[str] = []
    found: list[OptionWord] = []
    for value in values:
        left, equals, right = value.partition("=")
        handler, dot, key = left.strip().rpartition(".")
        if not equals or not re.fullmatch(_KEY, key) or (dot and not handler):
            problems.append(f"--option {value}: write KEY=VALUE, or HANDLER.KEY=VALUE")
        else:
            found.append(OptionWord(handler or None, key, right))
    if problems:
        raise Mistakes(*problems)
    return found


def options_for(words: Iterable[OptionWord], handlers: Mapping[str, Sequence[str]]) -> dict[str, dict[str, object]]:
    """Which handler gets which options.

    Parameters:
        words: as `option_words` gives them.
        handlers: each handler's name, and the names of the options that it takes.

    Raises:
        Mistakes: an option is for a handler that is not served, or without a handler's name several may be meant, or
            none takes it.
    """
    problems: list[str] = []
    found: dict[str, dict[str, object]] = {name: {} for name in handlers}
    for word in words:
        takers = list(handlers)
        if word.handler is not None:
            takers = [name for name in takers if name == word.handler]
        elif len(takers) > 1:
            shown = word.key.replace("_", "-")
            takers = [name for name in takers if shown in handlers[name]]
        if len(takers) == 1:
            # Whether it takes this option is for the check of its options to say, with the nearest right name.
            _add(found[takers[0]], word.key, word.value)
        elif word.handler is not None:
            problems.append(f"{word}: no handler '{word.handler}' is served here, but {', '.join(handlers)}")
        elif takers:
            choices = " or ".join(f"{name}.{word.key}" for name in takers)
            problems.append(f"{word}: several handlers take it: say which, {choices}")
        else:
            problems.append(f"{word}: {_nobody(word.key, handlers)}")
    if problems:
        raise Mistakes(*problems)
    return found


def _nobody(key: str, handlers: Mapping[str, Sequence[str]]) -> str:
    import difflib

    known = {f"{name}.{option}": option for name, options in handlers.items() for option in options}
    near = difflib.get_close_matches(key.replace("_", "-"), known.values(), n=1)
    if near:
        return f"none of the handlers has it: did you mean {next(full for full in known if known[full] == near[0])}?"
    if not known:
        return f"none of the handlers ({', '.join(handlers)}) takes any option"
    return f"none of the handlers has it: they have {', '.join(known)}"
