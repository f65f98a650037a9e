"""Options by name, made into typed objects: a plugin's constructor arguments, a handler's nested dataclass `Options`.

An author writes type hints and nothing else. What comes from a command line is text, what comes from code or TOML is
typed already; pydantic turns the one into the other and says what is wrong. All mistakes are reported at once.

    class Access:
        def __init__(self, *, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> None: ...

    build(Access, {"allow": "10.0.0.0/8, 192.168.0.0/16"})  # the same as Access(allow=["10.0.0.0/8", "192.168.0.0/16"])

pydantic is imported only when there is an option to look at: it costs more than a whole server takes to start.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import inspect
import os
import types
import typing
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Union

from .discovery import place_of
from .errors import ConfigurationError, PluginError
from .faults import text_of
from .secret import hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "Complaint",
    "Option",
    "OptionsError",
    "build",
    "build_options",
    "call",
    "engine_options",
    "option_names",
    "options_of",
    "validated",
]

_NOTHING: Final = inspect.Parameter.empty


class Complaint(NamedTuple):
    """One mistake in the options.

    Parameters:
        path: where it is, from the table of options down: the option's name as it was given, then indexes and keys.
        text: what is wrong and what to do, for a reader who sees the path beside it.
        sentence: the same for one who does not.
        unknown: whether there is no such option.
    """

    path: tuple[str | int, ...]
    text: str
    sentence: str
    unknown: bool = False


class OptionsError(PluginError):
    """One or more options are wrong.

    Parameters:
        complaints: one for each mistake; the message is one line for each.
        values: the options that are right, by name.
    """

    def __init__(self, complaints: Iterable[Complaint], values: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.complaints = tuple(complaints)
        self.values = values
        super().__init__("\n".join(self.problems))

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each mistake."""
        return tuple(complaint.sentence for complaint in self.complaints)


@dataclass(frozen=True, slots=True)
class Option:
    """One option that a plugin or handler takes.

    Attributes:
        name: as in Python; on a command line and in a file `-` may stand for `_`.
        hint: its type hint with names resolved, or `Any` where there is none.
        default: what holds if it is not given; `inspect.Parameter.empty` if it must be.
    """

    name: str
    hint: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is _NOTHING

    @property
    def shown(self) -> str:
        """The name as written on a command line and in a file."""
        return _shown(self.name)


def options_of(target: Callable[..., Any], *, what: str | None = None) -> list[Option]:
    """The options that a class takes: the parameters of its constructor that can be given by name.

    Parameters:
        target: a class, or any other callable.
        what: how messages name it; by default its own name.

    Raises:
        PluginError: it has no signature, or a type hint does not resolve (its name is imported for type checkers only).
    """
    what = what or _name_of(target)
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        raise PluginError(f"{what} has no signature to read options from: write it in Python") from None
    wanted = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    hints = _hints(target, what) if wanted else {}
    return [Option(parameter.name, hints.get(parameter.name, Any), parameter.default) for parameter in wanted]


def build(
    target: Callable[..., Any],
    options: Mapping[str, object] | None = None,
    *,
    what: str | None = None,
    folder: str | None = None,
) -> Any:
    """Make an instance of a plugin class from options by name.

    Parameters:
        target: the class.
        options: name to value; a value may be text, which is converted to what the type hint asks for. Text for a list
            is split at commas; `none` is None where the hint takes None and no text. In a name `_` and `-`
            are the same.
        what: how messages name it, such as `plugin 'access' of plugserve-access 0.1.0`; by default its own name.
        folder: as in `validated`.

    Raises:
        OptionsError: an option is unknown (the nearest right name is given), missing, given twice, or of a wrong type.
        PluginError: the constructor failed; the message gives the file and line.
    """
    what = what or _name_of(target)
    return call(target, validated(target, options or {}, what=what, folder=folder), what=what)


def build_options(
    handler: Callable[..., Any],
    options: Mapping[str, object] | None = None,
    *,
    what: str | None = None,
    folder: str | None = None,
) -> Any:
    """Make the `Options` of a handler class from options by name; None for a handler that has none.

    Parameters and errors are those of `build`.
    """
    what = what or _name_of(handler)
    shape = getattr(handler, "Options", None)
    if shape is None:
        validated(_without_options, options or {}, what=what)
        return None
    return call(shape, validated(shape, options or {}, what=what, folder=folder), what=what)


def _without_options() -> None:
    """Stands for a handler that has none."""


def engine_options(engine: type) -> Callable[..., dict[str, Any]]:
    """What makes the options of an engine from keyword arguments: the class attributes that it names as such.

    Parameters:
        engine: a mix-in. Its attribute `engine_options` is a tuple of names of its class attributes; their values are
            the defaults, their annotations (or else the types of their values) the types. A class method
            `check_engine_options`, if it has one, gets those that are given and raises `ConfigurationError`.
    """
    names: tuple[str, ...] = tuple(getattr(engine, "engine_options", ()))
    hints = _resolved(engine, engine, _name_of(engine)) if names else {}

    def chosen(**options: Any) -> dict[str, Any]:
        if hasattr(engine, "check_engine_options"):
            engine.check_engine_options(**options)
        return options

    defaults = {name: inspect.getattr_static(engine, name) for name in names}
    signature = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hint)
            for name, hint in ((name, hints.get(name, type(defaults[name]))) for name in names)
        ]
    )
    chosen.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature looks for (PEP 362)
    chosen.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return chosen


def option_names(handler: Callable[..., Any]) -> list[str]:
    """The names of the options that a handler class takes, as written on a command line."""
    shape = getattr(handler, "Options", None)
    return [] if shape is None else [_shown(option.name) for option in options_of(shape, what=_name_of(handler))]


# -- checking --------------------------------------------------------------------------------------


def validated(
    target: Callable[..., Any],
    options: Mapping[str, object],
    *,
    what: str,
    folder: str | None = None,
) -> dict[str, Any]:
    """The arguments to call `target` with, every one of its type.

    Parameters:
        target: a class, or any other callable with type hints.
        options: name to value, as in `build`.
        what: how messages name it.
        folder: where relative paths begin, for an option whose type hint has `Path`; None leaves them as they are.

    Raises:
        OptionsError: as `build` does.
    """
    needed = options or _has_required(target)
    known = {option.name: option for option in options_of(target, what=what)} if needed else {}
    given: dict[str, str] = {}
    problems: list[Complaint] = []
    for key in options:
        name = key.replace("-", "_")
        if name not in known:
            problems.append(_unknown(key, list(known), what))
        elif name in given:
            text = "is given twice, as '-' and '_' are the same: keep one"
            problems.append(Complaint((key,), text, f"{what}: option '{_shown(name)}' {text}"))
        else:
            given[name] = key
    for option in known.values():
        if option.required and option.name not in given:
            text = f"option '{option.shown}' is missing: give it {expected(option.hint)}"
            problems.append(Complaint((), text, f"{what}: {text}"))
    values: dict[str, Any] = {}
    for name, key in given.items():
        hint, value = known[name].hint, options[key]
        try:
            values[name] = _convert(hint, value, folder)
        except ValueError as error:
            for path, message in _messages(error, value):
                shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
                got = _got(hint, value)
                problems.append(
                    Complaint(
                        (key, *path),
                        f"{got and got.strip(' ()') + ': '}{message}",
                        f"{what}: option '{_shown(name)}'{shown}{got}: {message}",
                    )
                )
        # A type hint that pydantic takes for a mistake, or a check of the author's own that fails in another way.
        except Exception as error:
            reason = hidden(_cut(" ".join(text_of(error).split()), 300))
            text = f"cannot be checked, which is a defect of {what}: {type(error).__name__}: {reason}"
            problems.append(Complaint((key,), text, f"{what}: option '{_shown(name)}' {text}"))
    if problems:
        raise OptionsError(problems, values)
    return values


def _has_required(target: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.default is _NOTHING and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )


def _unknown(given: str, known: list[str], what: str) -> Complaint:
    import difflib

    names = [_shown(name) for name in known]
    if not known:
        sentence = f"{what} takes no options: leave '{given}' out"
    elif near := difflib.get_close_matches(_shown(given), names, n=1):
        sentence = f"{what} has no option '{given}': did you mean '{near[0]}'?"
    else:
        sentence = f"{what} has no option '{given}': it has {', '.join(names)}"
    return Complaint((given,), sentence, sentence, unknown=True)


def _convert(hint: Any, value: object, folder: str | None) -> Any:
    members = list(_members(hint))
    if isinstance(value, str):
        if value == "none" and str not in members and _takes_none(hint):
            return None
        if _wants_many(hint):
            value = [piece for piece in (piece.strip() for piece in value.split(",")) if piece]
    if folder is not None:
        value = _below(folder, hint, value)
    if _is_plainly(hint, value):
        return value
    if (
        isinstance(value, bool)
        and not {bool, Any, object}.intersection(members)
        and any(member in (int, float) for member in members)
    ):
        # For pydantic true is 1 and false 0. Who writes it means something else.
        raise ValueError("give a number")
    if isinstance(value, bool) and _wants_many(hint) and not {bool, Any, object}.intersection(members):
        raise ValueError("give a list")
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    # What pydantic knows no schema for (a class of the author's own) is checked to be an instance of it.
    # A key that a dataclass among the options has not is a mistake, as an option is that there is not.
    config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint, config=config)
    except PydanticUserError as error:
        # A model or dataclass brings its own configuration and refuses a second one.
        if error.code != "type-adapter-config-unused":
            raise
        adapter = TypeAdapter(hint)
    return adapter.validate_python(value, context={"folder": folder})


def _is_plainly(hint: Any, value: object) -> bool:
    """Whether a value is what its hint asks for beyond doubt, so that there is nothing to convert, or to complain of.

    Most of a configuration is, and pydantic takes longer to import than a whole server to start.
    """
    if hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_is_plainly(member, value) for member in inner)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin in (list, collections.abc.Sequence, collections.abc.Collection, collections.abc.Iterable):
        return type(value) is list and all(_is_plainly(inner[0], one) for one in value)
    if origin in (dict, collections.abc.Mapping):
        return type(value) is dict and all(
            _is_plainly(inner[0], key) and _is_plainly(inner[1], one) for key, one in value.items()
        )
    if hint is None or hint is type(None):
        return value is None
    return hint in (str, int, float, bool) and type(value) is hint


def _below(folder: str, hint: Any, value: object) -> object:
    """The value with its relative paths taken from a folder, where the hint says that they are paths."""
    from pathlib import Path

    for member in _members(hint):
        if isinstance(member, type) and issubclass(member, PurePath) and isinstance(value, str):
            return os.path.join(folder, value)
        inner = [one for one in typing.get_args(member) if one is not Ellipsis]
        if isinstance(value, list) and any(one is Path for one in inner):
            return [os.path.join(folder, one) if isinstance(one, str) else one for one in value]
        if isinstance(value, dict) and dataclasses.is_dataclass(member):
            hints = typing.get_type_hints(member, include_extras=True)
            return {name: _below(folder, hints.get(name, Any), one) for name, one in value.items()}
        if isinstance(value, dict) and typing.get_origin(member) in (dict, collections.abc.Mapping):
            return {name: _below(folder, inner[1], one) for name, one in value.items()}
    return value


def _messages(error: ValueError, value: object) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """What pydantic found in a value, as pairs of the path into it and a sentence."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return [((), str(error))]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    shown: dict[tuple[tuple[str | int, ...], str], None] = {}
    for item in found:
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] in ("missing", "missing_argument"):
            message = f"'{item['loc'][-1]}' is missing"
        elif item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            message = "there is no such key"
        shown[_path(item["loc"], value), message[:1].lower() + message[1:]] = None
    return shown


def _path(location: Iterable[str | int], value: object) -> tuple[str | int, ...]:
    """A location of pydantic's as a path into a value: without the names of a union's members, that are no keys."""
    path: list[str | int] = []
    for part in location:
        if isinstance(part, int):
            path.append(part)
            value = value[part] if isinstance(value, (list, tuple)) and part < len(value) else None
        elif isinstance(value, dict) and part in value:
            path.append(part)
            value = value[part]
    return tuple(path)


def _takes_none(hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated:
        return _takes_none(typing.get_args(hint)[0])
    return hint is None or type(None) in typing.get_args(hint)


def _wants_many(hint: Any) -> bool:
    """Whether a hint asks for several values, so that text has to be split; not if it takes plain text as well."""
    members = list(_members(hint))
    if str in members:
        return False
    many = (list, tuple, set, frozenset, collections.abc.Collection, collections.abc.Iterable)
    return any(
        isinstance(origin, type)
        and issubclass(origin, many)
        and not issubclass(origin, (str, bytes, bytearray, collections.abc.Mapping))
        for origin in ((typing.get_origin(member) or member) for member in members)
    )


def _members(hint: Any) -> Iterable[Any]:
    """The alternatives of a hint, without `Annotated` and without None."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        yield from _members(typing.get_args(hint)[0])
    elif origin in (Union, types.UnionType):
        for member in typing.get_args(hint):
            yield from _members(member)
    elif hint is not type(None):
        yield hint


def expected(hint: Any) -> str:
    """What a type hint asks for, in words for people who do not read Python."""
    if hint is Any:
        return "a value"
    names = []
    for member in _members(hint):
        if typing.get_origin(member) is Literal:
            names += [repr(choice) for choice in typing.get_args(member)]
        else:
            names.append(member.__name__ if isinstance(member, type) and not typing.get_args(member) else str(member))
    return " or ".join(names).replace("collections.abc.", "").replace("typing.", "")


def _got(hint: Any, value: object) -> str:
    """The value as given, for the message; never that of a secret."""
    if _has_secret(hint):
        return ""
    return f" ({_cut(_written(value), 60)})"


def _has_secret(hint: Any, above: tuple[Any, ...] = ()) -> bool:
    """Whether there is a secret in a type, however deep: in a list, a table, a dataclass, a model."""
    if hint in above:
        return False
    if isinstance(hint, type) and ("Secret" in hint.__name__ or hasattr(hint, "get_secret_value")):
        return True
    inner = list(typing.get_args(hint))
    if isinstance(hint, type) and not inner:
        try:
            inner = list(typing.get_type_hints(hint, include_extras=True).values())
        except Exception:
            # What cannot be looked into is not to be shown.
            return hint.__module__ != "builtins"
    return any(_has_secret(one, (*above, hint)) for one in inner)


def _written(value: object) -> str:
    """A value about as it stands in a file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    try:
        return repr(value)
    except (ValueError, RecursionError):
        # An integer of thousands of digits (sys.set_int_max_str_digits), or what is nested as deep.
        return "what stands there"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _hints(target: Callable[..., Any], what: str) -> dict[str, Any]:
    # A dataclass has its hints on the class; any other class on its constructor.
    holder: Any = target
    if isinstance(target, type) and not hasattr(target, "__dataclass_fields__"):
        holder = next((vars(base)["__init__"] for base in target.__mro__ if "__init__" in vars(base)), target)
    return _resolved(holder, target, what)


def _resolved(holder: Any, target: Callable[..., Any], what: str) -> dict[str, Any]:
    """The type hints that stand on `holder`, a function or a class."""
    try:
        return typing.get_type_hints(holder, include_extras=True)
    except NameError as error:
        raise PluginError(
            f"{what} cannot tell its options: the type hint {error.name!r} means nothing at run time{_source(target)}: "
            f"import it outside of `if TYPE_CHECKING`"
        ) from error
    except TypeError:
        return {}
    except Exception as error:
        raise PluginError(
            f"{what} cannot tell its options: a type hint fails with {type(error).__name__}: {text_of(error)}"
            f"{_source(target)}"
        ) from error


# -- calling ---------------------------------------------------------------------------------------


def call(target: Callable[..., Any], arguments: Mapping[str, Any], *, what: str) -> Any:
    """Make an instance of a class from arguments of the right types.

    Raises:
        PluginError: it failed; the message gives the file and line, and no secret.
    """
    package = str(getattr(target, "__module__", "")).partition(".")[0]

    def said(error: BaseException) -> str:
        return hidden(text_of(error), _secrets(arguments.values()))

    try:
        return target(**arguments)
    except KeyboardInterrupt:
        raise
    except ConfigurationError as error:
        raise PluginError(f"{what}: {said(error)}", option=error.option, index=error.index) from error
    except (ValueError, TypeError, OSError) as error:
        # These say that the values are wrong, in words meant for whoever gave them.
        raise PluginError(f"{what}: {said(error) or type(error).__name__}{place_of(error, package)}") from error
    # BaseException, since no plugin may end the program that tries to make one.
    except BaseException as error:
        # Secrets are taken out of the whole text: a part of one could not be told from anything else.
        text = _cut(" ".join(said(error).split()), 300)
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise PluginError(f"{what} cannot be made: {reason}{place_of(error, package)}") from error


def _secrets(values: Iterable[object]) -> Iterator[str]:
    """All secrets in the arguments, so that no message repeats one."""
    for value in values:
        if hasattr(value, "reveal"):
            yield value.reveal()
        elif hasattr(value, "get_secret_value"):  # pydantic's own
            yield str(value.get_secret_value())
        elif isinstance(value, dict):
            yield from _secrets(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _secrets(value)


def _name_of(target: Callable[..., Any]) -> str:
    return str(getattr(target, "__qualname__", None) or target)


def _source(target: Callable[..., Any]) -> str:
    try:
        return f" ({inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]})"
    except (OSError, TypeError):
        return ""


def _shown(name: str) -> str:
    return name.replace("_", "-")
