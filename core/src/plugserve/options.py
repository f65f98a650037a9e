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
import inspect
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union

from .discovery import describe, place_of
from .errors import ConfigurationError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .discovery import Entry

__all__ = ["Option", "OptionsError", "build", "build_options", "option_names", "options_of"]

_NOTHING: Final = inspect.Parameter.empty


class OptionsError(PluginError):
    """One or more options are wrong.

    Parameters:
        problems: one sentence for each mistake; the message is one line for each.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Option:
    """One option that a plugin or handler takes.

    Attributes:
        name: as in Python; on a command line and in a file `-` may stand for `_`.
        hint: its type hint with names resolved, or `Any` where there is none.
        required: it has no default.
    """

    name: str
    hint: Any
    required: bool


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
    return [
        Option(parameter.name, hints.get(parameter.name, Any), parameter.default is _NOTHING) for parameter in wanted
    ]


def build(target: Callable[..., Any], options: Mapping[str, object] | None = None, *, what: str | None = None) -> Any:
    """Make an instance of a plugin class from options by name.

    Parameters:
        target: the class.
        options: name to value; a value may be text, which is converted to what the type hint asks for. Text for a list
            is split at commas. `_` and `-` are the same in a name.
        what: how messages name it, such as `plugin 'access' of plugserve-access 0.1.0`; by default its own name.

    Raises:
        OptionsError: an option is unknown (the nearest right name is given), missing, given twice, or of a wrong type.
        PluginError: the constructor failed; the message gives the file and line.
    """
    what = what or _name_of(target)
    return _call(target, _validated(target, options or {}, what), what)


def build_options(
    handler: Callable[..., Any], options: Mapping[str, object] | None = None, *, what: str | None = None
) -> Any:
    """Make the `Options` of a handler class from options by name; None for a handler that has none.

    Parameters and errors are those of `build`.
    """
    what = what or _name_of(handler)
    shape = getattr(handler, "Options", None)
    if shape is None:
        if options:
            raise OptionsError(f"{what} takes no options: leave '{_shown(name)}' out" for name in options)
        return None
    return _call(shape, _validated(shape, options or {}, what), what)


def option_names(handler: Callable[..., Any]) -> list[str]:
    """The names of the options that a handler class takes, as written on a command line."""
    shape = getattr(handler, "Options", None)
    return [] if shape is None else [_shown(option.name) for option in options_of(shape, what=_name_of(handler))]


def label(entry: Entry) -> str:
    """How messages name what an entry point led to."""
    return f"{entry.kind} '{entry.name}' of {entry.origin}"


# -- checking --------------------------------------------------------------------------------------


def _validated(target: Callable[..., Any], options: Mapping[str, object], what: str) -> dict[str, Any]:
    """The arguments to call `target` with, every one of its type."""
    needed = options or _has_required(target)
    known = {option.name: option for option in options_of(target, what=what)} if needed else {}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for given, value in options.items():
        name = given.replace("-", "_")
        if name not in known:
            problems.append(_unknown(given, list(known), what))
        elif name in values:
            problems.append(f"{what}: option '{_shown(name)}' is given twice, as '-' and '_' are the same: keep one")
        else:
            values[name] = value
    problems += [
        f"{what}: option '{_shown(option.name)}' is missing: give it {_expected(option.hint)}"
        for option in known.values()
        if option.required and option.name not in values
    ]
    for name, value in values.items():
        hint = known[name].hint
        try:
            values[name] = _convert(hint, value)
        except ValueError as error:
            problems += [
                f"{what}: option '{_shown(name)}'{path}{_got(hint, value)}: {message}"
                for path, message in _messages(error)
            ]
    if problems:
        raise OptionsError(problems)
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


def _unknown(given: str, known: list[str], what: str) -> str:
    import difflib

    if not known:
        return f"{what} takes no options: leave '{given}' out"
    names = [_shown(name) for name in known]
    near = difflib.get_close_matches(_shown(given), names, n=1)
    if near:
        return f"{what} has no option '{given}': did you mean '{near[0]}'?"
    return f"{what} has no option '{given}': it has {', '.join(names)}"


def _convert(hint: Any, value: object) -> Any:
    if hint is Any:
        return value
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    if isinstance(value, str) and _wants_many(hint):
        value = [piece for piece in (piece.strip() for piece in value.split(",")) if piece]
    # What pydantic knows no schema for (a class of the author's own) is checked to be an instance of it.
    config = ConfigDict(arbitrary_types_allowed=True)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint, config=config)
    except PydanticUserError as error:
        # A model or dataclass brings its own configuration and refuses a second one.
        if error.code != "type-adapter-config-unused":
            raise
        adapter = TypeAdapter(hint)
    return adapter.validate_python(value)


def _messages(error: ValueError) -> Iterable[tuple[str, str]]:
    """What pydantic found, as pairs of the path into the value and a sentence."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return [("", str(error))]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # A union complains once for each of its members, under a location that names the member: not a path to show.
    shown: dict[tuple[str, str], None] = {}
    for item in found:
        path = "".join(f"[{part}]" for part in item["loc"] if isinstance(part, int))
        message = item["msg"].removeprefix("Value error, ")
        shown[path, message[:1].lower() + message[1:]] = None
    return shown


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


def _expected(hint: Any) -> str:
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
    if any(getattr(member, "__name__", "").startswith("Secret") for member in _members(hint)):
        return ""
    text = repr(value)
    return f" ({text if len(text) <= 60 else text[:60] + '...'})"


def _hints(target: Callable[..., Any], what: str) -> dict[str, Any]:
    # A dataclass has its hints on the class; any other class on its constructor.
    holder: Any = target
    if isinstance(target, type) and not hasattr(target, "__dataclass_fields__"):
        holder = next((vars(base)["__init__"] for base in target.__mro__ if "__init__" in vars(base)), target)
    try:
        return typing.get_type_hints(holder, include_extras=True)
    except NameError as error:
        raise PluginError(
            f"{what} cannot tell its options: the type hint {error.name!r} means nothing at run time{_source(target)}: "
            f"import it outside of `if TYPE_CHECKING`"
        ) from error
    except TypeError:
        return {}


# -- calling ---------------------------------------------------------------------------------------


def _call(target: Callable[..., Any], arguments: dict[str, Any], what: str) -> Any:
    package = str(getattr(target, "__module__", "")).partition(".")[0]
    try:
        return target(**arguments)
    except KeyboardInterrupt:
        raise
    except ConfigurationError as error:
        raise PluginError(f"{what}: {error}") from error
    except (ValueError, TypeError, OSError) as error:
        # These say that the values are wrong, in words meant for whoever gave them.
        raise PluginError(f"{what}: {error}{place_of(error, package)}") from error
    # BaseException, since no plugin may end the program that tries to make one.
    except BaseException as error:
        raise PluginError(f"{what} cannot be made: {describe(error)}{place_of(error, package)}") from error


def _name_of(target: Callable[..., Any]) -> str:
    return str(getattr(target, "__qualname__", None) or target)


def _source(target: Callable[..., Any]) -> str:
    try:
        return f" ({inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]})"
    except (OSError, TypeError):
        return ""


def _shown(name: str) -> str:
    return name.replace("_", "-")
