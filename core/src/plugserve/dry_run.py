"""What would happen to a client, found out without a socket: the real votes on a request that is not there.

The plugins that vote are started, asked through the very functions that the life of a request calls (`life.admit`,
`life.open_up`), and stopped again. Layers are not run, since there is nobody to talk to: what they would prove is
given. So the answer is that of a server that starts now and has no other client: what a plugin learns while it runs
(how many requests somebody made, say) it does not know here.

A plugin may say why it votes as it does, in a method `explain`. It takes what it needs of the context's attributes by
name, as in `def explain(self, client_address, transport)`, and what it returns is shown as text.
"""

from __future__ import annotations

import inspect
import ipaddress
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from .connection import Connection
from .errors import ConfigurationError
from .hooks import Call, Holder, Hooks, Plugins, observe, start
from .life import admit, open_up
from .toml_document import Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from .plan import Listener
    from .server import BaseServer

__all__ = ["Client", "DryRun", "Verdict", "Vote", "client_of"]

Answer = Literal["agrees", "abstains", "denies", "fails", "not asked", "cannot tell"]

_PORT: Final = 40000
"""A client's port, where none is given: one that nobody is meant by."""


@dataclass(frozen=True)
class Client:
    """Somebody who might come.

    Parameters:
        address: as `accept()` would give it, or a PROXY header tell it.
        peer: the machine at the other end of the socket; the client itself but behind a proxy.
        identity: who it has been proved to be; None if nobody.
        tls: whether it came through TLS.
    """

    address: Any
    peer: Any
    identity: str | None = None
    tls: bool = False


@dataclass(frozen=True)
class Vote:
    """What one plugin says.

    Parameters:
        hook: `verify_request` or `authorize`.
        plugin: its name; that of the server's method for the server's own vote.
        answer: what it says; `not asked` after a denial, `cannot tell` if it wants to look at the socket.
        why: its own explanation, or the reason of its denial; may be empty.
    """

    hook: str
    plugin: str
    answer: Answer
    why: str = ""


@dataclass
class Verdict:
    """What would happen.

    Parameters:
        served: True, False, or None if it cannot be told without a real client.
        reason: why it is refused, or why nothing can be told; empty if it is served.
        ended_at: the hook that decided; empty if it is served.
        votes: all that were or would have been asked, in order.
        assumed: what was taken for granted: the layers.
    """

    served: bool | None = True
    reason: str = ""
    ended_at: str = ""
    votes: list[Vote] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def client_of(listener: Listener, client: str, *, peer: str | None, identity: str | None, tls: bool) -> Client:
    """A client of a listener from words.

    Parameters:
        listener: it says what an address looks like.
        client: an IP address with or without a port, `unix`, or `vsock:CID`.
        peer: the same for the proxy that it comes through; None if there is none.
        identity, tls: as in `Client`.

    Errors: `ConfigurationError` for text that is none of these, or nothing that could come to this listener.
    """
    there = _socket_address(listener, peer or client)
    here = there if peer is None else _any_address(client)
    return Client(here, there, identity, tls)


def _socket_address(listener: Listener, text: str) -> Any:
    """An address as the socket of a listener would tell it."""
    transport = listener.address.transport
    address = _any_address(text)
    kind = "unix" if address == "" else "vsock" if isinstance(address[0], int) else "internet"
    wanted = "unix" if transport.startswith("unix") else "vsock" if transport == "vsock" else "internet"
    if kind != wanted and transport not in ("fd", "systemd"):
        example = {"unix": "unix", "vsock": "vsock:3", "internet": "192.0.2.7"}[wanted]
        raise ConfigurationError(f"nobody comes to {listener.address} from {text}: a client of it is, say, {example}")
    if kind != "internet":
        return address
    host, port = address[:2]
    if ":" in listener.address.host or listener.address.host == "*":
        # An IPv6 socket shows IPv4 clients as mapped addresses (RFC 4291, 2.5.5.2), where it serves them at all.
        if len(address) == 2:
            return (f"::ffff:{host}", port, 0, 0)
    elif len(address) == 4 and transport in ("tcp", "udp") and listener.address.host.replace(".", "").isdecimal():
        raise ConfigurationError(f"nobody comes to {listener.address} from {text}: it listens on IPv4 alone")
    return address


def _any_address(text: str) -> Any:
    """An address as the socket module writes it, from words."""
    if text == "unix":
        return ""
    if text.startswith("vsock:"):
        cid = text.removeprefix("vsock:")
        if cid.isascii() and cid.isdecimal() and len(cid) <= 10:
            return (int(cid), _PORT)
        raise ConfigurationError(f"client {text!r}: write vsock:CID with a number")
    host, port = text, str(_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = ipaddress.ip_address(host)
        number = int(port) if port.isascii() and len(port) <= 5 else -1
        if not 0 <= number <= 65535:
            raise ValueError
    except ValueError:
        raise ConfigurationError(
            f"client {text!r}: write an IP address such as 192.0.2.7 or 2001:db8::1, ADDRESS:PORT, [ADDRESS]:PORT, "
            f"unix, or vsock:CID"
        ) from None
    return (host, number) if address.version == 4 else (host, number, 0, 0)


class DryRun:
    """A listener's votes, ready to be asked: a context manager, in which its plugins that vote are started.

    Parameters:
        listener: planned; nothing of it is bound.

    Errors: `Faults` if a plugin refuses to start.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._server = _server_without_socket(listener)
        plugins = Plugins(listener.instances())
        self._hooks = plugins.compile(self._server)
        hooks = self._hooks
        voters = {call.plugin for call in (*hooks.verify_request, *hooks.authorize)}
        self._begin = tuple(call for call in hooks.server_activate if call.plugin in voters)
        self._end = tuple(call for call in hooks.server_close if call.plugin in voters)

    def __enter__(self) -> Self:
        with _quiet():
            try:
                start(self._begin, Holder(self._server))
            except ConfigurationError as error:
                observe(self._end, Holder(self._server))
                raise Faults(self._listener.faults_of(error)) from error
        return self

    def __exit__(self, *exception: object) -> None:
        with _quiet():
            observe(self._end, Holder(self._server))
            self._server.server_close()

    def judge(self, client: Client) -> Verdict:
        """Ask all who vote about one client."""
        verdict, absent, hooks = Verdict(), _Absent(), self._hooks
        recorder = _Recorder(self._listener, verdict, absent)
        c = Connection(self._server, absent if self._server.is_stream else (absent, absent), client.peer)
        c.hooks = recorder.around(hooks)
        with _quiet():
            reason, exception = admit(c)
            if exception is not None:
                verdict.votes.append(Vote("verify_request", "verify_request", "fails", type(exception).__name__))
            hook = "verify_request"
            if reason is None:
                verdict.assumed += [f"{call.plugin} passes" for call in hooks.open_connection]
                c.client_address, c.identity, c.tls = client.address, client.identity, client.tls or None
                hook, reason = "authorize", _finish(open_up(c), recorder)
        if recorder.blind is not None:
            verdict.served, verdict.ended_at, verdict.reason = None, hook, recorder.blind
        elif reason is not None:
            verdict.served, verdict.ended_at, verdict.reason = False, hook, reason
            if c.rejected_by == "verify_request" and exception is None:
                verdict.votes.append(Vote("verify_request", "verify_request", "denies", "the server's own method"))
        asked = {(vote.hook, vote.plugin) for vote in verdict.votes}
        for name in ("verify_request", "authorize"):
            for call in getattr(hooks, name):
                if (name, call.plugin) not in asked:
                    verdict.votes.append(Vote(name, call.plugin, "not asked"))
        return verdict


def _finish(life: Any, recorder: _Recorder) -> str | None:
    """Run what may wait to its end, which it must reach at once: there is nothing to wait for."""
    try:
        life.send(None)
    except StopIteration as end:
        reason: str | None = end.value
        return reason
    recorder.blind = recorder.blind or f"{recorder.current} waits for something, and nothing happens here"
    life.close()
    return None


class _Recorder:
    """Writes down what each voter says, on its way to the vote."""

    def __init__(self, listener: Listener, verdict: Verdict, absent: _Absent) -> None:
        self._plugins = listener.instances()
        self._verdict = verdict
        self._absent = absent
        self.current = ""
        self.blind: str | None = None
        """Why nothing can be told, if a voter wanted to see what is not there."""

    def around(self, hooks: Hooks) -> Hooks:
        """The same voters, recorded, and nobody else."""
        recorded = Hooks()
        for name in ("verify_request", "authorize"):
            calls = tuple(call._replace(invoke=self._recording(call)) for call in getattr(hooks, name))
            setattr(recorded, name, calls)
        return recorded

    def _recording(self, call: Call) -> Callable[[Any], Any]:
        def invoke(c: Connection) -> Any:
            self.current = call.plugin
            if self.blind is not None:
                return False
            try:
                result = call.invoke(c)
            except Exception as error:
                self._note(call, c, "fails" if getattr(error, "reason", None) is None else "denies", error)
                raise
            if inspect.iscoroutine(result):
                return self._awaited(call, c, result)
            self._note(call, c, _answer(result), None)
            return result

        return invoke

    async def _awaited(self, call: Call, c: Connection, result: Any) -> Any:
        try:
            verdict = await result
        except Exception as error:
            self._note(call, c, "fails" if getattr(error, "reason", None) is None else "denies", error)
            raise
        self._note(call, c, _answer(verdict), None)
        return verdict

    def _note(self, call: Call, c: Connection, answer: Answer, error: Exception | None) -> None:
        if self._absent.missed:
            answer = "cannot tell"
            self.blind = f"{call.plugin} looks at the connection itself, and there is none here"
        why = self._explained(call, c)
        if not why and error is not None:
            why = str(getattr(error, "reason", None) or f"{type(error).__name__}: {error}")
        self._verdict.votes.append(Vote(call.hook, call.plugin, answer, why))

    def _explained(self, call: Call, c: Connection) -> str:
        """The plugin's own words, if it has any."""
        explain = getattr(self._plugins[call.plugin], "explain", None)
        if not callable(explain):
            return ""
        try:
            names = [name for name in inspect.signature(explain).parameters if hasattr(type(c.context), name)]
            return " ".join(str(explain(**{name: getattr(c.context, name) for name in names})).split())
        except Exception as error:
            return f"(its explain() failed: {type(error).__name__}: {error})"


def _answer(verdict: object) -> Answer:
    if verdict is None:
        return "abstains"
    return "agrees" if verdict is True else "denies" if verdict is False else "fails"


class _Absent:
    """Stands for what is not there; whoever asks it for anything has wanted to see the client."""

    def __init__(self) -> None:
        self.missed = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.missed = True
        raise OSError(f"this is a dry run: there is no {name}")

    def __getitem__(self, key: object) -> Any:
        self.missed = True
        raise OSError("this is a dry run: there is no data")

    def __len__(self) -> int:
        self.missed = True
        raise OSError("this is a dry run: there is no data")


class _NoSocket:
    """What a server without a socket has in its place."""

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        """There is nothing to close."""


def _server_without_socket(listener: Listener) -> BaseServer:
    """The listener's server, but for its socket."""
    made: Any = listener.server_class
    dry: Any = type(made.__name__, (made,), {"__module__": __name__, "_core_make_socket": lambda self: _NoSocket()})
    address = listener.address
    server: BaseServer = dry(
        (address.host, address.port) if address.host else address.path or address.name,
        listener.handler,
        bind_and_activate=False,
        plugins={},
        options=listener.options,
        limits=listener.limits,
        name=listener.asked.name,
    )
    return server


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("plugserve")
    before, logger.disabled = logger.disabled, True
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logger.disabled = before
        logging.disable(level)
