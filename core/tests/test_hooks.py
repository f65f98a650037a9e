"""Hooks: each is called as its specification says, and what could silently not be called is refused at start."""

from __future__ import annotations

import inspect
import types
from typing import Any

import pytest

from plugserve import (
    ConfigurationError,
    CoroutineHandler,
    ForkingTCPServer,
    PluginError,
    RequestRejected,
    TCPServer,
    hookimpl,
    hookspecs,
)
from plugserve.hookspecs import PARAMETERS, SPECS
from plugserve.testing import MemoryTCPServer, MemoryUDPServer, ToyCipher


class Echo(CoroutineHandler):
    async def handle(self) -> None:
        data = await self.connection.read()
        if data == b"fail":
            raise LookupError("asked to")
        self.connection.write(data)


def serve_one(plugins: Any, data: bytes = b"hallo", handler: Any = Echo) -> bytes:
    """One conversation with a server of memory that has these plugins."""
    with MemoryTCPServer("test", handler, plugins=plugins) as server:
        client = server.connect()
        client.send(data)
        client.shutdown(1)
        server.run()
        answer = client.take()
        client.close()
    return answer


def told(hook: str, data: bytes = b"hallo", *others: Any) -> dict[str, Any]:
    """The arguments with which an implementation of a hook that takes all of them was called."""
    calls: list[dict[str, Any]] = []
    parameters = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    kept = ", ".join(f"{name}={name}" for name in parameters)
    body = f"def {hook}(self, {', '.join(parameters)}):\n    calls.append(dict({kept}))"
    if hook == "handle":
        body += "\n    yield"
    if hook == "open_connection":
        body = "async " + body
    space: dict[str, Any] = {"calls": calls}
    exec(body, space)
    mark = hookimpl(wrapper=True) if hook == "handle" else hookimpl
    plugin = type("Takes", (), {hook: mark(space[hook]), "phase": "peer"})()
    serve_one([*others, plugin], data)
    assert calls, f"{hook} was not called"
    return calls[0]


def test_hook_server_activate() -> None:
    """Called once, before the first request; a failure refuses to start."""
    assert told("server_activate")["server"].server_address == "test"

    class Fails:
        @hookimpl
        def server_activate(self) -> None:
            raise OSError("no such file")

    with pytest.raises(PluginError, match="plugin 'fails': server_activate raised OSError: no such file"):
        MemoryTCPServer("test", Echo, plugins=[Fails()])


def test_hook_verify_request() -> None:
    """Called with the request as it was accepted; False denies."""
    arguments = told("verify_request")
    assert arguments["client_address"] == ("192.0.2.1", 40000)
    assert arguments["context"].id > 0

    class Denies:
        @hookimpl
        def verify_request(self, client_address: Any) -> bool:
            return bool(client_address[0] != "192.0.2.1")

    assert serve_one([Denies()]) == b""


def test_hook_open_connection() -> None:
    """Called with the connection, which it may read from."""
    assert told("open_connection")["connection"].client_address == ("192.0.2.1", 40000)


def test_hook_authorize() -> None:
    """Called when the layers are through; it may be awaited, and False denies."""

    class Denies:
        @hookimpl
        async def authorize(self, context: Any) -> bool:
            return context.identity is not None

    assert told("authorize")["context"].identity is None
    assert serve_one([Denies()]) == b""


def test_hook_request_rejected() -> None:
    """Called with the reason, and with who rejected it."""

    class Denies:
        @hookimpl
        def verify_request(self) -> None:
            raise RequestRejected("not on Sundays")

    arguments = told("request_rejected", b"hallo", Denies())
    assert arguments["reason"] == "not on Sundays"
    assert arguments["context"].rejected_by == "denies"
    assert arguments["context"].outcome == "rejected"


def test_hook_process_request() -> None:
    """Called for an admitted request before it moves."""
    assert told("process_request")["client_address"] == ("192.0.2.1", 40000)


def test_hook_setup() -> None:
    """Called before the handler is made; RequestRejected refuses."""
    assert told("setup")["context"].handler_name == "Echo"

    class Refuses:
        @hookimpl
        def setup(self) -> None:
            raise RequestRejected("no more room")

    assert serve_one([Refuses()]) == b""
    assert told("request_rejected", b"hallo", Refuses())["reason"] == "no more room"


def test_hook_setup_that_only_watches_cannot_refuse_by_failing(no_drift: list[str]) -> None:
    """A plugin that says watches_only is reported when it fails, and the request goes on."""

    class Watches:
        watches_only = True

        @hookimpl
        def setup(self) -> None:
            raise LookupError("broken")

    assert serve_one([Watches()]) == b"hallo"
    assert "plugin 'watches': setup raised LookupError" in no_drift[0]
    no_drift.clear()


def test_hook_handle() -> None:
    """A wrapper brackets the handler, the first configured one outermost, and sees its exception."""
    order: list[str] = []

    def wrapper(name: str) -> Any:
        class Wraps:
            @hookimpl(wrapper=True)
            def handle(self) -> Any:
                order.append(f"{name} in")
                try:
                    yield
                finally:
                    order.append(f"{name} out")

        return Wraps()

    serve_one({"outer": wrapper("outer"), "inner": wrapper("inner")})
    assert order == ["outer in", "inner in", "inner out", "outer out"]
    assert told("handle")["context"].outcome != "open"


def test_hook_handle_cannot_swallow_the_handlers_exception(capfd: pytest.CaptureFixture[str]) -> None:
    """What the handler raised is raised again behind a wrapper that tries to keep it."""
    seen: list[Any] = []

    class Swallows:
        @hookimpl(wrapper=True)
        def handle(self) -> Any:
            try:
                yield
            except LookupError as error:
                seen.append(error)

        @hookimpl
        def handle_error(self, exception: BaseException) -> None:
            seen.append(exception)

    serve_one([Swallows()], b"fail")
    assert len(seen) == 2
    assert seen[0] is seen[1]
    assert "LookupError: asked to" in capfd.readouterr().err


def test_hook_start_tls() -> None:
    """Called when a handler asks for it, with the connection of its request."""
    seen: list[Any] = []

    class Offers:
        @hookimpl
        async def start_tls(self, connection: Any, context: Any) -> None:
            seen.append((connection.context is context, context.client_address))
            connection.push(ToyCipher(7))

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.start_tls()
            self.connection.write(b"secret")

    with MemoryTCPServer("test", Asks, plugins=[Offers()]) as server:
        client = server.connect()
        server.run()
        assert ToyCipher(7).feed(client.take()) == b"secret"
    assert seen == [(True, ("192.0.2.1", 40000))]


def test_hook_out_of_band() -> None:
    """A plugin that waits for urgent data is refused where none is delivered, instead of never being called."""

    class Urgent:
        @hookimpl
        def out_of_band(self, context: Any) -> None:
            """Never reached."""

    with pytest.raises(PluginError, match=r"'urgent' implements out_of_band, and this listener does not deliver"):
        TCPServer(("127.0.0.1", 0), Echo, plugins=[Urgent()])


def test_hook_finish() -> None:
    """Called after the handler, while the connection is still open."""
    assert told("finish")["client_address"] == ("192.0.2.1", 40000)


def test_hook_handle_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Called with the exception itself."""
    assert isinstance(told("handle_error", b"fail")["exception"], LookupError)
    capfd.readouterr()


def test_hook_connection_closed() -> None:
    """Called last, with the totals."""
    arguments = told("connection_closed")
    context = arguments["context"]
    assert (context.outcome, context.bytes_in, context.bytes_out) == ("ok", 5, 5)
    assert arguments["reason"] == "finished"


def test_hook_service_actions() -> None:
    """Called on each turn of the loop."""
    assert told("service_actions")["server"].server_address == "test"


def test_hook_server_close() -> None:
    """Called once, in reverse order, when the server is closed."""
    order: list[str] = []

    def closing(name: str) -> Any:
        class Closes:
            @hookimpl
            def server_close(self) -> None:
                order.append(name)

        return Closes()

    server = MemoryTCPServer("test", Echo, plugins={"first": closing("first"), "second": closing("second")})
    server.server_close()
    server.server_close()
    assert order == ["second", "first"]
    told_once = told("server_close")
    assert list(told_once) == ["server"]


def test_every_hook_has_a_test_of_its_name() -> None:
    """This file covers what hookspecs.py declares."""
    missing = [hook for hook in SPECS if f"test_hook_{hook}" not in globals()]
    assert not missing


def test_every_hook_takes_arguments_of_the_one_table() -> None:
    """A name means the same thing in every hook."""
    for hook in SPECS:
        assert set(inspect.signature(getattr(hookspecs, hook)).parameters) <= set(PARAMETERS)


def test_observers_are_told_even_if_one_before_them_fails(no_drift: list[str]) -> None:
    """An audit log must not be silenced by a broken neighbour."""
    seen: list[str] = []

    class Broken:
        @hookimpl
        def connection_closed(self) -> None:
            raise SystemExit

    class Audit:
        @hookimpl
        def connection_closed(self, reason: str) -> None:
            seen.append(reason)

    assert serve_one([Broken(), Audit()]) == b"hallo"
    assert seen == ["finished"]
    assert "plugin 'broken': connection_closed raised SystemExit" in no_drift[0]
    no_drift.clear()


def test_a_fault_that_repeats_is_reported_once_with_the_number_of_times(no_drift: list[str]) -> None:
    """A plugin that always fails cannot fill the disk."""

    class Broken:
        @hookimpl
        def finish(self) -> None:
            raise LookupError

    with MemoryTCPServer("test", Echo, plugins=[Broken()]) as server:
        for _ in range(50):
            client = server.connect()
            client.shutdown(1)
            server.run()
            client.close()
    assert len(no_drift) == 1
    no_drift.clear()


class Plain:
    def watch(self) -> None:
        """No hook at all."""


class Misspelt:
    @hookimpl
    def verify_requst(self) -> bool:
        return False


class Unmarked:
    def authorize(self) -> bool:
        return False

    @hookimpl
    def finish(self) -> None:
        """Marked, unlike the one above."""


class WrongArgument:
    @hookimpl
    def verify_request(self, ip: str) -> bool:
        return False


class WrapsVote:
    @hookimpl(wrapper=True)
    def verify_request(self) -> Any:
        yield
        return True


class BareHandle:
    @hookimpl
    def handle(self) -> None:
        """Not a generator."""


class TriesFirst:
    @hookimpl(tryfirst=True)
    def verify_request(self) -> bool:
        return True


class AwaitsVote:
    @hookimpl
    async def verify_request(self) -> bool:
        return True


class PlainLayer:
    phase = "peer"

    @hookimpl
    def open_connection(self) -> None:
        """Does not await."""


class NoPhase:
    @hookimpl
    async def open_connection(self) -> None:
        """Says no phase."""


class Fine:
    @hookimpl
    def finish(self) -> None:
        """All is well."""


REFUSED = [
    ([Plain()], "'plain' .* implements no hook: mark at least one method"),
    ([Misspelt()], "there is no hook 'verify_requst': did you mean 'verify_request'"),
    ([Unmarked()], "authorize has the name of a hook and would never be called: mark it"),
    ([WrongArgument()], "'wrongargument' .*ip"),
    ([WrapsVote()], "verify_request is a wrapper: only handle takes wrappers"),
    ([BareHandle()], r"handle must be a generator marked @hookimpl\(wrapper=True\)"),
    ([TriesFirst()], "tryfirst or trylast: order is the order of the configuration"),
    ([AwaitsVote()], "is a coroutine function: this hook is called, not awaited"),
    ([PlainLayer()], "must be an async def: a layer waits for its peer"),
    ([NoPhase()], "is a layer and its phase is None: set phase to one of"),
    ([Fine], r"is the class Fine: give an instance, Fine\(\)"),
    ([Fine(), Fine()], "two plugins are named 'fine'"),
]


@pytest.mark.parametrize(("plugins", "message"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_could_silently_not_be_called_is_refused_at_start(plugins: Any, message: str) -> None:
    """Each with a message that names the plugin and the remedy; the server never comes to be."""
    with pytest.raises(PluginError, match=message):
        MemoryTCPServer("test", Echo, plugins=plugins)


def test_a_plugin_given_twice_is_refused() -> None:
    """Its hooks would be called twice for one request."""
    plugin = Fine()
    with pytest.raises(PluginError, match="given twice"):
        MemoryTCPServer("test", Echo, plugins={"a": plugin, "b": plugin})


def test_a_module_can_be_a_plugin() -> None:
    """Functions marked with hookimpl are its hooks."""
    module = types.ModuleType("my_plugin")
    seen: list[str] = []

    @hookimpl
    def finish(context: Any) -> None:
        seen.append(context.handler_name)

    module.finish = finish  # type: ignore[attr-defined]
    serve_one([module])
    assert seen == ["Echo"]


def layer(phase_: str) -> Any:
    """A layer of a phase that does nothing."""

    class Layer:
        phase = phase_

        @hookimpl
        async def open_connection(self) -> None:
            """Does nothing but stand in a place."""

    return Layer()


@pytest.mark.parametrize("order", [["peer", "encryption"], ["encryption", "peer"], ["encryption", "authentication"]])
def test_safe_orders_of_layers_start(order: list[str]) -> None:
    """A PROXY header may stand on either side of encryption; authentication comes last."""
    assert serve_one({f"{index}": layer(phase) for index, phase in enumerate(order)}) == b"hallo"


@pytest.mark.parametrize("order", [["authentication", "encryption"], ["authentication", "peer"]])
def test_unsafe_orders_of_layers_are_refused_with_the_reason(order: list[str]) -> None:
    """What is proved in the clear, or for another peer, is not proved."""
    with pytest.raises(PluginError, match=r"comes after '0' \(authentication\): what '0' proves would be proved"):
        MemoryTCPServer("test", Echo, plugins={f"{index}": layer(phase) for index, phase in enumerate(order)})


def test_a_layer_on_a_datagram_server_is_refused() -> None:
    """There is no stream to read from."""
    with pytest.raises(PluginError, match="layers need a stream"):
        MemoryUDPServer("test", Echo, plugins=[layer("peer")])


def test_a_plugin_that_needs_shared_memory_is_refused_on_forking() -> None:
    """A child's changes never reach the parent; the message says so."""

    class Shares(Fine):
        needs_shared_memory = True

    with pytest.raises(PluginError, match="handles each in a child of its own"):
        ForkingTCPServer(("127.0.0.1", 0), Echo, plugins=[Shares()])


def test_the_trace_switch_prints_each_call_and_its_result(capfd: pytest.CaptureFixture[str]) -> None:
    """One line a call: request, hook, plugin, result."""

    class Server(MemoryTCPServer):
        trace_hooks = True

    class Night:
        @hookimpl
        def verify_request(self) -> bool:
            return False

    with Server("test", Echo, plugins=[Night()]) as server:
        client = server.connect()
        server.run()
        client.close()
    assert "verify_request (night) -> False" in capfd.readouterr().err


def test_options_of_the_wrong_kind_are_refused() -> None:
    """A handler's options are an instance of its Options; a handler without takes none."""
    with pytest.raises(ConfigurationError, match="Echo takes no options"):
        MemoryTCPServer("test", Echo, options={"a": 1})
