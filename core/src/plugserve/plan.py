"""What shall be served: looked up, checked and put together, and nothing of it bound yet.

A command line and a configuration file lead to the same `Asked`s, these to the same `Plan`, and whatever a plan is used
for (`serve`, `check`, `explain`, `schema`) starts from it.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .configuration import Asked, AskedPlugin, told
from .errors import ConfigurationError, PluginError
from .secret import hidden
from .serving import DRAIN
from .toml_document import Faults

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .address import Address
    from .arguments import OptionWord
    from .discovery import Catalog, Entry, Kind
    from .limits import Limits
    from .server import BaseServer

__all__ = ["Listener", "Plan", "PlannedPlugin", "Words", "plan_files", "plan_words"]


_NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Words:
    """What stands for a place in a file where something was asked for on a command line."""

    where: str = "the command line"
    name: str = ""

    def at(self, *path: str | int) -> Words:
        """A place below this one: the same words."""
        return self

    def says(self, text: str, sentence: str = "") -> str:
        """A line that complains: there is no place to name but what the sentence says itself."""
        return sentence or text


@dataclass
class PlannedPlugin:
    """One plugin of one listener: each listener has an instance of its own.

    Parameters:
        name: in the server's mapping of plugins.
        entry: what it was found by.
        factory: its class.
        instance: made, not started.
        make: makes another one like it.
        options: those that were given, by name as they were given.
        spot: where it was asked for.
    """

    name: str
    entry: Entry
    factory: Any
    instance: Any
    make: Callable[[], Any]
    options: Mapping[str, Any]
    spot: Any


@dataclass
class Listener:
    """One address and all that is needed to serve it.

    Parameters:
        asked: what it was made from.
        address: where to listen.
        handler_entry, engine_entry: what they were found by.
        handler, engine: the classes.
        options: the instance of the handler's `Options`, or None.
        engine_options: class attributes of the engine that are set anew.
        limits: None means the defaults.
        plugins: in wire order.
        socket: once it is bound.
    """

    asked: Asked
    address: Address
    handler_entry: Entry
    handler: Any
    engine_entry: Entry
    engine: Any
    options: Any = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits | None = None
    plugins: list[PlannedPlugin] = field(default_factory=list)
    socket: socket.socket | None = None

    @property
    def title(self) -> str:
        """What people call it: its name, or that of its handler."""
        return self.asked.name or self.handler_entry.name

    @property
    def scheme(self) -> str | None:
        """That of the URLs of its protocol, if it has any: the handler's own word, or its name's first part."""
        scheme = getattr(self.handler, "url_scheme", None)
        if scheme is None and self.handler_entry.name.partition("-")[0] == "http":
            scheme = "http"
        return scheme

    @property
    def server_class(self) -> type[BaseServer]:
        """The class of its server; of a socket that somebody else has bound, as if it were TCP.

        Errors: `ConfigurationError` if this platform has no such sockets, or the engine is none.
        """
        from .compose import policies, server_class

        transport, asked = self.address.transport, self.asked
        if transport in ("fd", "systemd"):
            return server_class("tcp", self.engine, {**self.engine_options, **policies(self.urgent, None, 0)})
        attributes = {**self.engine_options, **policies(self.urgent, asked.sessions, asked.session_idle)}
        return server_class(transport, self.engine, attributes)

    @property
    def urgent(self) -> str:
        """What to do with urgent data."""
        return self.asked.urgent

    def instances(self) -> dict[str, Any]:
        """The plugins by name."""
        return {plugin.name: plugin.instance for plugin in self.plugins}

    def at(self, address: Address) -> Listener:
        """The same on another address, with plugins of its own."""
        plugins = [replace(plugin, instance=plugin.make()) for plugin in self.plugins]
        return replace(self, address=address, plugins=plugins, socket=None)

    def make(self) -> BaseServer:
        """Its server, bound and activated.

        Errors: `Faults`; `OSError` if it was not bound before and its address is not to be had.
        """
        from .compose import make_server

        try:
            return make_server(
                self.address,
                self.handler,
                engine=self.engine,
                engine_options=self.engine_options,
                plugins=self.instances(),
                options=self.options,
                limits=self.limits,
                name=self.asked.name,
                urgent=self.urgent,
                sessions=self.asked.sessions,
                session_idle=self.asked.session_idle,
                ready=self.socket,
            )
        except ConfigurationError as error:
            raise Faults(self.faults_of(error)) from error

    def faults_of(self, error: ConfigurationError) -> list[str]:
        """An error about this listener, as lines that name the place."""
        plugin = next((plugin for plugin in self.plugins if plugin.name == error.plugin), None)
        return _lines(error, self.asked.spot) if plugin is None else _lines(error, plugin.spot, plugin.options)


@dataclass
class Plan:
    """Everything that shall be served.

    Parameters:
        listeners: those that can be.
        drain: seconds that requests get to finish.
        faults: what is wrong, one line each; with any, nothing is to be served.
    """

    listeners: list[Listener] = field(default_factory=list)
    drain: float = DRAIN
    faults: list[str] = field(default_factory=list)


def plan_files(paths: Iterable[str], catalog: Catalog) -> Plan:
    """The plan that configuration files ask for.

    Parameters:
        paths: files, or folders of such.
        catalog: what is installed.
    """
    from .configuration import read_configuration

    configuration = read_configuration(paths)
    plan = _plan(configuration.listeners, catalog)
    plan.drain = configuration.drain
    plan.faults = _in_order([*configuration.faults, *plan.faults], [d.shown for d in configuration.documents])
    return plan


def plan_words(
    handlers: Sequence[str],
    binds: Sequence[str],
    engine: str,
    plugins: Sequence[str],
    options: Sequence[str],
    catalog: Catalog,
) -> Plan:
    """The plan that a command line asks for; its parameters are the words as they were typed."""
    from .arguments import bindings, option_words, plugin_words

    faults: list[str] = []

    def caught(read: Callable[[], list[Any]]) -> list[Any]:
        try:
            return read()
        except ConfigurationError as error:
            faults.extend(str(error).splitlines())
            return []

    places = caught(lambda: bindings(handlers, binds))
    wanted = tuple(
        AskedPlugin(word.name, word.name.rpartition(":")[2], word.options, Words(f"--with {word.name}"))
        for word in caught(lambda: plugin_words(plugins))
    )
    words = caught(lambda: option_words(options))
    names = dict.fromkeys(place.handler for place in places)
    given: Mapping[str, Mapping[str, object]] = (
        # Without a place no handler is known, and everything that is said of whose option it is would be false.
        _options_by_handler(words, names, catalog, faults) if words and places else {}
    )
    spot = Words()
    plan = _plan(
        [
            Asked(
                spot=spot,
                handler=place.handler,
                bind=place.address,
                bind_spot=spot,
                engine=engine,
                options=given.get(place.handler, {}),
                plugins=wanted,
            )
            for place in places
        ],
        catalog,
    )
    plan.faults = list(dict.fromkeys(faults + plan.faults))
    return plan


def _options_by_handler(
    words: list[OptionWord], names: Iterable[str], catalog: Catalog, faults: list[str]
) -> dict[str, dict[str, object]]:
    """Which handler gets which of the options of a command line."""
    from .arguments import options_for
    from .options import option_names

    taken: dict[str, list[str]] = {}
    for name in names:
        try:
            taken[name] = option_names(catalog.load("handler", name))
        except ConfigurationError:
            return {}  # without it nobody can say whose option it is; the planning tells what is wrong with it
    try:
        return options_for(words, taken)
    except ConfigurationError as error:
        faults.extend(str(error).splitlines())
        return {}


def _plan(asked: Iterable[Asked], catalog: Catalog) -> Plan:
    plan = Plan()
    names: dict[str, Any] = {}
    addresses: dict[str, Any] = {}
    for one in asked:
        planner = _Planner(one, catalog)
        listener = planner.listener()
        plan.faults += planner.faults
        if one.name is not None:
            if one.name in names and names[one.name] != one.spot:
                text = f"{one.name!r} is also the name of the listener in {names[one.name].where}: give it another"
                plan.faults.append(one.spot.at("name").says(text))
            names[one.name] = one.spot
        if planner.address is not None and not (text := str(planner.address).partition("?")[0]).endswith(":0"):
            if text in addresses:
                other, handler = addresses[text]
                if hasattr(other, "line"):
                    said = f"{text} is there also in {other.where}, for {handler}"
                else:
                    both = f"both times for {handler}" if handler == one.handler else f"for {handler} and {one.handler}"
                    said = f"{text} is there twice, {both}"
                plan.faults.append(one.bind_spot.says(f"{said}: each listener needs an address of its own"))
            addresses[text] = one.bind_spot, one.handler
        if listener is not None:
            plan.listeners.append(listener)
    plan.faults = list(dict.fromkeys(plan.faults))
    return plan


class _Planner:
    """Makes one listener, and collects all that is wrong with it."""

    def __init__(self, asked: Asked, catalog: Catalog) -> None:
        self.asked = asked
        self.catalog = catalog
        self.faults: list[str] = []
        self.address: Address | None = None

    def listener(self) -> Listener | None:
        """The listener, or None if anything is wrong."""
        from .address import parse_address
        from .limits import Limits
        from .options import build, build_options, engine_options

        asked, spot = self.asked, self.asked.spot
        self.address = self.attempt(partial(parse_address, asked.bind), asked.bind_spot)
        handler_entry, handler = self.load("handler", asked.handler, spot.at("handler"))
        engine_entry, engine = self.load("engine", asked.engine, spot.at("engine"))
        options: Any = None
        chosen: Any = {}
        limits = None
        if self.address is not None:
            self.attempt(partial(_check_path, self.address), asked.bind_spot)
        if engine is not None:
            self.attempt(partial(_check_engine, engine_entry, engine), spot.at("engine"))
        if handler is not None:
            self.attempt(partial(_check_handler, handler_entry, handler), spot.at("handler"))
            make = partial(build_options, handler, asked.options, what=handler_entry.label, folder=asked.folder)
            options = self.attempt(make, spot.at("options"), asked.options)
        if engine is not None and asked.engine_options:
            make = partial(build, engine_options(engine), asked.engine_options, what=engine_entry.label)
            chosen = self.attempt(make, spot.at("engine-options"))
        given = dict(asked.limits)
        while given and limits is None:
            try:
                limits = build(Limits, given, what="[listen.limits]")
            except ConfigurationError as error:
                self.faults += _lines(error, spot.at("limits"), what="[listen.limits]: limits: ")
                # It tells of one at a time; those that are right do not hide the next.
                given = {key: value for key, value in given.items() if key.replace("-", "_") != error.option}
                if error.option is None:
                    break
        plugins = self.plugins()
        if self.faults:
            return None
        assert self.address is not None, "else there is a fault"
        listener = Listener(
            asked,
            self.address,
            handler_entry,
            handler,
            engine_entry,
            engine,
            options,
            chosen,
            limits,
            plugins,
        )
        try:
            _fit(listener)
        except ConfigurationError as error:
            self.faults += listener.faults_of(error)
            return None
        return listener

    def plugins(self) -> list[PlannedPlugin]:
        from .options import build

        found: dict[str, PlannedPlugin] = {}
        for one in self.asked.plugins:
            entry, factory = self.load("plugin", one.use, one.spot.at("use"))
            if factory is None:
                continue
            if one.name in found:
                text = f"there is another plugin {one.name!r} here, in {found[one.name].spot.where}: remove one, or "
                self.faults.append(one.spot.at("use").says(f'{text}give this one a name with as = "NAME"'))
                continue
            if self.attempt(partial(_check_plugin, entry, factory), one.spot.at("use")) is None:
                continue
            make = partial(build, factory, one.options, what=entry.label, folder=self.asked.folder)
            instance = self.attempt(make, one.spot, one.options)
            found[one.name] = PlannedPlugin(one.name, entry, factory, instance, make, one.options, one.spot)
        return list(found.values())

    def load(self, kind: Kind, word: str, spot: Any) -> tuple[Any, Any]:
        """What a name leads to: its entry and the object itself."""

        def look_up() -> tuple[Entry, Any]:
            try:
                return (
                    self.catalog.find(kind, word, folder=self.asked.folder),
                    self.catalog.load(kind, word, folder=self.asked.folder),
                )
            except PluginError as error:
                if remedy := self.remedy(kind, word):
                    raise PluginError(f"{error}: {remedy}") from error
                raise

        found: tuple[Any, Any] | None = self.attempt(look_up, spot)
        return found or (None, None)

    def remedy(self, kind: Kind, word: str) -> str:
        """What else may have been meant by a name that leads to nothing."""
        if ":" in word or word.endswith(".py"):
            return ""
        others = [entry.kind for entry in self.catalog.list_entries() if entry.name == word and entry.kind != kind]
        if "plugin" in others:
            return f'write use = "{word}" in a [[listen.plugin]], or on a command line --with {word}'
        if "handler" in others:
            return f'write handler = "{word}" in a [[listen]]'
        if "engine" in others:
            return f'write engine = "{word}" in a [[listen]]'
        module, dot, name = word.rpartition(".")
        return f"write {module}:{name} for a class in a module" if dot else ""

    def attempt(self, work: Callable[[], Any], spot: Any, options: Mapping[str, Any] = _NO_OPTIONS) -> Any:
        """Do something; if it cannot be done, why not is one of the faults, and None comes back."""
        try:
            return work()
        except ConfigurationError as error:
            self.faults += _lines(error, spot, options)
            return None


def _check_path(address: Address) -> None:
    """Refuse the path of a Unix socket that no kernel takes."""
    if address.path and not address.path.startswith("@"):
        from .listening import check_unix_path

        check_unix_path(address.path)


def _check_engine(entry: Entry, engine: Any) -> None:
    """Refuse what is no engine, or more than one.

    Errors: `ConfigurationError`.
    """
    is_engine = isinstance(engine, type) and (hasattr(engine, "engine_name") or hasattr(engine, "process_request"))
    if not is_engine or hasattr(engine, "serve_forever"):
        raise ConfigurationError(f"{entry.label} is no engine: name a mix-in class, such as plugserve:ThreadingMixIn")


def _check_plugin(entry: Entry, plugin: Any) -> bool:
    """Refuse a handler: its parameters would be taken for options that are missing.

    Errors: `ConfigurationError`.
    """
    from .handlers import BaseRequestHandler, ModernHandler

    if isinstance(plugin, type) and issubclass(plugin, (BaseRequestHandler, ModernHandler)):
        raise ConfigurationError(f"{entry.label} is no plugin but a handler: name it where a handler is named")
    return True


def _check_handler(entry: Entry, handler: Any) -> None:
    """Refuse what cannot be called as a handler is.

    Errors: `ConfigurationError`.
    """
    from .hookspecs import PROJECT

    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return  # written in C: only a call can tell
    try:
        signature.bind(*_HANDLER_ARGUMENTS)
    except TypeError as error:
        # What `hookimpl` leaves on a method (pluggy, `HookimplMarker`).
        if isinstance(handler, type) and any(
            hasattr(inspect.getattr_static(handler, name), f"{PROJECT}_impl") for name in dir(handler)
        ):
            said = f'{entry.label} is no handler but a plugin: write --with {entry.name}, or use = "{entry.name}"'
            raise ConfigurationError(f"{said} in a [[listen.plugin]]") from error
        raise ConfigurationError(
            f"{entry.label} is no handler: it cannot be called with ({', '.join(_HANDLER_ARGUMENTS)}): {error}; derive "
            f"it from plugserve.CoroutineHandler, or from another of the handler classes"
        ) from error


_HANDLER_ARGUMENTS: Final = ("request", "client_address", "server")
"""What a server calls a handler with."""


def _fit(listener: Listener) -> None:
    """Refuse what only shows when everything comes together.

    Errors: `ConfigurationError`.
    """
    from .hooks import Plugins

    made = listener.server_class
    # What can be asked of a server that is not made yet: attributes of its class.
    server = made.__new__(made)
    plugins = Plugins(listener.instances())
    if listener.address.transport not in ("fd", "systemd"):
        made._core_check_handler(listener.handler)
        plugins.compile(server)
        server._core_set_policies()


def _lines(
    error: ConfigurationError, spot: Any, options: Mapping[str, Any] = _NO_OPTIONS, *, what: str = ""
) -> list[str]:
    """An error as lines that name the place.

    Parameters:
        error: what is wrong.
        spot: where.
        options: those that stand there.
        what: what the error begins with, if the place says it as well.
    """
    from .options import OptionsError

    if isinstance(error, OptionsError):
        return [hidden(line) for line in told(error, spot)]
    # Whoever wrote the check need not have been taught that its error can say which option it is about.
    option = error.option or _option_in(str(error), options)
    if option is not None:
        option = option.replace("_", "-")
        spot = spot.at(option) if error.index is None else spot.at(option, error.index)
    text = hidden(str(error).removeprefix(what)) or "cannot be used, and does not say why"
    return [spot.says(line) for line in text.splitlines()]


def _option_in(text: str, options: Iterable[str]) -> str | None:
    """The one option of those given that an error speaks of."""
    said = set(re.findall(r"[\w-]+", text.replace("-", "_")))
    found = [option for option in options if option.replace("-", "_") in said]
    return found[0] if len(found) == 1 else None


def _in_order(lines: Iterable[str], files: list[str]) -> list[str]:
    """The lines in the order in which people read the files."""

    def key(line: str) -> tuple[int, int]:
        for index, file in enumerate(files):
            if line.startswith(file + ":"):
                number = line[len(file) + 1 :].partition(":")[0]
                return index, int(number) if number.isdecimal() else 0
        return len(files), 0

    return sorted(dict.fromkeys(lines), key=key)
