"""Every point in the life of a request that a plugin can join, in the order in which they come.

Each docstring has the same form: what the hook is for; **When**, and on which thread or process; **Connection**, its
state at that moment; **Parameters**; **Returns**, and what each value causes; **Raises**, what an exception causes;
**Order**; **Since**. The reference page is made from them.

How the results of several implementations combine is the `rule` of each hook:

- `vote`: all are asked in order until one denies. `False` denies, `None` abstains, `True` agrees; `RequestRejected`
  denies with its own reason; any other exception or value denies and is reported. No wrappers.
- `pipeline`: one after the other; the first failure ends the request.
- `gate`: one after the other; `RequestRejected` refuses, any other exception refuses too and is reported against the
  plugin, unless the plugin says `watches_only = True`.
- `observe`: each is called and guarded on its own; the others still run.
- `wrap`: generator wrappers (`@hookimpl(wrapper=True)`) around the handler.

An implementation may take any subset of the parameters, by name:

| name | what it is |
|---|---|
| `server` | the server object, an instance of a `BaseServer` class |
| `request` | as in `socketserver`: the connected socket, or `(data, socket)` for a datagram |
| `client_address` | the client's address; behind a PROXY header the real one, once it is known |
| `context` | `plugserve.Context`: the read-only facts of this request, and a place for the plugin's own data |
| `connection` | `plugserve.Connection`: for layers only, the stream to read from and to write to |
| `exception` | the exception that was raised, as it was raised |
| `reason` | why, as a sentence for people (`str`) |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

import pluggy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from .connection import Connection
    from .context import Context
    from .server import BaseServer

__all__ = ["PARAMETERS", "PROJECT", "SPECS", "Rule", "Spec", "hookimpl"]

PROJECT: Final = "plugserve"
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method or function as the implementation of the hook of the same name."""
_hookspec = pluggy.HookspecMarker(PROJECT)

Rule = Literal["vote", "pipeline", "gate", "observe", "wrap"]

PARAMETERS: Final = ("server", "request", "client_address", "context", "connection", "exception", "reason")
"""The one table of argument names. A hook takes the subset that its signature shows."""


class Spec(NamedTuple):
    """What the core knows of a hook beyond its signature."""

    name: str
    rule: Rule
    may_be_async: bool


SPECS: Final[dict[str, Spec]] = {}
"""Every hook by name, in call order."""

_F = TypeVar("_F", bound=Callable[..., Any])


def _spec(rule: Rule, *, may_be_async: bool = False) -> Callable[[_F], _F]:
    def declare(function: _F) -> _F:
        SPECS[function.__name__] = Spec(function.__name__, rule, may_be_async)
        return _hookspec(function)

    return declare


@_spec("gate")
def server_activate(server: BaseServer) -> None:
    """Prepare for work: open files, start what the plugin needs.

    When: once, in `server.server_activate()`, after the socket is bound and before it listens; in the thread that
        builds the server.
    Connection: none yet.
    Parameters: `server`, with `server_address` final.
    Returns: ignored.
    Raises: any exception refuses to start; the constructor raises `PluginError` from it.
    Order: as configured.
    Since: 0.1.
    """


@_spec("vote")
def verify_request(server: BaseServer, request: Any, client_address: Any, context: Context) -> bool | None:
    """Decide, by the peer alone, whether this request is served. The cheapest moment to say no.

    When: right after accept, in the thread of the server's loop, which stands still meanwhile: decide from memory,
        never wait.
    Connection: accepted; no byte of it consumed. `request.recv(n, MSG_PEEK | MSG_DONTWAIT)` is allowed, reading is not.
    Parameters: `server`; `request`; `client_address`, the peer's own; `context`.
    Returns: `False` denies; `None` abstains; `True` agrees.
    Raises: `RequestRejected` denies with its own reason; any other exception denies and is reported against the plugin.
    Order: as configured, then the server's own method `verify_request`; the first denial ends the vote.
    Since: 0.1.
    """


@_spec("pipeline", may_be_async=True)
def open_connection(connection: Connection, context: Context) -> Awaitable[None] | None:
    """A layer: do I/O before the handler (a PROXY header, TLS, SASL), and change the stream or the facts.

    The plugin says which `phase` it belongs to: `"peer"`, `"encryption"` or `"authentication"`.

    When: after `verify_request` agreed, on the server's own loop, parked while it waits: no thread, worker or child is
        spent on it, and accepting goes on.
    Connection: open; `connection.push(transform)` changes its bytes from then on.
    Parameters: `connection`; `context`.
    Returns: nothing; an `async def`. It may set `connection.client_address`, `connection.identity`, `connection.tls`.
    Raises: `RequestRejected` or a `PeerError` refuses; any other exception refuses and is reported against the plugin.
        All layers together have one deadline and one byte budget (`Limits.layers_timeout`, `Limits.layers_bytes`).
    Order: as configured, outermost first; phases may not go backwards.
    Since: 0.1.
    """


@_spec("vote", may_be_async=True)
def authorize(server: BaseServer, request: Any, client_address: Any, context: Context, connection: Connection) -> Any:
    """Decide with everything known: the real client address and the identity.

    When: after all layers, on the server's own loop. May be `async def`, then awaited under the layers' deadline.
    Connection: open, transforms in place.
    Parameters: `server`; `request`; `client_address`, the real one; `context`, with `identity` and `tls`; `connection`,
        for `await connection.offload(...)` of what asks somebody else. What it has to read belongs into a layer.
    Returns: `False` denies; `None` abstains; `True` agrees.
    Raises: `RequestRejected` denies with its own reason; any other exception denies and is reported against the plugin.
    Order: as configured; the first denial ends the vote.
    Since: 0.1.
    """


@_spec("observe")
def request_rejected(server: BaseServer, request: Any, client_address: Any, context: Context, reason: str) -> None:
    """Learn that a request was refused, and why. No `connection_closed` follows: a request ends with one of the two.

    When: on the server's own loop, also when a child process refused it in `setup`.
    Connection: about to be closed; nothing can be sent any more.
    Parameters: `server`; `request`; `client_address`; `context`, whose `rejected_by` names who refused; `reason`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured.
    Since: 0.1.
    """


@_spec("observe")
def process_request(server: BaseServer, request: Any, client_address: Any, context: Context) -> None:
    """Learn that a request was admitted and moves to the place where it is handled.

    When: just before the method `process_request` is called, in the thread of the server's loop.
    Connection: open, transforms in place.
    Parameters: `server`; `request`; `client_address`; `context`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured.
    Since: 0.1.
    """


@_spec("gate")
def setup(server: BaseServer, request: Any, client_address: Any, context: Context) -> None:
    """Prepare this request, or refuse it at the last moment.

    When: at its place (thread, child process, loop), right before the handler is made.
    Connection: open, transforms in place.
    Parameters: `server`; `request`; `client_address`; `context`.
    Returns: ignored.
    Raises: `RequestRejected` refuses; any other exception refuses and is reported against the plugin, unless it says
        `watches_only = True`.
    Order: as configured; the first refusal ends it.
    Since: 0.1.
    """


@_spec("wrap")
def handle(  # type: ignore[empty-body]  # a specification: the docstring is the body
    server: BaseServer, request: Any, client_address: Any, context: Context
) -> Generator[None, object, object]:
    """Stand around the handler: measure, trace, bound.

    A generator marked `@hookimpl(wrapper=True)`: what is before its one `yield` runs before the handler, what is
    behind it after; the handler's exception is raised at the `yield`.

    When: at the request's place, between `setup` and `finish`.
    Connection: open.
    Parameters: `server`; `request`; `client_address`; `context`.
    Returns: the generator's return value is ignored.
    Raises: before the `yield`, the request ends as if the handler had failed; after it, the exception is reported
        against the plugin. A wrapper cannot swallow the handler's exception: it is raised again behind it.
    Order: the first configured is the outermost.
    Since: 0.1.
    """


@_spec("pipeline", may_be_async=True)
def start_tls(connection: Connection, context: Context) -> Awaitable[None] | None:
    """Encrypt a connection whose handler asks for it in mid-stream (STARTTLS), by `Connection.start_tls` and its like.

    When: within that call, at the request's place; on a front it is parked while it waits. One plugin of a listener
        may implement it.
    Connection: open; what was written before has left, what was read and not used is the first input of the transform.
    Parameters: `connection`; `context`.
    Returns: nothing; an `async def`. It pushes a transform and sets `connection.tls`; it may set `connection.identity`.
    Raises: anything ends the connection, and is raised where the handler called. Deadline and byte budget are those of
        layers (`Limits.layers_timeout`, `Limits.layers_bytes`).
    Order: there is one.
    Since: 0.1.
    """


@_spec("observe")
def out_of_band(server: BaseServer, request: Any, client_address: Any, context: Context) -> None:
    """Learn that the peer sent urgent data (TCP's urgent pointer, RFC 6093), with the byte in `context.urgent`.

    A second urgent byte that comes before the first was seen takes its place, and a flood is cut to 16 a second.

    When: from the vote of `authorize` to the end of the handler, on listeners whose policy is `urgent = "event"`; a
        plugin that implements it is refused on the others. On the thread that reads, if the handler is reading or the
        request waits on the server's own loop; on a thread of its own (in the request's process) while the handler does
        something else. One call a request at a time, but beside its handler: take a lock, and never wait.
    Connection: open; the urgent byte is not part of the stream.
    Parameters: `server`; `request`; `client_address`; `context`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured.
    Since: 0.1.
    """


@_spec("observe")
def finish(server: BaseServer, request: Any, client_address: Any, context: Context) -> None:
    """Clean up after the handler, whatever its end.

    When: at the request's place, after the handler; exactly once for each request whose `setup` passed.
    Connection: still open.
    Parameters: `server`; `request`; `client_address`; `context`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured.
    Since: 0.1.
    """


@_spec("observe")
def handle_error(
    server: BaseServer, request: Any, client_address: Any, context: Context, exception: BaseException
) -> None:
    """Learn that the handler failed. Also told of what the method `handle_error` is not: `SystemExit` and its kin.

    When: after `finish`, at the request's place; with the forking engine in the parent, where `exception` is a
        `plugserve.ChildError` that carries the class name, the text and the traceback of the original.
    Connection: still open, or gone if the peer hung up.
    Parameters: `server`; `request`; `client_address`; `context`; `exception`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured; then the method `handle_error`, for an `Exception`.
    Since: 0.1.
    """


@_spec("observe")
def connection_closed(server: BaseServer, request: Any, client_address: Any, context: Context, reason: str) -> None:
    """Learn that a request that was admitted has ended: totals, duration and outcome are final in `context`.

    When: after the socket was closed (a datagram: after its reply); with the forking engine in the parent.
    Connection: closed.
    Parameters: `server`; `request`; `client_address`; `context`; `reason`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured.
    Since: 0.1.
    """


@_spec("observe")
def service_actions(server: BaseServer) -> None:
    """Do a little periodic work.

    When: on each turn of `serve_forever()`, at least every `poll_interval` seconds, in its thread; never wait.
    Connection: none.
    Parameters: `server`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: as configured; then the method `service_actions`.
    Since: 0.1.
    """


@_spec("observe")
def server_close(server: BaseServer) -> None:
    """Give back what `server_activate` took.

    When: once, in `server.server_close()`, after the last request has ended.
    Connection: none; the listening socket is closed.
    Parameters: `server`.
    Returns: ignored.
    Raises: an exception is reported against the plugin; the others still run.
    Order: the reverse of the configured.
    Since: 0.1.
    """
