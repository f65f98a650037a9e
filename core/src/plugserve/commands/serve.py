"""`plugserve serve`: listen, and serve until a signal."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from plugserve.commands.asking import asked_plan, what_to_serve
from plugserve.errors import ConfigurationError
from plugserve.exits import CONFIGURATION, NO_PERMISSION, UNAVAILABLE, Mistakes, fail
from plugserve.hints import command_for, listener_name, shown_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plugserve.address import Address
    from plugserve.plan import Listener
    from plugserve.server import BaseServer

__all__ = ["serve"]


class _Seconds(click.FloatRange):
    name = "number of seconds"


@click.command()
@what_to_serve
@click.option(
    "--drain",
    type=_Seconds(min=0),
    default=None,
    metavar="SECONDS",
    help="How long requests get to finish after the first SIGINT or SIGTERM. Default: 10, or what the file says.",
)
def serve(drain: float | None, **asked: Any) -> None:
    """Serve handlers until Ctrl-C or SIGTERM.

    A HANDLER is the name of an installed one (plugserve plugins lists them), package.module:Class, or ./file.py:Class.
    On a pipe, one line says when each listener is up, `plugserve up listener=NAME address=ADDRESS ...`, one that all
    are, `plugserve ready listeners=NUMBER`, and one when each is down. A listener without a name goes by its address,
    as in logs. Values are quoted as for a shell.

    \b
    plugserve serve echo
    plugserve serve http-files --bind 127.0.0.1:8080 --option root=public --with access,log
    plugserve serve echo@tcp://127.0.0.1:7007,udp://127.0.0.1:7007 daytime@127.0.0.1:7013
    plugserve serve echo --bind 0.0.0.0:7007 --with access:allow=10.0.0.0/8,192.168.0.0/16,log
    plugserve serve -c site.toml
    """
    plan = asked_plan(**asked)
    if plan.faults:
        fail(CONFIGURATION, *plan.faults)
    _leave(_run(_bind(plan.listeners), plan.drain if drain is None else drain))


# -- binding -----------------------------------------------------------------------------------------------------------


def _bind(listeners: Sequence[Listener]) -> list[Listener]:
    """Bind all addresses; a host name may stand for several, each of which gets a listener.

    If one of them is not to be had, say so of each, and end the program.
    """
    from plugserve.listening import resolve

    bound: list[Listener] = []
    failures: list[tuple[int, str]] = []
    for listener in listeners:
        try:
            # A free port is one of one address.
            addresses = resolve(listener.address) if listener.address.port else [listener.address]
        except ConfigurationError as error:
            failures.append((CONFIGURATION, listener.asked.bind_spot.says(str(error), f"{listener.title}: {error}")))
            continue
        missing: list[tuple[int, str]] = []
        before = len(bound)
        for address in addresses:
            one = listener if len(addresses) == 1 else listener.at(address)
            failure = _bind_one(one)
            if failure is None:
                bound.append(one)
            elif failure[0] in _ABSENT:
                missing.append(failure[1:])
            else:
                failures.append(failure[1:])
        # A name may stand for an address of a family that this machine is configured without: one is enough.
        failures += missing if len(bound) == before else []
    if failures:
        _discard(bound)
        fail(max(status for status, _ in failures), *(line for _, line in failures))
    return bound


_ABSENT: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def _bind_one(listener: Listener) -> tuple[int | None, int, str] | None:
    """Bind one address. If that fails: the number of the error, the exit status and a line."""
    from plugserve.listening import bind

    try:
        listener.socket = bind(listener.address)
    except ConfigurationError as error:
        return None, CONFIGURATION, listener.asked.bind_spot.says(str(error), f"{listener.title}: {error}")
    except OSError as error:
        status = NO_PERMISSION if isinstance(error, PermissionError) else UNAVAILABLE
        text = f"{listener.address}: {_reason(error, listener.address)}"
        return error.errno, status, listener.asked.bind_spot.says(text, f"{listener.title} on {text}")
    return None


def _reason(error: OSError, address: Address) -> str:
    folder = os.path.dirname(address.path or "")
    if error.errno == errno.ENOENT and folder and not os.path.isdir(folder):
        return f"there is no folder {folder}: make it, or choose another path"
    remedies = {
        errno.EADDRINUSE: "another program listens there; end it, or choose another port (0 takes a free one)",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EACCES: "ports below 1024 and foreign folders need more rights; choose another port or path",
    }
    remedy = remedies.get(error.errno or 0)
    text = error.strerror or str(error)
    return f"{text}: {remedy}" if remedy else text


def _discard(listeners: Sequence[Listener]) -> None:
    """Give the addresses back: close the sockets and remove the paths that were made for them."""
    from plugserve.listening import discard

    for listener in listeners:
        if listener.socket is not None and listener.socket.fileno() >= 0:
            discard(listener.socket)


# -- serving -----------------------------------------------------------------------------------------------------------


def _run(listeners: Sequence[Listener], drain: float) -> int:
    """Serve until a signal says stop; gives back the exit status."""
    from plugserve.serving import serve_processes, serve_threads

    notices = _Notices(listeners)
    if any(not getattr(listener.engine, "shares_memory", True) for listener in listeners):
        makers: list[Callable[[], BaseServer]] = [partial(_make_alone, listener, listeners) for listener in listeners]
        try:
            return serve_processes(makers, drain=drain, ready=notices.up, draining=notices.draining, ended=notices.down)
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
    return serve_threads(servers, drain=drain, ready=notices.up, draining=notices.draining, ended=notices.down)


def _make_alone(listener: Listener, listeners: Sequence[Listener]) -> BaseServer:
    """The server of one listener, in a process that has let go of the others: an address is free when its own ends."""
    for other in listeners:
        if other is not listener and other.socket is not None:
            other.socket.close()
    return listener.make()


def _leave(status: int) -> NoReturn:
    """End the program, and do not wait for a thread that has ignored the end of the drain."""
    if any(not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise SystemExit(status)


# -- telling -----------------------------------------------------------------------------------------------------------


class _Notices:
    """Tells that listeners are up, with a command to try, and that they are down.

    On a terminal as a table for people, elsewhere a line each for programs, in words as `shlex.split` takes them apart.

    Parameters:
        listeners: bound. What is told of them is taken down now: in the end their sockets are closed.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        from plugserve.listening import socket_name, transport_of

        self._listeners = listeners
        self._for_people = sys.stdout.isatty()
        self._told = False
        self._where = []
        for listener in listeners:
            assert listener.socket is not None, "it has been bound"
            self._where.append((transport_of(listener.socket), socket_name(listener.socket)))
        pairs = zip(listeners, self._where, strict=True)
        self._names = [listener.asked.name or listener_name(address) for listener, (_, address) in pairs]

    def up(self) -> None:
        """All are served."""
        self._told = True
        if self._for_people:
            self._show()
            return
        for name, listener, where in zip(self._names, self._listeners, self._where, strict=True):
            facts = {
                "listener": name,
                "address": shown_address(*where),
                "handler": listener.handler_entry.name,
                "engine": listener.engine_entry.name,
                "pid": str(os.getpid()),
            }
            url = shown_address(*where, listener.scheme)
            if url != facts["address"]:
                facts["url"] = url
            if command := command_for(*where, listener.scheme):
                facts["try"] = command
            _say("up", facts)
        _say("ready", {"listeners": str(len(self._listeners))})

    def draining(self, running: int, seconds: float) -> None:
        """The first signal has come.

        Parameters:
            running: how many requests are not finished.
            seconds: how long they get.

        It may be a signal handler that calls, and it may have interrupted a write: so it goes past the buffers. A
        program that reads the lines has sent the signal itself, or sees the listeners go down.
        """
        if not self._for_people or not running or not seconds:
            return
        what = "1 request" if running == 1 else f"{running} requests"
        line = f"\n{what} still running, up to {seconds:g} s; Ctrl-C again ends {'it' if running == 1 else 'them'}\n"
        try:
            os.write(sys.stdout.fileno(), line.encode())
        except OSError:
            pass  # the terminal has gone

    def down(self, index: int, status: int) -> None:
        """One of them, of which it was told that it is up, is not served any more.

        Parameters:
            index: which.
            status: its exit status; not 0 if its loop broke down.
        """
        if not self._told:
            return
        address = shown_address(*self._where[index])
        if self._for_people:
            how = f", with status {status}" if status else ""
            _write(f"{self._listeners[index].title} on {address} is down{how}")
        else:
            _say("down", {"listener": self._names[index], "address": address, "status": str(status)})

    def _show(self) -> None:
        from rich.console import Console
        from rich.text import Text

        rows = [
            (
                listener.title,
                shown_address(*where, listener.scheme),
                command_for(*where, listener.scheme) or "",
            )
            for listener, where in zip(self._listeners, self._where, strict=True)
        ]
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
        console.print(Text("\nCtrl-C lets requests finish and stops; a second one stops at once.\n", "dim"))


def _say(event: str, facts: dict[str, str]) -> None:
    _write(" ".join(["plugserve", event, *(f"{key}={shlex.quote(value)}" for key, value in facts.items())]))


def _write(line: str) -> None:
    try:
        click.echo(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our words has gone; the servers are what matters.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
