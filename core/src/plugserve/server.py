"""The server classes: a listening socket, its handler class, and the loop that serves it.

The public surface is that of the standard module `socketserver`, so that software written for it runs unchanged; what
happens to a request is in `life.py`, the loop in `front.py`.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import is_dataclass
from functools import partial
from inspect import getattr_static
from operator import attrgetter
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from .accepting import FATAL, accept_failed
from .children import Children
from .connection import ARRIVED, CLOSING, HANDLING, QUEUED, Connection
from .datagrams import AnsweringSocket
from .errors import Aborted, ConfigurationError, PeerError, PlugserveError, ShuttingDown
from .faults import ends_the_loop, report
from .front import Front, Phase
from .handlers import ModernHandler, ProtocolHandler
from .hooks import Holder, Hooks, Plugins, means_plugins, observe, start
from .life import BANNER_PATIENCE, answer, hung_up, live
from .limits import Limits
from .outgoing import Outgoing
from .overrides import wrap_overridable
from .place import reach_place, watch_forks
from .poller import make_poller
from .processes import Processes
from .table import RequestTable, UnfinishedRequest
from .watchdog import watchdog

if TYPE_CHECKING:
    from typing import Self

    from .channel import Channel
    from .control import Control
    from .lane import Lane
    from .sessions import Sessions
    from .urgent import Policy

__all__ = ["BaseServer", "SynchronousMixIn"]


def _once() -> Callable[[], bool]:
    """Says yes the first time it is asked, and no from then on."""
    answers = iter((True,))
    return lambda: next(answers, False)


class SynchronousMixIn:
    """The engine `sync`: one request at a time, in the loop's own thread. What a server is without any mix-in."""

    engine_name = "sync"
    engine_place = "the server's own loop, one request at a time"


class BaseServer:
    """What all servers share; see `socketserver.BaseServer` for the methods to call and to override.

    Parameters:
        server_address: where to listen, in the form of the address family.
        RequestHandlerClass: called with `(request, client_address, server)`: a classic handler class or anything
            callable, a `CoroutineHandler` or a `ProtocolHandler`.
        plugins: objects with hook implementations, outermost first, or a mapping of names to them.
        options: an instance of the handler's nested `Options`; its defaults if None.
        limits: what peers may cost; None means `Limits()` for coroutine and protocol handlers and `Limits.none()`
            for classic ones.
        name: what to call this listener in logs; its address if None.

    Errors: `PluginError`, `ConfigurationError` for what can be known to be wrong before anything is served.
    """

    timeout: float | None = None

    engine_name = "sync"
    engine_place = SynchronousMixIn.engine_place
    """Where requests are handled, in words."""
    engine_options: tuple[str, ...] = ()
    """Those of the engine's class attributes that are its options in a configuration; `check_engine_options`, a class
    method if it has one, is given them to refuse what makes no sense."""
    shares_memory = True
    """Whether requests are handled in the server's own process."""
    _core_inline = True
    """Whether requests are handled in the loop's own thread, which does nothing else meanwhile."""
    handles_on_front = False
    """Whether coroutine and protocol handlers run on the server's own loop."""
    delivers_out_of_band = True
    """Whether this engine can tell of urgent data."""
    urgent: Any = "drop"
    """What to do with urgent data of TCP: `"drop"`, `"inline"`, `"event"` or `"abort"`."""
    is_stream = True
    keeps_records = False
    """Whether the stream keeps record boundaries (SOCK_SEQPACKET)."""
    transport = "tcp"
    real_time = True
    """Whether `clock` is the real one."""
    keeps_front = False
    """Whether the loop is only ever interrupted, so that requests may be parked while nobody runs it."""
    _core_no_fork: str | None = None
    """Why a handler cannot `fork()`; None if it can."""
    _core_sessions: Sessions | None = None
    """Of a datagram server: its sessions, if it has any."""
    _core_control: Control | None = None
    """In a child that handles one request: what its parent has to say."""
    _core_warned_of_threads = False
    trace_hooks = False
    """Whether to print each call of a hook, and its result, to standard error."""

    options: Any = None
    """The instance of the handler's `Options`; whatever a subclass has made of this name stays."""
    limits: Any = None
    """What peers may cost; likewise."""
    plugins: Any = ()
    """Before `__init__`: what to use if it is given none, or a `staticmethod` without parameters that makes it anew for
    each server, so that no two share an instance. After it: the mapping of names to plugins."""

    def __init__(
        self,
        server_address: Any,
        RequestHandlerClass: Callable[..., Any],
        *,
        plugins: Iterable[Any] | Mapping[str, Any] | None = None,
        options: Any = None,
        limits: Limits | None = None,
        name: str | None = None,
    ) -> None:
        self.server_address = server_address
        self.RequestHandlerClass = RequestHandlerClass
        self._core_handler_facts: HandlerFacts | None = None
        self._core_hooks = Hooks()
        # The core reads its own: a subclass may have had attributes of the public names for purposes of its own.
        self._core_plugins = Plugins(self._core_plugins_for(plugins))
        self._core_limits = limits if limits is not None else Limits.none()
        if limits is None:
            self._core_limits = self._core_default_limits()
        self._core_options = self._core_options_of(options)
        if plugins is not None or means_plugins(getattr_static(self, "plugins")):
            self.plugins = self._core_plugins
        for public, value in (("options", self._core_options), ("limits", self._core_limits)):
            if getattr_static(self, public) is None:
                setattr(self, public, value)
        self._core_name = name
        self._core_batches = False
        self._core_waits_when_full = self._core_limits.connections is not None and self._core_limits.when_full == "wait"
        self._core_urgent: Policy | None = None
        self._core_make_channel: Callable[[Connection], Channel] | None = None
        self._core_started = False
        self._core_closing = False
        self._core_closed = False
        self._core_close_by: float | None = None
        self._core_requests = RequestTable()
        self._core_fronts: dict[int, Front] = {}
        self._core_spare_fronts: list[Front] = []
        self._core_accepted = 0
        self._core_exhausted = False
        self._core_listener_error: OSError | None = None
        self._core_lock = threading.Lock()
        self._core_processes = Processes()
        self._core_children = Children(self)
        self._core_process = os.getpid()
        self.__stop = False
        self.__drain: float | None = None
        self.__is_shut_down = _LoopEnded()
        watch_forks()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        wrap_overridable(cls)
        bases = cls.__mro__
        server = bases.index(BaseServer)
        for mix_in in bases[server + 1 :]:
            if "engine_name" in mix_in.__dict__ or "process_request" in mix_in.__dict__:
                warnings.warn(
                    f"{cls.__name__}: {mix_in.__name__} comes after the server class and changes nothing; "
                    f"write class {cls.__name__}({mix_in.__name__}, ...)",
                    RuntimeWarning,
                    stacklevel=2,
                )

    # -- facts ---------------------------------------------------------------------------------------------------------

    @property
    def listener_name(self) -> str:
        """The name it was given, or its address."""
        if self._core_name is not None:
            return self._core_name
        address = self.server_address
        if isinstance(address, tuple):
            return ":".join(str(part) for part in address[:2])
        return os.fsdecode(address) if isinstance(address, (str, bytes)) else str(address)

    @property
    def handler_class(self) -> Any:
        """The handler class itself, out of a `functools.partial` around it."""
        handler = self.RequestHandlerClass
        while isinstance(handler, functools.partial):
            handler = handler.func
        return handler

    @property
    def handler_name(self) -> str:
        """The name of the handler class."""
        return getattr(self.handler_class, "__name__", type(self.RequestHandlerClass).__name__)

    @property
    def handler_style(self) -> str:
        """`"classic"`, `"coroutine"` or `"protocol"`."""
        return self._core_handler.style

    @property
    def _core_handler(self) -> HandlerFacts:
        """What the life asks of the handler class; looked up again only when the attribute has been replaced."""
        facts = self._core_handler_facts
        if facts is None or facts.handler is not self.RequestHandlerClass:
            facts = self._core_handler_facts = HandlerFacts(self)
        return facts

    def requests(self) -> list[UnfinishedRequest]:
        """The table of unfinished requests as it is now, the oldest first. From any thread, at any time."""
        name, now = self.handler_name, self.clock()
        return [
            UnfinishedRequest(
                c.id,
                c.client_address,
                name,
                c.state,
                c.duration,
                0.0 if (since := c.waiting) is None else max(0.0, now - since),
                c.bytes_in,
                c.bytes_out,
                c.buffered,
            )
            for c in sorted(self._core_requests.copy().values(), key=attrgetter("id"))
        ]

    def clock(self) -> float:
        """Seconds on the clock that deadlines are kept by."""
        return monotonic()

    def _core_plugins_for(self, given: Any) -> Any:
        """The plugins to use: those that it is given, or else what its class says. `adoption.py` adds to them."""
        if given is None:
            given = self.plugins
        return given() if callable(given) else given

    def _core_found(self, attribute: str) -> Any:
        """What the first plugin that has something under this name has there."""
        found = (getattr(plugin, attribute, None) for plugin in self._core_plugins.values())
        return next((one for one in found if one is not None), None)

    def _core_options_of(self, given: Any) -> Any:
        declared = getattr(self.handler_class, "Options", None)
        if given is None:
            if not isinstance(declared, type):
                return None
            if self.handler_style != "classic":
                return declared()
            # It may have had a class of this name for a purpose of its own.
            try:
                return declared() if is_dataclass(declared) else None
            except TypeError:
                return None
        if not isinstance(declared, type):
            raise ConfigurationError(f"{self.handler_name} takes no options: remove options={given!r}")
        if not isinstance(given, declared):
            raise ConfigurationError(
                f"options of {self.handler_name} must be a {declared.__qualname__}, not {type(given).__qualname__}"
            )
        return given

    @classmethod
    def _core_check_handler(cls, handler: Any) -> None:
        """Refuse a handler that cannot speak on this kind of socket, or with this engine."""
        needs = getattr(handler, "needs", None)
        has = "stream" if cls.is_stream else "datagrams"
        if needs in ("stream", "datagrams") and needs != has:
            kind = "streams" if cls.is_stream else "datagrams"
            raise ConfigurationError(
                f"{getattr(handler, '__name__', handler)} needs {'a stream' if needs == 'stream' else needs}, and "
                f"{cls.__name__} serves {kind}: use another address or another handler"
            )
        if getattr(handler, "needs_shared_memory", False) and not cls.shares_memory:
            raise ConfigurationError(
                f"{getattr(handler, '__name__', handler)} needs the memory of all requests in one process, and the "
                f"engine {cls.engine_name!r} handles each in a child of its own: use another engine"
            )

    def _core_default_limits(self) -> Limits:
        return Limits.none() if self.handler_style == "classic" else Limits()

    # -- starting and stopping -----------------------------------------------------------------------------------------

    def _core_start(self) -> None:
        """Compile the plugins and let them get ready, once."""
        if not self._core_started:
            self._core_check_handler(self.handler_class)
            self._core_hooks = self._core_plugins.compile(self)
            self._core_set_policies()
            if self._core_urgent is not None:
                from .urgent import prepare_listener

                prepare_listener(self)
            self._core_handler_facts = None
            self._core_started = True
            self._core_closed = False
            try:
                if self._core_hooks.server_activate:
                    start(self._core_hooks.server_activate, Holder(self))
                if self.handler_style != "classic":
                    self.handler_class.server_activate(self)
            except BaseException:
                self._core_stopped()
                raise

    def _core_set_policies(self) -> None:
        """What this server's connections do with what stands beside their bytes; a subclass may have more."""
        self._core_urgent = None
        self._core_make_channel = None
        if self.urgent != "drop":
            from .urgent import UrgentChannel, policy_of

            policy = policy_of(self)
            if policy != "drop":
                self._core_urgent = policy
                self._core_make_channel = UrgentChannel
                self._core_make_poller().close()  # whether it can tell of urgent data shows here, and not at a request

    def _core_stopped(self) -> None:
        if self._core_started:
            self._core_started = False
            if self.handler_style != "classic":
                try:
                    self.handler_class.server_close(self)
                except Exception as exception:
                    report(f"{self.handler_name}.server_close", exception)
            if self._core_hooks.server_close:
                observe(self._core_hooks.server_close, Holder(self))

    def server_activate(self) -> None:
        """Called by the constructor to get ready for requests. May be overridden."""

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until `shutdown()`; nothing else ends it but Ctrl-C in the main thread.

        Parameters:
            poll_interval: seconds between two calls of `service_actions` when nothing happens. `shutdown()` does
                not wait for it.

        Several threads, or processes after a fork, may run it on the same server.

        Errors: `OSError` when the listening socket turns out to be none; `KeyboardInterrupt`.
        """
        with closing(self._core_serve(poll_interval)) as phases:
            for front, going_on, longest in phases:
                front.run(going_on, longest)

    def _core_serve(self, poll_interval: float) -> Generator[Phase, None, None]:
        """What `serve_forever` does between the runs of its loop, and how it is to be run: each phase is a front, what
        to ask whether it goes on, and the seconds that one turn waits at the most."""
        self._core_start()
        self.__is_shut_down.clear()
        front = self._core_enter()
        try:
            if not self.__stop:
                self._core_listener_error = None
                if self.is_stream:
                    self._core_make_listener_polite()
                else:
                    self._core_batches = self._core_accepts_plainly
                front.listen(self.fileno())
                yield front, self._core_goes_on, poll_interval
                if self._core_listener_error is not None and self.fileno() >= 0:
                    raise self._core_listener_error
            if self.__drain is not None:
                yield from self._core_drain(front, self.__drain)
            yield from front.ending()
        finally:
            front.stop_listening()
            self._core_exit(front)
            if not self._core_fronts:
                self.__stop = False
                self.__drain = None
                self.__is_shut_down.set()

    def _core_goes_on(self) -> bool:
        return not (self.__stop or self._core_closed or self._core_listener_error is not None)

    def _core_turn(self, front: Front, timeout: float | None) -> None:
        """One turn of the loop, and the last guard around it."""
        try:
            front.turn(timeout)
            if self._core_hooks.service_actions:
                observe(self._core_hooks.service_actions, Holder(self))
            self.service_actions()
        except BaseException as exception:
            if ends_the_loop(exception):
                raise
            if isinstance(exception, OSError) and exception.errno in FATAL and self.fileno() < 0:
                self._core_listener_error = exception
                return
            report(f"{type(self).__name__} on {self.listener_name}: the loop", exception)

    @property
    def _core_stopping(self) -> bool:
        return self.__stop

    # Known software sets and reads these two private names of the standard module from outside.
    @property
    def __shutdown_request(self) -> bool:
        return self.__stop

    @__shutdown_request.setter
    def __shutdown_request(self, value: bool) -> None:
        self.__stop = value
        if value:
            for front in list(self._core_fronts.values()):
                front.poller.wake()

    def shutdown(self, *, drain: float | None = None) -> None:
        """End `serve_forever()`, at once. From any thread, the serving one and a signal handler included; again and
        again; before it has started, too, in which case it ends as soon as it starts.

        Parameters:
            drain: seconds in which what has been accepted may still be finished: the listener stops, every handler's
                `goodbye(deadline)` is called, and what is left at the deadline is aborted. None leaves the requests
                that are being handled alone, as `socketserver` does.

        Waits until the loop has ended, unless called by the thread that runs it.
        """
        if drain is not None:
            self.__drain = drain
            self._core_drain_inline(drain)
        self.__shutdown_request = True
        if self._core_process != os.getpid() or threading.get_ident() in self._core_fronts:
            return  # in a child the loop is the parent's; in the loop's own thread waiting would be for ever
        self.__is_shut_down.wait_for_others()

    def _core_drain(self, front: Front, seconds: float) -> Generator[Phase, None, None]:
        """Finish what was accepted, until the deadline."""
        deadline = self.draining if self.draining is not None else self.clock() + seconds
        # By the loop itself, as everything else that a handler may be called in.
        front.call_soon(partial(self._core_begin_drain, front, deadline))
        yield front, _once(), 0.0
        while self._core_requests and (left := deadline - self.clock()) > 0:
            # Whoever ends the last request at a place of its own wakes the loop (`_core_forget`); of children some
            # systems cannot tell.
            yield front, _once(), min(left, 0.5)
        for c in list(self._core_requests.values()):
            c.abort(ShuttingDown("the server's drain deadline passed"))
        yield front, _once(), 0.0
        self.draining = None

    def _core_drain_inline(self, seconds: float) -> None:
        """Begin the drain of a request that is handled in the loop's own thread: the loop itself cannot yet."""
        for c in list(self._core_requests.values()):
            if c.blocks and self._core_inline and c.state == HANDLING:
                self.draining = deadline = self.clock() + seconds
                self._core_say_goodbye(c, deadline)
                if self.real_time:
                    watchdog().watch(c)

    def _core_begin_drain(self, front: Front, deadline: float) -> None:
        self.draining = deadline
        try:
            if self.is_stream and self.fileno() >= 0:
                self._core_serve_backlog(front)
        finally:
            front.stop_listening()
            for c in list(self._core_requests.values()):
                if not c.draining:
                    self._core_say_goodbye(c, deadline)

    def _core_say_goodbye(self, c: Connection, deadline: float) -> None:
        """Ask one request to come to its end."""
        c.draining = True
        if c.process is not None:
            self._core_children.say_goodbye(c, deadline)
            return
        goodbye = getattr(c.handler, "goodbye", None)
        if goodbye is not None:
            try:
                goodbye(max(0.0, deadline - self.clock()))
            except BaseException as exception:
                if ends_the_loop(exception):
                    raise
                report(f"{self.handler_name}.goodbye", exception)
        if self._core_sessions is not None:
            self._core_sessions.end(c)

    def _core_serve_backlog(self, front: Front) -> None:
        """Accept what the kernel had accepted already: those clients were promised an answer."""
        if not self._core_accepts_plainly or not self._core_listener_is_polite():
            return
        while True:
            before = self._core_accepted
            self._handle_request_noblock()
            if self._core_accepted == before:
                return

    def service_actions(self) -> None:
        """Called on each turn of `serve_forever()`. May be overridden."""

    def server_close(self, *, timeout: float | None = None) -> None:
        """Called to clean up the server. May be overridden, with or without the parameter: the core keeps it.

        Parameters:
            timeout: seconds after which the requests that are still being handled are aborted; None waits for them
                as `block_on_close` says.
        """

    def _core_after_close(self) -> None:
        """End what is still on the fronts, tell the plugins, give back the descriptors."""
        self._core_closed = True
        with self._core_lock:
            running, spares = list(self._core_fronts.values()), self._core_spare_fronts
            self._core_spare_fronts = []
        for front in running:
            front.poller.wake()
        for front in spares:
            self._core_close_front(front)
        if getattr(self, "block_on_close", True):
            self._core_children.collect_all(wait=True)
        self._core_processes.close()
        self._core_stopped()

    def _core_release_listener(self) -> None:
        """Give back what the listening socket leaves behind, while it is still open: only then is it certain that a
        path which leads to the same inode is ours."""
        release, self.release_listener = self.release_listener, None
        if release is not None:
            release()

    def _core_close_front(self, front: Front) -> None:
        """End what is parked on a front that nobody runs any more. Output that is on its way may leave."""
        front.enter()
        for c in list(self._core_requests.values()):
            if c.front is front and c.parked and not (c.state == CLOSING and c.buffered):
                c.abort(ShuttingDown("the server was closed"))
        # Real seconds, whatever clock the deadlines are kept by: closing comes to an end.
        deadline = monotonic() + self._core_limits.close_timeout
        if self._core_close_by is not None:
            deadline = min(deadline, self._core_close_by)
        while front.parked_now() and monotonic() <= deadline:
            self._core_turn(front, 0.05)
        front.leave_loop()
        for c in list(self._core_requests.values()):
            if c.front is front and c.parked:
                self._core_drop(c)
        front.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.server_close()

    # -- the fronts ----------------------------------------------------------------------------------------------------

    def _core_make_poller(self) -> Any:
        return make_poller(urgent=self._core_watches_urgent)

    @property
    def _core_watches_urgent(self) -> bool:
        return self._core_urgent in ("event", "abort")

    _core_front_class: type[Front] = Front

    def _core_front_kind(self) -> Any:
        """The class of this server's fronts."""
        if self._core_watches_urgent:
            from .urgent import urgent_front

            return urgent_front(self._core_front_class)
        return self._core_front_class

    def _core_make_front(self) -> Front:
        front: Front = self._core_front_kind()(self, self._core_make_poller())
        return front

    def _core_enter(self) -> Front:
        """The front of the calling thread, from now on running."""
        with self._core_lock:
            front = self._core_spare_fronts.pop() if self._core_spare_fronts else self._core_make_front()
            self._core_fronts[threading.get_ident()] = front
        front.enter()
        if self._core_children.pids:
            self._core_children.watch(front)
        return front

    def _core_exit(self, front: Front) -> None:
        """The calling thread leaves its front. With nothing parked on it, it is given back to the system."""
        with self._core_lock:
            front.leave_loop()
            self._core_fronts.pop(threading.get_ident(), None)
            parked = front.parked_now()
            if not self._core_closed and (parked or ((self.keeps_front or front.reusable) and not self._core_closing)):
                self._core_spare_fronts.append(front)
                return
            front.closed = not parked
        if parked:
            self._core_close_front(front)  # closed by another thread meanwhile
        else:
            front.close()

    def _core_front_here(self) -> Front | None:
        return self._core_fronts.get(threading.get_ident())

    def _core_is_full(self) -> bool:
        """Whether there are as many requests as may be, so that one more would be refused."""
        most = self._core_limits.connections
        return most is not None and len(self._core_requests) >= most

    # -- children ------------------------------------------------------------------------------------------------------

    def _core_check_fork(self, c: Connection) -> None:
        """Refuse a `fork()` that cannot be."""
        if not self.is_stream:
            raise PlugserveError("fork: a datagram has nothing to go on with: use offload_to_process()")
        if c.state != HANDLING or isinstance(c, Outgoing):
            raise PlugserveError("fork: only the handler of a request may do that, on its own connection")
        if not hasattr(os, "fork"):
            raise PlugserveError("fork: this platform has no fork(2): use offload_to_process()")
        if self._core_no_fork is not None:
            raise PlugserveError(f"fork: {self._core_no_fork}")

    def _core_in_child(self, control: Control) -> None:
        """This is the child's copy from now on."""
        self._core_control = control

    def _core_child_ended(self) -> None:
        """A child has ended: there may be room for another one."""

    def _core_listen_to_parent(self, c: Connection) -> None:
        """Wait for the client, and do meanwhile what the parent says. Whoever looks for urgent data waits himself."""
        if self._core_control is not None and (c.urgency is None or not c.urgency.watches):
            self._core_control.wait(c)

    def _core_drain_in_child(self, c: Connection, deadline: float) -> None:
        """The parent drains."""
        self.draining = deadline
        self._core_say_goodbye(c, deadline)
        watchdog().watch(c)

    def _core_resume_soon(self, c: Connection) -> None:
        if c.front is not None:
            c.front.resume_soon(c)

    def _core_offload(
        self, c: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], lane: Lane | None
    ) -> None:
        assert c.front is not None, "only a request on a front is offloaded"
        c.front.offload(c, function, arguments, lane)

    # -- one request ---------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor to wait for: that of `socket`."""
        return int(self.socket.fileno())

    socket: Any

    draining: float | None = None
    """While the server drains: when, on its `clock`, it ends what is left."""

    release_listener: Callable[[], None] | None = None
    """Called once when the server is closed, to give back what its socket leaves behind (a Unix path)."""

    def handle_request(self) -> None:
        """Handle one request, waiting for it at most `timeout` seconds, or the socket's own timeout if shorter.

        A request with layers is seen through them. Lets through what `socketserver` lets through.
        """
        self._core_start()
        waits = [seconds for seconds in (self.socket.gettimeout(), self.timeout) if seconds is not None]
        deadline = self.clock() + min(waits) if waits else None
        front = self._core_enter()
        try:
            front.listen(self.fileno())
            while True:
                before = self._core_accepted
                if front.turn(None if deadline is None else max(0.0, deadline - self.clock())):
                    front.stop_listening()
                    if self._core_accepted != before:
                        self._core_see_through(front)
                    return None
                if deadline is not None and self.clock() >= deadline:
                    return self.handle_timeout()
        finally:
            front.stop_listening()
            self._core_exit(front)

    def _core_see_through(self, front: Front) -> None:
        """Run the loop until the request that was just accepted has been handled, refused or moved."""
        c = front.last
        while c is not None and (c.state in (ARRIVED, QUEUED) or (c.state == HANDLING and c.parked and not c.blocks)):
            front.turn(None)

    def _core_listener_is_polite(self) -> bool:
        try:
            return not os.get_blocking(self.fileno())
        except (OSError, AttributeError):
            return False  # a fake, or closed, or Windows

    @property
    def _core_accepts_plainly(self) -> bool:
        """Whether `get_request` does nothing but accept."""
        return False

    def _core_make_listener_polite(self) -> None:
        """Let accept(2) say EAGAIN instead of waiting when somebody else was faster or the client has gone, without
        changing what `socket.gettimeout()` says to people who ask."""
        if sys.platform != "linux" and not self._core_accepts_plainly:
            return  # elsewhere the accepted socket inherits the mode, and only our own get_request undoes that
        try:
            os.set_blocking(self.fileno(), False)
        except (OSError, AttributeError):
            return  # not a descriptor: a test's fake, or a socket on Windows
        self._core_batches = self._core_accepts_plainly

    def get_request(self) -> tuple[Any, Any]:
        """Get the request and its client's address. Overridden by `TCPServer` and `UDPServer`."""
        raise NotImplementedError(f"{type(self).__name__} has no get_request: derive from TCPServer or UDPServer")

    def _handle_request_noblock(self) -> None:
        """Accept one request and start its life; the listener is ready, so this does not wait for one."""
        try:
            request, client_address = self.get_request()
        except OSError as error:
            accept_failed(self, error)
            return
        self._core_exhausted = False
        self._core_accepted += 1
        front = self._core_fronts.get(threading.get_ident())
        if front is not None:
            self._core_begin(front, request, client_address)
            return
        front = self._core_enter()
        try:
            self._core_begin(front, request, client_address)
            self._core_see_through(front)
        finally:
            self._core_exit(front)

    def _core_new_connection(self, request: Any, client_address: Any) -> Connection:
        """The row of a request that was accepted."""
        return Connection(self, request, client_address)

    def _core_begin(self, front: Front, request: Any, client_address: Any) -> None:
        if self._core_sessions is not None:
            self._core_sessions.take(front, request, client_address)
            return
        facts = self._core_handler
        if facts.brief and front.answers:
            answer(front, facts, request, client_address)
            return
        c = front.last = self._core_new_connection(request, client_address)
        c.front = front
        self._core_requests[id(request)] = c
        c.life = live(c)
        front.begin(c)

    def _core_begin_at_place(self, request: Any, client_address: Any) -> Connection | None:
        """The life of a request that never came through the loop: somebody accepted it and calls `finish_request`.

        It is verified like any other, here and now. Returns None if it was refused.
        """
        self._core_start()
        c = self._core_new_connection(request, client_address)
        c.blocks = True
        self._core_requests[id(request)] = c
        c.life = live(c)
        return c if reach_place(c) else None

    def handle_timeout(self) -> None:
        """Called if no request came within `timeout`. May be overridden."""

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether to serve this request: the server's own vote, after the plugins'. May be overridden."""
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take an admitted request to its place. Overridden by the engines; may be overridden."""
        self.finish_request(request, client_address)
        self.shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one request by making an instance of `RequestHandlerClass`. May be overridden."""
        self.RequestHandlerClass(request, client_address, self)

    def shutdown_request(self, request: Any) -> None:
        """Shut down and close one request. May be overridden."""
        self.close_request(request)

    def close_request(self, request: Any) -> None:
        """Clean up after one request. May be overridden."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called, within an `except` block, when handling raised an `Exception`. May be overridden.

        Prints a traceback to standard error and lets the server go on; that a client hung up is no error, and
        prints nothing. Nor is anything printed where a plugin that says `reports_errors = True` was told.
        """
        exception = sys.exception()
        if any(getattr(plugin, "reports_errors", False) for plugin in self._core_plugins.values()):
            return
        if exception is None or isinstance(exception, (PeerError, Aborted)) or hung_up(exception, request):
            return
        import traceback

        print("-" * 40, file=sys.stderr)
        print("Exception occurred during processing of request from", client_address, file=sys.stderr)
        traceback.print_exception(exception)
        print("-" * 40, file=sys.stderr)

    # -- what the life asks of its server ------------------------------------------------------------------------------

    def _core_patience(self, c: Connection) -> float | None:
        """How long to wait on the front for the client's first byte: None not at all, 0 as long as the limits let."""
        handler = self._core_handler
        if handler.straight or c.blocks:
            return None
        if handler.speaks_first is None:
            return BANNER_PATIENCE
        return None if handler.speaks_first else 0.0

    def _core_before_move(self, c: Connection) -> None:
        """Give the handler its request: untouched where that is the whole truth, an equivalent where it is not."""
        if not self._core_handler.classic:
            c.open_channel()
            return
        c.counted = False
        if not self.is_stream and self._core_handler.reply_ratio is not None:
            self._core_limit_reply(c, self._core_handler.reply_ratio)
            return
        if c.channel is None or not self.is_stream:
            return
        if c.transformed or (c.urgency is not None and c.urgency.needs_channel):
            from .request_socket import put_through

            put_through(c)
        else:
            c.channel.block()

    def _core_limit_reply(self, c: Connection, ratio: float) -> None:
        """Give a classic handler a socket that sends no more than a forged source may be sent."""
        if c.identity is not None:
            return
        packet, sock = c.request
        wrapped = sock if isinstance(sock, AnsweringSocket) else AnsweringSocket(sock, None)
        self._core_requests.remove(c, keep_count=True)
        c.request = (packet, wrapped.limited(int(ratio * len(packet)), len(packet)))
        self._core_requests[id(c.request)] = c

    @property
    def _core_stays_here(self) -> bool:
        """Whether a request that is handled on the front comes to its place, and goes, by the core's own methods."""
        return False

    @property
    def _core_ends_plainly(self) -> bool:
        """Whether `shutdown_request` and `close_request` are the core's own."""
        return False

    def _core_end_request(self, c: Connection) -> None:
        """Close a request, by the methods that may have been overridden."""
        # A child that the handler forked goes on using the connection: close our descriptor, do not shut it down.
        (self.close_request if c.fork_shares else getattr(self, c.ending))(c.request)

    def _core_forget(self, c: Connection) -> None:
        """Its socket is closed: out of the table."""
        self._core_requests.remove(c)
        if self._core_sessions is not None:
            self._core_sessions.forget(c)
        c.cut()
        if self.draining is not None and not self._core_requests:
            for front in list(self._core_fronts.values()):
                front.poller.wake()

    def _core_drop(self, c: Connection, closing: Callable[..., Any] | None = None) -> None:
        """End a life that will not be resumed: its `finally` clauses run, its socket is closed."""
        life, c.life = c.life, None
        c.torn_down = True
        if c.front is not None and c.parked:
            c.front.leave(c)
        try:
            if life is not None:
                life.close()
        finally:
            c.state = CLOSING
            try:
                if closing is not None:
                    closing(self, c.request)
                else:
                    self.shutdown_request(c.request)
            finally:
                if c.outcome == "open":
                    c.outcome, c.reason = "aborted", "ended by the server"
                self._core_forget(c)
                if self._core_hooks.connection_closed:
                    observe(self._core_hooks.connection_closed, c)
                c.release()


wrap_overridable(BaseServer)


class _LoopEnded(threading.Event):
    """Set when no loop runs any more.

    Known software brings its own `serve_forever`, which clears and sets the event of the standard module by its private
    name; so it is the event that knows whether there is a loop to wait for, and in whose thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop: int | None = None

    def clear(self) -> None:
        """A loop begins in the calling thread."""
        self._loop = threading.get_ident()
        super().clear()

    def set(self) -> None:
        """It has ended."""
        self._loop = None
        super().set()

    def wait_for_others(self) -> None:
        """Wait for the end of the loop, if there is one and it is not the calling thread's own."""
        if self._loop is not None and self._loop != threading.get_ident():
            self.wait()


def _nobody_takes_part(server: BaseServer, handler: Any) -> bool:
    """Whether no plugin, no override and no limit has a part in the life of a datagram."""
    hooks, limits = server._core_hooks, server._core_limits
    return (
        handler._style == "protocol"
        and server.RequestHandlerClass is handler
        and all(getattr(handler, name) is getattr(ProtocolHandler, name) for name in _MACHINERY)
        and not any(getattr(hooks, name) for name in Hooks.__slots__ if name not in _NOT_OF_A_REQUEST)
        and limits.connections is None
        and limits.connections_per_peer is None
        and limits.total is None
        and server._core_sessions is None
        and type(server).verify_request is BaseServer.verify_request
        and "verify_request" not in vars(server)
    )


_NOT_OF_A_REQUEST: Final = frozenset({"server_activate", "server_close", "service_actions"})
_MACHINERY: Final = ("__init__", "__new__", "__getattr__", "_live", "_answer", "_call", "_set_up")
_UNSAID: Final = object()


class HandlerFacts:
    """What the life asks of a server's handler class."""

    __slots__ = (
        "brief",
        "classic",
        "closes",
        "ends_plainly",
        "finishes_plainly",
        "handler",
        "opens",
        "refusal",
        "reply_ratio",
        "speaks_first",
        "stays",
        "straight",
        "style",
    )

    def __init__(self, server: BaseServer) -> None:
        self.handler = server.RequestHandlerClass
        cls = server.handler_class
        modern = isinstance(cls, type) and issubclass(cls, ModernHandler)
        self.style: str = cls._style if modern else "classic"
        self.classic = self.style == "classic"
        self.refusal: Callable[[str], bytes | None] | None = cls.refusal if modern else None
        self.speaks_first: bool | None = getattr(server.handler_class, "speaks_first", None)
        # A classic handler without layers goes straight to its place, as the seed has it; where others are handled
        # on the front, their own first read waits there just as well.
        self.straight = not server.handles_on_front and not server._core_hooks.open_connection
        if not self.classic:
            self.straight = server.handles_on_front
        if not server.is_stream:
            self.straight = True
        own: Any = getattr(cls, "reply_ratio", _UNSAID)
        self.reply_ratio: float | None = server._core_limits.reply_ratio if own is _UNSAID else own
        if type(server).transport == "unix-dgram":
            self.reply_ratio = None  # the kernel itself says who the sender is
        self.finishes_plainly = (
            not self.classic
            and type(server).finish_request is BaseServer.finish_request
            and "finish_request" not in vars(server)
        )
        self.ends_plainly = server._core_ends_plainly
        self.opens = modern and getattr(cls, "opened", None) is not ProtocolHandler.opened
        self.closes = modern and getattr(cls, "closed", None) is not ProtocolHandler.closed
        self.stays = not self.classic and server._core_stays_here
        self.brief = self.stays and not server.is_stream and self.finishes_plainly and _nobody_takes_part(server, cls)
