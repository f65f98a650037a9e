"""Plugins of one server: registered with pluggy, validated, and compiled into flat sequences.

pluggy finds and checks implementations; calling them is ours, because pluggy alone is fail-open for decisions: a
misspelt hook is never called, one exception skips the remaining implementations, a wrapper can turn a denial into an
agreement (`docs/explanation/why-not-pluggy-alone.md`).

Rules:

1. Order is the order of configuration.
2. Whatever could silently not be called is refused at start: a misspelt hook, a hook's name without `@hookimpl`, a
   class given for an instance, a plugin that implements nothing.
3. Each call has a guard of its own; what a failure causes is the hook's rule in `hookspecs.SPECS`.
4. A hook that nobody implements compiles to an empty tuple: its call site costs one truth test.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from . import hookspecs
from .errors import ConfigurationError, PluginError, RequestRejected
from .faults import ends_the_loop, report, text_of
from .hookspecs import PROJECT, SPECS

if TYPE_CHECKING:
    from .connection import Connection
    from .server import BaseServer

__all__ = ["PHASES", "Call", "Holder", "Hooks", "Plugins", "means_plugins", "observe", "start", "vote", "vote_async"]

PHASES = {"peer": 0, "encryption": 1, "authentication": 2}
"""The phases of layers. A PROXY header (`peer`) may stand on either side of `encryption`; nothing comes after
`authentication` but more of it."""

_MARKER = f"{PROJECT}_impl"
TRACE_VARIABLE = "PLUGSERVE_TRACE"


class Call(NamedTuple):
    """One implementation of one hook, ready to be called with the object that holds its arguments."""

    plugin: str
    hook: str
    invoke: Callable[[Any], Any]
    watches_only: bool

    @property
    def subject(self) -> str:
        return f"plugin {self.plugin!r}: {self.hook}"


class Holder:
    """The one argument of the hooks that belong to no request.

    Parameters:
        server: theirs.
    """

    __slots__ = ("server",)

    def __init__(self, server: BaseServer) -> None:
        self.server = server


class Hooks:
    """The compiled implementations: one tuple of `Call` a hook, in calling order."""

    __slots__ = tuple(SPECS)

    verify_request: tuple[Call, ...]
    open_connection: tuple[Call, ...]
    authorize: tuple[Call, ...]
    start_tls: tuple[Call, ...]
    request_rejected: tuple[Call, ...]
    process_request: tuple[Call, ...]
    setup: tuple[Call, ...]
    handle: tuple[Call, ...]
    out_of_band: tuple[Call, ...]
    finish: tuple[Call, ...]
    handle_error: tuple[Call, ...]
    connection_closed: tuple[Call, ...]
    service_actions: tuple[Call, ...]
    server_activate: tuple[Call, ...]
    server_close: tuple[Call, ...]

    def __init__(self) -> None:
        for name in SPECS:
            setattr(self, name, ())


class Plugins(Mapping[str, Any]):
    """The plugins of one server, by name, in the order of configuration.

    Parameters:
        given: objects, or a mapping of names to objects. An object's own name is its `plugin_name` attribute, or
            its class's name in lower case.

    Errors: `PluginError` for everything that rule 2 of this module refuses.
    """

    def __init__(self, given: Iterable[Any] | Mapping[str, Any]) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._by_name: dict[str, Any] = {}
        pairs = given.items() if isinstance(given, Mapping) else [(_name_of(plugin), plugin) for plugin in given]
        for name, plugin in pairs:
            with _about(name):
                self._add(name, plugin)

    def _add(self, name: str, plugin: Any) -> None:
        if inspect.isclass(plugin):
            raise PluginError(f"plugin {name!r} is the class {plugin.__name__}: give an instance, {plugin.__name__}()")
        for other, known in self._by_name.items():
            if known is plugin:
                raise PluginError(f"plugin {name!r} is given twice, also as {other!r}: remove one")
        if name in self._by_name:
            raise PluginError(
                f"two plugins are named {name!r} ({_where(self._by_name[name])} and {_where(plugin)}): "
                f"give plugins as a mapping with a name for each"
            )
        _check_members(name, plugin)
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"plugin {name!r} ({_where(plugin)}): {' '.join(str(error).split())}") from error
        self._by_name[name] = plugin

    def __getitem__(self, name: str) -> Any:
        return self._by_name[name]

    def __iter__(self) -> Any:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"<Plugins {', '.join(self._by_name) or 'none'}>"

    def compile(self, server: BaseServer) -> Hooks:
        """The flat sequences for one server.

        Errors: `PluginError` for a plugin that this server's engine or socket type cannot serve.
        """
        hooks = Hooks()
        position = {name: index for index, name in enumerate(self._by_name)}
        trace = bool(os.environ.get(TRACE_VARIABLE)) or getattr(server, "trace_hooks", False)
        for name, spec in SPECS.items():
            implementations = sorted(
                getattr(self.manager.hook, name).get_hookimpls(), key=lambda impl: position[impl.plugin_name]
            )
            calls = []
            for implementation in implementations:
                with _about(implementation.plugin_name):
                    _check_implementation(spec, implementation)
                invoke = _invoker(implementation.function, implementation.argnames)
                if trace:
                    invoke = _traced(implementation.plugin_name, name, invoke)
                plugin = self._by_name[implementation.plugin_name]
                watches_only = bool(getattr(plugin, "watches_only", False))
                calls.append(Call(implementation.plugin_name, name, invoke, watches_only))
            if name == "server_close":
                calls.reverse()
            setattr(hooks, name, tuple(calls))
        self._check_for(server, hooks)
        return hooks

    def _check_for(self, server: BaseServer, hooks: Hooks) -> None:
        engine = server.engine_name
        for name, plugin in self._by_name.items():
            if getattr(plugin, "needs_shared_memory", False) and not server.shares_memory:
                raise _refusal(
                    name,
                    f"needs the memory of all requests in one process, and the engine {engine!r} handles each in a "
                    f"child of its own: use another engine",
                )
        if hooks.out_of_band and not server.delivers_out_of_band:
            raise _refusal(
                hooks.out_of_band[0].plugin,
                f"implements out_of_band, and the engine {engine!r} does not deliver urgent data: it would never be "
                f"called",
            )
        if hooks.out_of_band and server.urgent != "event":
            raise _refusal(
                hooks.out_of_band[0].plugin,
                f"implements out_of_band, and this listener does not deliver urgent data: its policy is "
                f"{server.urgent}, set urgent = event",
            )
        if len(hooks.start_tls) > 1:
            first, second = (call.plugin for call in hooks.start_tls[:2])
            raise _refusal(second, f"offers start_tls, and so does {first!r}: remove one of them")
        if hooks.start_tls and not server.is_stream:
            raise _refusal(
                hooks.start_tls[0].plugin,
                f"offers start_tls, which needs a stream, and {type(server).__name__} serves datagrams: remove it from "
                f"this listener",
            )
        if hooks.open_connection and not server.is_stream:
            raise _refusal(
                hooks.open_connection[0].plugin,
                f"is a layer, layers need a stream, and {type(server).__name__} serves datagrams: remove it from this "
                f"listener",
            )
        phase_before, before = 0, ""
        for call in hooks.open_connection:
            phase = getattr(self._by_name[call.plugin], "phase", None)
            if phase not in PHASES:
                raise _refusal(
                    call.plugin,
                    f"is a layer and its phase is {phase!r}: set phase to one of {', '.join(map(repr, PHASES))}",
                )
            if phase_before == PHASES["authentication"] > PHASES[phase]:
                raise _refusal(
                    call.plugin,
                    f"({phase}) comes after {before!r} (authentication): what {before!r} proves would be proved in the "
                    f"clear or for another peer. Put {call.plugin!r} first",
                )
            phase_before, before = PHASES[phase], call.plugin


def _refusal(plugin: str, text: str) -> PluginError:
    error = PluginError(f"plugin {plugin!r} {text}")
    error.plugin = plugin
    return error


@contextmanager
def _about(plugin: str) -> Iterator[None]:
    """An error in the body is about this plugin."""
    try:
        yield
    except ConfigurationError as error:
        error.plugin = plugin
        raise


def means_plugins(value: object) -> bool:
    """Whether an attribute called `plugins` is meant for us, or is one that a program has for purposes of its own.

    Parameters:
        value: as `inspect.getattr_static` finds it.
    """
    if isinstance(value, staticmethod) or value == ():
        return True
    if isinstance(value, Mapping):
        value = value.values()
    if not isinstance(value, Iterable):
        return False  # a method, a property, a number
    return any(hasattr(getattr(plugin, hook, None), _MARKER) for plugin in list(value) for hook in SPECS)


def vote(calls: tuple[Call, ...], connection: Connection) -> str | None:
    """Ask until one denies. Returns the reason of the denial, None if all agreed or abstained."""
    for call in calls:
        try:
            verdict = call.invoke(connection)
        except BaseException as exception:
            return _denied_by_exception(call, connection, exception)
        if verdict is not True and verdict is not None:
            return _denied(call, connection, verdict)
    return None


async def vote_async(calls: tuple[Call, ...], connection: Connection) -> str | None:
    """Like `vote`, for a hook whose implementations may be coroutine functions."""
    for call in calls:
        try:
            verdict = call.invoke(connection)
            if verdict is True or verdict is None:
                continue
            if inspect.isawaitable(verdict):
                verdict = await verdict
        except GeneratorExit:
            if connection.torn_down:
                raise
            return _denied_by_exception(call, connection, GeneratorExit())
        except BaseException as exception:
            if connection.ended_by(exception):
                # Its deadline passed while a vote was awaited: not the plugin's fault, but undecided, so denied.
                raise
            return _denied_by_exception(call, connection, exception)
        if verdict is not True and verdict is not None:
            return _denied(call, connection, verdict)
    return None


def _denied(call: Call, connection: Connection, verdict: object) -> str:
    connection.rejected_by = call.plugin
    if verdict is False:
        return f"denied by {call.plugin}"
    if inspect.iscoroutine(verdict):
        verdict.close()
    report(call.subject, text=f"returned {type(verdict).__name__}, not True, False or None: denied")
    return f"denied: {call.plugin} gave no valid answer"


def _denied_by_exception(call: Call, connection: Connection, exception: BaseException) -> str:
    connection.rejected_by = call.plugin
    if isinstance(exception, RequestRejected):
        return exception.reason
    if ends_the_loop(exception):
        raise exception
    report(call.subject, exception)
    return f"denied: {call.plugin} failed"


def observe(calls: tuple[Call, ...], holder: object) -> None:
    """Tell each; a fault of one is reported and does not keep the others from being told."""
    for call in calls:
        try:
            call.invoke(holder)
        except BaseException as exception:
            if ends_the_loop(exception):
                raise
            report(call.subject, exception)


def gate(calls: tuple[Call, ...], connection: Connection) -> str | None:
    """Call each until one refuses. Returns the reason of the refusal, None if all passed."""
    for call in calls:
        try:
            call.invoke(connection)
        except RequestRejected as refusal:
            connection.rejected_by = call.plugin
            return refusal.reason
        except BaseException as exception:
            if ends_the_loop(exception):
                raise
            report(call.subject, exception)
            if not call.watches_only:
                connection.rejected_by = call.plugin
                return f"denied: {call.plugin} failed"
    return None


def start(calls: tuple[Call, ...], holder: object) -> None:
    """The gate of `server_activate`: any failure refuses to start, and who had already started is named."""
    for call in calls:
        with _about(call.plugin):
            try:
                call.invoke(holder)
            except ConfigurationError as error:
                raise _named(error, call.plugin) from error
            except BaseException as exception:
                if ends_the_loop(exception):
                    raise
                raise PluginError(
                    f"{call.subject} raised {type(exception).__name__}: {text_of(exception)}"
                ) from exception


def _named(error: ConfigurationError, plugin: str) -> ConfigurationError:
    """The same error, which says in each of its lines which plugin it comes from."""
    lines = [line if f"plugin {plugin!r}" in line else f"plugin {plugin!r}: {line}" for line in str(error).splitlines()]
    return PluginError("\n".join(lines), option=error.option, index=error.index)


class Wrappers:
    """The wrappers of `handle` around one handler: entered outermost first, left in reverse."""

    __slots__ = ("_connection", "_open")

    def __init__(self, calls: tuple[Call, ...], connection: Connection) -> None:
        self._connection = connection
        self._open: list[tuple[Call, Generator[None, object, object]]] = []
        for call in calls:
            generator = call.invoke(connection)
            try:
                next(generator)
            except StopIteration:
                report(call.subject, text="returned without a yield: it wraps nothing")
                continue
            except BaseException as exception:
                self.leave(exception)
                raise
            self._open.append((call, generator))

    def leave(self, exception: BaseException | None) -> None:
        """Run what is behind each `yield`. The handler's exception is shown to each and stays the caller's."""
        while self._open:
            call, generator = self._open.pop()
            try:
                if exception is None:
                    generator.send(None)
                else:
                    generator.throw(exception)
            except StopIteration:
                continue
            except BaseException as raised:
                if raised is exception:
                    continue
                if ends_the_loop(raised):
                    raise
                report(call.subject, raised)
            else:
                generator.close()
                report(call.subject, text="yielded twice: a wrapper yields once")


def _name_of(plugin: Any) -> str:
    name = getattr(plugin, "plugin_name", None)
    if isinstance(name, str):
        return name
    if inspect.ismodule(plugin):
        return plugin.__name__
    return (plugin if inspect.isclass(plugin) else type(plugin)).__name__.lower()


def _where(plugin: Any) -> str:
    """The file and line of a plugin's class, function or module, for messages."""
    thing = plugin if inspect.ismodule(plugin) or inspect.isroutine(plugin) else type(plugin)
    try:
        file = inspect.getsourcefile(thing)
        line = 1 if inspect.ismodule(thing) else inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', thing)}"
    return f"{file}:{line}"


def _check_members(name: str, plugin: Any) -> None:
    """Refuse what pluggy would silently never call."""
    marked = []
    for attribute in dir(plugin if inspect.ismodule(plugin) else type(plugin)) + list(
        getattr(plugin, "__dict__", ()) if not inspect.ismodule(plugin) else ()
    ):
        if attribute.startswith("__"):
            continue
        member = inspect.getattr_static(plugin, attribute, None)
        member = getattr(member, "__func__", member)
        if not callable(member):
            continue
        options = getattr(member, _MARKER, None)
        if options is not None:
            hook = options.get("specname") or attribute if isinstance(options, dict) else attribute
            if hook not in SPECS:
                import difflib

                near = difflib.get_close_matches(hook, SPECS, 1)
                raise PluginError(
                    f"plugin {name!r} ({_where(member)}): there is no hook {hook!r}"
                    + (f": did you mean {near[0]!r}?" if near else f"; the hooks are {', '.join(SPECS)}")
                )
            marked.append(hook)
        elif attribute in SPECS and not inspect.ismodule(plugin):
            raise PluginError(
                f"plugin {name!r} ({_where(member)}): {attribute} has the name of a hook and would never be called: "
                f"mark it with @plugserve.hookimpl, or rename it"
            )
    if not marked:
        raise PluginError(
            f"plugin {name!r} ({_where(plugin)}) implements no hook: mark at least one method with @plugserve.hookimpl"
        )


def _check_implementation(spec: hookspecs.Spec, implementation: Any) -> None:
    function = implementation.function
    place = f"plugin {implementation.plugin_name!r} ({_where(function)}): {spec.name}"
    if implementation.tryfirst or implementation.trylast:
        raise PluginError(f"{place} asks for tryfirst or trylast: order is the order of the configuration, remove it")
    if implementation.hookwrapper:
        raise PluginError(f"{place} is an old-style hookwrapper: use @hookimpl(wrapper=True) on handle")
    if spec.rule == "wrap" and not implementation.wrapper:
        raise PluginError(f"{place} must be a generator marked @hookimpl(wrapper=True): it stands around the handler")
    if spec.rule != "wrap" and implementation.wrapper:
        raise PluginError(f"{place} is a wrapper: only handle takes wrappers, since one could turn a denial around")
    if inspect.iscoroutinefunction(function) and not spec.may_be_async:
        raise PluginError(f"{place} is a coroutine function: this hook is called, not awaited; use a plain def")
    if spec.rule == "pipeline" and not inspect.iscoroutinefunction(function):
        raise PluginError(f"{place} must be an async def: a layer waits for its peer")


def _invoker(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[[Any], Any]:
    """A call that takes its arguments, by name, from the attributes of one object."""
    if not names:
        return lambda holder: function()
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda holder: function(get(holder))
    return lambda holder: function(*get(holder))


def _traced(plugin: str, hook: str, invoke: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def traced(holder: Any) -> Any:
        label = f"plugserve: request {getattr(holder, 'id', '-')}: {hook} ({plugin})"
        try:
            result = invoke(holder)
        except BaseException as exception:
            print(f"{label} raised {type(exception).__name__}", file=sys.stderr)
            raise
        print(f"{label} -> {result!r}", file=sys.stderr)
        return result

    return traced
