"""Each hook, one by one: when it is called, with what, and what each answer and each exception of it causes.

`test_hooks.py` shows that each is called; this file holds what the reference page says of it.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    CoroutineHandler,
    PluginError,
    ProtocolError,
    RequestRejected,
    TCPServer,
    hookimpl,
    hookspecs,
)
from plugserve.hookspecs import SPECS
from plugserve.testing import MemoryTCPServer, hosted

PEER = ("192.0.2.1", 40000)


class Echo(CoroutineHandler):
    async def handle(self) -> None:
        data = await self.connection.read()
        if data == b"fail":
            raise LookupError("asked to")
        self.connection.write(data)


def answering(hook: str, answer: Any = None, *, calls: list[Any] | None = None, phase: str = "peer") -> Any:
    """A plugin with one hook that notes its call with all arguments, and returns or raises the answer."""

    def noted(self: Any, arguments: dict[str, Any]) -> Any:
        if calls is not None:
            calls.append((hook, arguments))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    parameters = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    given = ", ".join(f"{name}={name}" for name in parameters)
    body = f"def {hook}(self, {', '.join(parameters)}):\n    answer = noted(self, dict({given}))\n"
    # A layer is awaited and a wrapper yields; everything else returns its answer.
    body += "    yield\n" if hook == "handle" else "    return answer\n"
    space: dict[str, Any] = {"noted": noted}
    exec(("async " if hook == "open_connection" else "") + body, space)
    mark = hookimpl(wrapper=True) if hook == "handle" else hookimpl
    return type("Answers", (), {hook: mark(space[hook]), "phase": phase})()


class Watch:
    """Notes how requests end, and what has run of them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reason = ""
        self.context: Any = None

    @hookimpl
    def request_rejected(self, context: Any, reason: str) -> None:
        self.names.append("request_rejected")
        self.reason, self.context = reason, context

    @hookimpl
    def process_request(self) -> None:
        self.names.append("process_request")

    @hookimpl
    def setup(self) -> None:
        self.names.append("setup")

    @hookimpl
    def finish(self) -> None:
        self.names.append("finish")

    @hookimpl
    def handle_error(self, exception: BaseException) -> None:
        self.names.append(f"handle_error {type(exception).__name__}")

    @hookimpl
    def connection_closed(self, context: Any, reason: str) -> None:
        self.names.append("connection_closed")
        self.reason, self.context = reason, context


ADMITTED = ["process_request", "setup", "finish", "connection_closed"]


def talk(*plugins: Any, data: bytes = b"hello", server_class: Any = MemoryTCPServer) -> tuple[bytes, Watch]:
    """One conversation; gives back the answer, and what was watched of it."""
    watch = Watch()
    named = {f"plugin{number}": plugin for number, plugin in enumerate(plugins)} | {"watch": watch}
    with server_class("test", Echo, plugins=named) as server:
        client = server.connect(PEER)
        client.send(data)
        client.shutdown(1)
        server.run()
        answer = client.take()
        client.close()
        server.run()
    return answer, watch


def reported(no_drift: list[str], hook: str, kind: str) -> None:
    """The failure of a hook stands in the log, once, with the plugin's name."""
    [line] = no_drift
    assert f"plugin 'plugin0': {hook} raised {kind}" in line
    no_drift.clear()


NOT_ASKED_FOR = ("start_tls", "out_of_band", "request_rejected", "service_actions")
"""Those that a plain conversation does not come by."""


def test_hooks_of_one_request_come_in_the_order_of_the_page_with_all_their_parameters(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each is called with the server, the request and the client that the others are called with."""
    calls: list[Any] = []
    hooks = [name for name in SPECS if name not in NOT_ASKED_FOR]
    plugins = [answering(name, True if SPECS[name].rule == "vote" else None, calls=calls) for name in hooks]
    talk(*plugins, data=b"fail")
    assert [name for name, _ in calls] == hooks
    contexts = {id(arguments["context"]) for _, arguments in calls if "context" in arguments}
    servers = {id(arguments["server"]) for _, arguments in calls if "server" in arguments}
    assert (len(contexts), len(servers)) == (1, 1)
    for name, arguments in calls:
        assert list(arguments) == list(inspect.signature(getattr(hookspecs, name)).parameters)
        assert arguments.get("client_address", PEER) == PEER
    assert "LookupError: asked to" in capfd.readouterr().err


def test_hook_server_activate_runs_when_the_address_is_final_and_refuses_by_raising() -> None:
    """The constructor raises `PluginError`, those before it are told with `server_close`, nothing is left open."""
    calls: list[Any] = []
    with pytest.raises(PluginError, match=r"'second'.*server_activate raised OSError: disk full"):
        TCPServer(
            ("127.0.0.1", 0),
            Echo,
            plugins={
                "first": answering("server_activate", calls=calls),
                "second": answering("server_activate", OSError("disk full")),
            },
        )
    [(_, arguments)] = calls
    assert arguments["server"].server_address[1] > 0


@pytest.mark.parametrize(("answer", "served"), [(True, True), (None, True), (False, False), (1, False), ("yes", False)])
@pytest.mark.parametrize("hook", ["verify_request", "authorize"])
def test_hook_verify_request_and_authorize_serve_only_where_nobody_denies(
    hook: str, answer: Any, served: bool, no_drift: list[str]
) -> None:
    """`True` agrees, `None` abstains, `False` denies, and so does what is none of them, which is reported."""
    later: list[Any] = []
    data, watch = talk(answering(hook, answer), answering(hook, True, calls=later))
    assert (data == b"hello") is served
    assert watch.names == (ADMITTED if served else ["request_rejected"])
    # The first denial ends the vote.
    assert len(later) == served
    assert bool(no_drift) is (answer not in (True, None, False) or (answer == 1 and answer is not True))
    no_drift.clear()


@pytest.mark.parametrize("hook", ["verify_request", "authorize"])
def test_hook_verify_request_and_authorize_deny_with_a_reason_or_by_failing(hook: str, no_drift: list[str]) -> None:
    """`RequestRejected` tells its own reason; what else it raises denies and is reported."""
    data, watch = talk(answering(hook, RequestRejected("come back tomorrow")))
    assert (data, watch.reason, watch.context.rejected_by) == (b"", "come back tomorrow", "plugin0")
    assert no_drift == []
    data, watch = talk(answering(hook, ZeroDivisionError()))
    assert (data, watch.names, watch.context.rejected_by) == (b"", ["request_rejected"], "plugin0")
    reported(no_drift, hook, "ZeroDivisionError")


def test_hook_open_connection_may_read_write_and_say_who_the_client_is() -> None:
    """What it has read is gone for the handler, what it learned is there for `authorize`."""
    seen: list[Any] = []

    class Layer:
        phase = "peer"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            line = await connection.read_until(b"\n", 100)
            connection.client_address, connection.identity = (line.decode().strip(), 1), "anna"
            connection.write(b"welcome ")

        @hookimpl
        def authorize(self, client_address: Any, context: Any) -> None:
            seen.append((client_address, context.peer_address, context.identity))

    data, _ = talk(Layer(), data=b"198.51.100.7\nhello")
    assert data == b"welcome hello"
    assert seen == [(("198.51.100.7", 1), PEER, "anna")]


@pytest.mark.parametrize("failure", [RequestRejected("no"), ProtocolError("no header"), ZeroDivisionError("oops")])
def test_hook_open_connection_ends_the_request_by_failing(failure: Exception, no_drift: list[str]) -> None:
    """The layers behind it and `authorize` are not asked; only what is no fault of the peer is reported."""
    later: list[Any] = []
    data, watch = talk(
        answering("open_connection", failure),
        answering("open_connection", calls=later),
        answering("authorize", True, calls=later),
    )
    assert (data, watch.names, watch.context.rejected_by, later) == (b"", ["request_rejected"], "plugin0", [])
    if isinstance(failure, ZeroDivisionError):
        reported(no_drift, "open_connection", "ZeroDivisionError")
    assert no_drift == []


@pytest.mark.parametrize("answer", [False, RequestRejected("too late"), SystemExit(3)])
@pytest.mark.parametrize("hook", ["request_rejected", "process_request", "finish", "handle_error", "connection_closed"])
def test_hooks_that_observe_change_nothing_by_what_they_return_or_raise(
    hook: str, answer: Any, no_drift: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """`request_rejected`, `process_request`, `finish`, `handle_error`, `connection_closed`: the others still run."""
    data = b"fail" if hook == "handle_error" else b"hello"
    others = [answering("authorize", False)] if hook == "request_rejected" else []
    expected = talk(*others, data=data)
    answered = talk(answering(hook, answer), *others, data=data)
    assert answered[0] == expected[0]
    assert answered[1].names == expected[1].names
    if isinstance(answer, BaseException):
        reported(no_drift, hook, type(answer).__name__)
    capfd.readouterr()


def test_hook_request_rejected_is_the_only_end_of_a_request_that_was_refused() -> None:
    """A request ends with this or with `connection_closed`, and not with both, wherever it was refused."""
    for hook in ("verify_request", "open_connection", "authorize", "setup"):
        _, watch = talk(answering(hook, RequestRejected(f"by {hook}")))
        assert [name for name in watch.names if name in ("request_rejected", "connection_closed")] == [
            "request_rejected"
        ]
        assert (watch.reason, watch.context.outcome) == (f"by {hook}", "rejected")


def test_hook_process_request_comes_before_the_method_of_its_name() -> None:
    """In the thread of the loop, when the request is admitted."""
    order: list[str] = []

    class Server(MemoryTCPServer):
        def process_request(self, request: Any, client_address: Any) -> None:
            order.append("method")
            super().process_request(request, client_address)

    class Observes:
        @hookimpl
        def process_request(self) -> None:
            order.append("hook")

    talk(Observes(), server_class=Server)
    assert order == ["hook", "method"]


def test_hook_setup_refuses_before_there_is_a_handler(no_drift: list[str]) -> None:
    """The first refusal ends it; the handler is not made and `finish` is not called."""
    later: list[Any] = []
    data, watch = talk(answering("setup", LookupError("no room")), answering("setup", calls=later))
    assert (data, watch.names, later) == (b"", ["process_request", "request_rejected"], [])
    reported(no_drift, "setup", "LookupError")


def test_hook_handle_that_fails_before_its_yield_fails_the_request(capfd: pytest.CaptureFixture[str]) -> None:
    """As if the handler had: `finish` and `handle_error` are called, and the handler is not."""
    data, watch = talk(answering("handle", LookupError("no budget")))
    assert data == b""
    assert watch.names == ["process_request", "setup", "finish", "handle_error LookupError", "connection_closed"]
    assert "no budget" in capfd.readouterr().err


def test_hook_handle_that_fails_behind_its_yield_is_reported(no_drift: list[str]) -> None:
    """The handler has done its work, and its client has got the answer."""

    class Late:
        @hookimpl(wrapper=True)
        def handle(self) -> Any:
            yield
            raise LookupError("too late")

    data, watch = talk(Late())
    assert (data, watch.names) == (b"hello", ADMITTED)
    reported(no_drift, "handle", "LookupError")


def test_hook_out_of_band_is_refused_by_every_engine_that_does_not_deliver() -> None:
    """Instead of never being called; so by a listener whose policy is another."""

    class Deaf(TCPServer):
        delivers_out_of_band = False
        urgent = "event"

    for server_class in (Deaf, TCPServer, MemoryTCPServer):
        with pytest.raises(PluginError, match="does not deliver"):
            server_class(("127.0.0.1", 0), Echo, plugins=[answering("out_of_band")])


@pytest.mark.parametrize("engine", ["sync", "threading"])
def test_hook_finish_comes_once_whatever_the_end_while_the_connection_is_open(
    engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """After the handler, its failure included, and before the error is told."""
    open_then: list[bool] = []

    class Observes:
        @hookimpl
        def finish(self, request: Any) -> None:
            open_then.append(request.fileno() >= 0)

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(100) == b"fail":
                raise LookupError("asked to")

    watch = Watch()
    for data, error in ((b"hello", []), (b"fail", ["handle_error LookupError"])):
        watch.names.clear()
        with hosted(engine, Handler, plugins=[Observes(), watch]) as host:
            client = host.connect()
            client.send(data)
            assert client.rest() == b""
        assert watch.names == ["process_request", "setup", "finish", *error, "connection_closed"]
    assert open_then == [True, True]
    capfd.readouterr()


def test_hook_handle_error_comes_before_the_method_and_is_told_what_that_is_not(no_drift: list[str]) -> None:
    """`SystemExit` is told to the hook alone, and does not end the loop; an `Exception` to both, the hook first."""
    order: list[str] = []
    raised: list[BaseException] = [SystemExit(1), LookupError("asked to")]

    class Server(MemoryTCPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            order.append("method")

    class Fails(CoroutineHandler):
        async def handle(self) -> None:
            raise raised.pop(0)

    class Observes:
        @hookimpl
        def handle_error(self, exception: BaseException) -> None:
            order.append(type(exception).__name__)

    with Server("test", Fails, plugins=[Observes()]) as server:
        for _ in range(2):
            client = server.connect()
            server.run()
            client.close()
    assert order == ["SystemExit", "LookupError", "method"]
    assert "the loop raised SystemExit" in no_drift[0]
    no_drift.clear()


def test_hook_connection_closed_is_told_final_facts_when_the_socket_is_closed() -> None:
    """Totals, outcome and reason; the descriptor is gone."""
    closed: list[int] = []

    class Observes:
        @hookimpl
        def connection_closed(self, request: Any) -> None:
            closed.append(request.fileno())

    _, watch = talk(Observes())
    context = watch.context
    assert closed == [-1]
    assert (context.bytes_in, context.bytes_out, context.outcome, watch.reason) == (5, 5, "ok", "finished")


def test_hook_service_actions_is_called_each_turn_and_its_failure_ends_nothing(no_drift: list[str]) -> None:
    """The others and the method of its name still run, and so does the loop."""
    turns: list[str] = []

    class Server(MemoryTCPServer):
        def service_actions(self) -> None:
            turns.append("method")

    calls: list[Any] = []
    plugins = {"plugin0": answering("service_actions", ZeroDivisionError(), calls=calls), "b": Watch()}
    with Server("test", Echo, plugins=plugins) as server:
        for _ in range(3):
            client = server.connect()
            client.shutdown(1)
            server.run()
            client.close()
    assert len(turns) == len(calls) >= 3
    # The report of one that keeps failing is not repeated each time.
    reported(no_drift, "service_actions", "ZeroDivisionError")


def test_hook_server_close_comes_once_in_reverse_order_after_the_last_request(no_drift: list[str]) -> None:
    """One that fails is reported, and the others still give back what they took."""
    calls: list[str] = []

    def closing(name: str, failure: Exception | None = None) -> Any:
        class Closes:
            @hookimpl
            def server_close(self) -> None:
                calls.append(name)
                if failure is not None:
                    raise failure

            @hookimpl
            def connection_closed(self) -> None:
                calls.append(f"request, {name}")

        return Closes()

    server = MemoryTCPServer("test", Echo, plugins={"plugin0": closing("first"), "b": closing("second", OSError("no"))})
    client = server.connect()
    client.send(b"hello")
    client.shutdown(1)
    server.run()
    client.close()
    server.server_close()
    server.server_close()
    assert calls == ["request, first", "request, second", "second", "first"]
    assert "plugin 'b': server_close raised OSError" in no_drift[0]
    no_drift.clear()
