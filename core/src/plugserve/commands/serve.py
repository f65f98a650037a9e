"""`plugserve serve`: listen, and serve until a signal."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from plugserve.arguments import bindings, option_words, options_for, plugin_words
from plugserve.discovery import Catalog
from plugserve.errors import ConfigurationError
from plugserve.exits import CONFIGURATION, NO_PERMISSION, UNAVAILABLE, Mistakes, fail
from plugserve.hints import command_for, shown_address

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from plugserve.address import Address
    from plugserve.discovery import Kind
    from plugserve.server import BaseServer

__all__ = ["serve"]


@click.command()
@click.argument("handlers", nargs=-1, required=True, metavar="HANDLER[@ADDRESS]...")
@click.option(
    "--bind",
    "binds",
    multiple=True,
    metavar="ADDRESS",
    help="Where to listen: tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH, ..., or HOST:PORT for TCP. For the handlers "
    "without an @ADDRESS, one each in order; a single one takes all. Default: a free port on 127.0.0.1.",
)
@click.option(
    "--engine",
    default="threading",
    show_default=True,
    metavar="NAME",
    help="How requests run side by side: threading, sync, forking, or one that is installed.",
)
@click.option(
    "--with",
    "plugins",
    multiple=True,
    metavar="PLUGIN,...",
    help="Plugins, outermost first: NAME, NAME:FLAG or NAME:KEY=VALUE, and more KEY=VALUE behind commas.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the handler; HANDLER.KEY=VALUE says of which one.",
)
def serve(
    handlers: tuple[str, ...], binds: tuple[str, ...], engine: str, plugins: tuple[str, ...], options: tuple[str, ...]
) -> None:
    """Serve installed handlers by name until Ctrl-C or SIGTERM.

    \b
    plugserve serve echo
    plugserve serve http-files --bind 127.0.0.1:8080 --option root=public --with access,log
    plugserve serve echo@tcp://127.0.0.1:7007,udp://127.0.0.1:7007 daytime@127.0.0.1:7013
    plugserve serve echo --bind 0.0.0.0:7007 --with access:allow=10.0.0.0/8,192.168.0.0/16,log
    """
    listeners = _plan(handlers, binds, engine, plugins, options)
    _bind(listeners)
    _leave(_run(listeners))


@dataclass
class _Listener:
    """One address and all that is needed to serve it."""

    handler_name: str
    handler: Any
    engine: Any
    address: Address
    options: Any
    plugins: Mapping[str, Any]
    socket: socket.socket | None = None

    @property
    def scheme(self) -> str | None:
        """That of the URLs of its protocol, if it has any: the handler's own word, or its name's first part."""
        scheme = getattr(self.handler, "url_scheme", None)
        if scheme is None and self.handler_name.partition("-")[0] == "http":
            scheme = "http"
        return scheme

    def make(self) -> BaseServer:
        """Its server, bound and activated."""
        from plugserve.compose import make_server

        return make_server(
            self.address,
            self.handler,
            engine=self.engine,
            plugins=self.plugins,
            options=self.options,
            ready=self.socket,
        )


# -- putting together --------------------------------------------------------------------------------------------------


def _plan(
    handlers: Sequence[str], binds: Sequence[str], engine: str, plugins: Sequence[str], options: Sequence[str]
) -> list[_Listener]:
    """The listeners that a command line asks for, nothing bound yet. Ends the program if anything is wrong."""
    from plugserve.address import parse_address
    from plugserve.options import build, build_options, label, option_names

    mistakes = Mistakes()
    catalog = Catalog()
    places, wanted, words = [], [], []
    with mistakes.caught():
        places = bindings(handlers, binds)
    with mistakes.caught():
        wanted = plugin_words(plugins)
    with mistakes.caught():
        words = option_words(options)

    def load(kind: Kind, name: str) -> Any:
        with mistakes.caught():
            return catalog.load(kind, name)
        return None

    names = list(dict.fromkeys(place.handler for place in places))
    classes = {name: load("handler", name) for name in names}
    mix_in = load("engine", engine)
    plugin_classes = {word.name: load("plugin", word.name) for word in wanted}
    # What comes next looks into these classes, so those that are wrong have to be told first.
    mistakes.tell()

    given: dict[str, dict[str, object]] = {name: {} for name in names}
    with mistakes.caught():
        given = options_for(words, {name: option_names(handler) for name, handler in classes.items()})
    made = {}
    for name, handler in classes.items():
        with mistakes.caught():
            made[name] = build_options(handler, given[name], what=label(catalog.find("handler", name)))
    addresses = []
    for place in places:
        with mistakes.caught():
            addresses.append(parse_address(place.address))
    attached: list[dict[str, Any]] = []
    for _ in places:
        # Each server has plugins of its own: what one learns of its clients is not for the other to know.
        attached.append({})
        for word in wanted:
            with mistakes.caught():
                what = label(catalog.find("plugin", word.name))
                attached[-1][word.name] = build(plugin_classes[word.name], word.options, what=what)
    mistakes.tell()
    return [
        _Listener(place.handler, classes[place.handler], mix_in, address, made[place.handler], its_plugins)
        for place, address, its_plugins in zip(places, addresses, attached, strict=True)
    ]


def _bind(listeners: Sequence[_Listener]) -> None:
    """Bind all addresses. If one of them is not to be had, say so of each, and end the program."""
    from plugserve.listening import bind

    failures: list[tuple[int, str]] = []
    for listener in listeners:
        try:
            listener.socket = bind(listener.address)
        except ConfigurationError as error:
            failures.append((CONFIGURATION, f"{listener.handler_name}: {error}"))
        except PermissionError as error:
            failures.append((NO_PERMISSION, f"{listener.handler_name} on {listener.address}: {_reason(error)}"))
        except OSError as error:
            failures.append((UNAVAILABLE, f"{listener.handler_name} on {listener.address}: {_reason(error)}"))
    if failures:
        _discard(listeners)
        fail(max(status for status, _ in failures), *(line for _, line in failures))


def _reason(error: OSError) -> str:
    import errno

    remedies = {
        errno.EADDRINUSE: "another program listens there; end it, or choose another port (0 takes a free one)",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EACCES: "ports below 1024 and foreign folders need more rights; choose another port or path",
    }
    remedy = remedies.get(error.errno or 0)
    text = error.strerror or str(error)
    return f"{text}: {remedy}" if remedy else text


def _discard(listeners: Sequence[_Listener]) -> None:
    """Give the addresses back: close the sockets and remove the paths that were made for them."""
    from plugserve.listening import discard

    for listener in listeners:
        if listener.socket is not None and listener.socket.fileno() >= 0:
            discard(listener.socket)


def _close(listeners: Sequence[_Listener]) -> None:
    for listener in listeners:
        if listener.socket is not None:
            listener.socket.close()


# -- serving -----------------------------------------------------------------------------------------------------------


def _run(listeners: Sequence[_Listener]) -> int:
    """Serve until a signal says stop; gives back the exit status."""
    from plugserve.serving import serve_processes, serve_threads

    announce = partial(_announce, listeners)
    if any(not getattr(listener.engine, "shares_memory", True) for listener in listeners):
        makers: list[Callable[[], BaseServer]] = [partial(_make_alone, listener, listeners) for listener in listeners]
        try:
            return serve_processes(makers, ready=announce)
        except ConfigurationError as error:
            fail(CONFIGURATION, *str(error).splitlines())
        finally:
            # A path is removed by the process that made it.
            _discard(listeners)
    servers: list[BaseServer] = []
    mistakes = Mistakes()
    for listener in listeners:
        with mistakes.caught():
            servers.append(listener.make())
    if mistakes.lines:
        for server in servers:
            server.server_close()
        _discard(listeners)
        mistakes.tell()
    return serve_threads(servers, ready=announce)


def _make_alone(listener: _Listener, listeners: Sequence[_Listener]) -> BaseServer:
    """The server of one listener, in a process that has let go of the others: an address is free when its own ends."""
    _close([other for other in listeners if other is not listener])
    return listener.make()


def _leave(status: int) -> NoReturn:
    """End the program, and do not wait for a thread that has ignored the end of the drain."""
    if any(not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise SystemExit(status)


def _announce(listeners: Sequence[_Listener]) -> None:
    """Tell each listener's address and a command to try."""
    from plugserve.listening import socket_name, transport_of

    rows = []
    for listener in listeners:
        assert listener.socket is not None, "it has been bound"
        where = (transport_of(listener.socket), socket_name(listener.socket), listener.scheme)
        rows.append((listener.handler_name, shown_address(*where), command_for(*where) or ""))
    last = "Ctrl-C lets requests finish and stops; a second one stops at once."
    try:
        if sys.stdout.isatty():
            _announce_richly(rows, last)
        else:
            for name, address, command in rows:
                click.echo(f"{name} listens on {address}" + (f"  (try: {command})" if command else ""))
            click.echo(last)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our words has gone; the servers are what matters.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _announce_richly(rows: Sequence[tuple[str, str, str]], last: str) -> None:
    from rich.console import Console
    from rich.text import Text

    names, addresses = (max(len(row[column]) for row in rows) for column in (0, 1))
    # Columns by hand: a table cuts what does not fit, and half an address or command cannot be copied.
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    console.print(Text(f"{'handler':{names}}   {'address':{addresses}}   try", "dim"))
    for name, address, command in rows:
        link = f" link {address}" if address.startswith("http") else ""
        console.print(
            Text(f"{name:{names}}", "bold"), Text(f"  {address:{addresses}}", f"green{link}"), Text(f"  {command}")
        )
    console.print(Text(f"\n{last}\n", "dim"))
