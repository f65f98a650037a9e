"""An existing program whose `socketserver` is plugserve, with plugins attached to every server that it makes.

It takes two processes' work that is one in the end: `plugserve adopt` checks everything (`Adoption.mistakes`) and then
becomes the program, in an environment (`Adoption.environment`) in which `adopted/sitecustomize.py` runs first. When the
program imports `socketserver`, that calls `install`.

The plugins are attached in `BaseServer.__init__` and not by the class attribute `plugins`: an attribute of that name in
a class of the program's, for purposes of its own, would take their place, and its servers would be open to everybody.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, Final

import plugserve

from .arguments import PluginWord
from .discovery import Catalog
from .errors import ConfigurationError, PluginError
from .hooks import Plugins, means_plugins
from .server import BaseServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from .discovery import Entry

__all__ = ["Adoption", "install", "servers_made"]

VARIABLE: Final = "PLUGSERVE_ADOPT"
"""The plugins, as `Adoption.text`; `adopted/sitecustomize.py` reads it, too."""
PROCESS_VARIABLE: Final = "PLUGSERVE_ADOPT_PROCESS"
"""The process of the program itself, which that file puts in."""


@dataclass(frozen=True)
class Adoption:
    """What is attached to every server of a program.

    Parameters:
        words: the plugins, outermost first.
        folder: where relative paths begin, wherever the program has gone meanwhile.
    """

    words: tuple[PluginWord, ...]
    folder: str

    @property
    def text(self) -> str:
        """All of it, for `from_text` in another process."""
        return json.dumps({"plugins": [[word.name, dict(word.options)] for word in self.words], "folder": self.folder})

    @classmethod
    def from_text(cls, text: str) -> Adoption:
        """What another process has written as `text`."""
        data = json.loads(text)
        return cls(tuple(PluginWord(name, options) for name, options in data["plugins"]), data["folder"])

    def factories(self, catalog: Catalog) -> list[_Factory]:
        """What makes each of the plugins.

        Errors: `PluginError`, of the first that is not to be had.
        """
        return [self._factory(word, catalog) for word in self.words]

    def _factory(self, word: PluginWord, catalog: Catalog) -> _Factory:
        entry = catalog.find("plugin", word.name, folder=self.folder)
        if not entry.distribution and self.folder not in sys.path:
            # As for `plugserve serve`, where it is the working directory: last.
            sys.path.append(self.folder)
        made = catalog.load("plugin", word.name, folder=self.folder)
        return _Factory(word.name.rpartition(":")[2], entry, made, word.options, self.folder)

    def mistakes(self) -> list[str]:
        """All that is wrong with it, one line each: every plugin is imported and made once."""
        catalog, lines, made = Catalog(), list[str](), dict[str, Any]()
        for word in self.words:
            try:
                factory = self._factory(word, catalog)
                if factory.name in made:
                    lines.append(f"--with {word.name}: there is another plugin {factory.name!r}: remove one")
                made[factory.name] = factory.make()
                Plugins({factory.name: made[factory.name]})
            except ConfigurationError as error:
                lines += str(error).splitlines()
        if os.pathsep in (folder := _folder()):
            lines.append(f"plugserve is installed in {folder}, which PYTHONPATH cannot have: install it elsewhere")
        return lines

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment in which Python programs are adopted.

        Parameters:
            environ: the one to start from.
        """
        path = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != _folder()]
        return {
            **environ,
            "PYTHONPATH": os.pathsep.join([_folder(), *path]),
            VARIABLE: self.text,
            PROCESS_VARIABLE: "",
        }


@dataclass(frozen=True)
class _Factory:
    """Makes instances of one plugin."""

    name: str
    entry: Entry
    target: Any
    options: Mapping[str, object]
    folder: str

    def make(self) -> Any:
        """One more."""
        from .options import build

        return build(self.target, self.options, what=self.entry.label, folder=self.folder)


def _folder() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "adopted")


# -- in the program ----------------------------------------------------------------------------------------------------

_made = False


def servers_made() -> bool:
    """Whether this process has made any server since `install`."""
    return _made


def install(module: ModuleType, standard: ModuleSpec, text: str) -> None:
    """Make a new module `socketserver`, and attach the plugins to every server from now on.

    Parameters:
        module: to be filled.
        standard: leads to the standard module, whose names are to be found in it.
        text: what to attach, as `Adoption.text`.

    Errors: `PluginError` if a plugin is not to be had.
    """
    # Before the plugins are imported: they may import socketserver themselves.
    _fill(module, standard)
    factories = Adoption.from_text(text).factories(Catalog())
    if not getattr(BaseServer, _MARK, False):
        setattr(BaseServer, _MARK, True)
        _attach(factories)
        sys.excepthook = _plain(sys.excepthook)
        threading.excepthook = _plain_in_thread(threading.excepthook)


_MARK: Final = "_core_adopted"
_PRIVATE: Final = ("_ServerSelector", "_SocketWriter")
"""What known software takes from the standard module although it is not public; plugserve has its own."""


def _fill(module: ModuleType, standard: ModuleSpec) -> None:
    """The names of the standard module, and no others; those that plugserve has are plugserve's."""
    from importlib.util import module_from_spec

    theirs = module_from_spec(standard)
    assert standard.loader is not None, "the standard module is a file"
    standard.loader.exec_module(theirs)
    for name, value in vars(theirs).items():
        if name.startswith("__"):
            if name in ("__doc__", "__all__", "__version__"):
                setattr(module, name, value)
        elif name in plugserve.__all__ or name in _PRIVATE:
            setattr(module, name, getattr(plugserve, name))
        else:
            setattr(module, name, value)


def _attach(factories: Iterable[_Factory]) -> None:
    usual: Callable[[BaseServer, Any], Any] = BaseServer._core_plugins_for
    start: Callable[[BaseServer], None] = BaseServer._core_start
    busy = threading.local()

    def core_start(server: BaseServer) -> None:
        # A server that a plugin makes in its own `server_activate` is not the program's; with the plugin attached to
        # it there would be no end of them.
        before, busy.starting = getattr(busy, "starting", False), True
        try:
            start(server)
        finally:
            busy.starting = before

    def plugins_for(server: BaseServer, given: Any) -> Any:
        global _made
        if getattr(busy, "starting", False):
            return usual(server, given)
        _made = True
        adopted = {factory.name: factory.make() for factory in factories}
        if given is None and not means_plugins(getattr_static(server, "plugins")):
            return adopted
        own = Plugins(usual(server, given))
        for name in own:
            if name in adopted:
                raise PluginError(f"the program attaches a plugin {name!r} of its own: leave it out of --with")
        return {**adopted, **own}

    # For all servers of this process.
    for name, function in (("_core_plugins_for", plugins_for), ("_core_start", core_start)):
        setattr(BaseServer, name, function)


def _plain(usual: Callable[..., Any]) -> Callable[..., Any]:
    """A `sys.excepthook` that says in lines why a server was refused, and ends the program with status 78."""

    def excepthook(kind: type[BaseException], value: BaseException, trace: Any) -> Any:
        if not isinstance(value, ConfigurationError):
            return usual(kind, value, trace)
        from .exits import CONFIGURATION

        _tell(value)
        # Python obeys it in a hook, too.
        raise SystemExit(CONFIGURATION)

    return excepthook


def _plain_in_thread(usual: Callable[..., Any]) -> Callable[..., Any]:
    """The same for `threading.excepthook`, where the thread alone has ended."""

    def excepthook(arguments: Any) -> Any:
        if not isinstance(arguments.exc_value, ConfigurationError):
            return usual(arguments)
        _tell(arguments.exc_value)
        return None

    return excepthook


def _tell(error: ConfigurationError) -> None:
    from .exits import printable

    for line in str(error).splitlines():
        print(f"plugserve: {printable(line)}", file=sys.stderr)
