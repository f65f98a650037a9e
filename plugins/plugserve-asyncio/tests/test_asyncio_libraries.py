"""What a coroutine handler on an asyncio loop may await besides its connection: everything that asyncio gives."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plugserve import Connection, CoroutineHandler, ProtocolHandler, StreamRequestHandler, hookimpl
from plugserve.testing import hosted

Conversation = Callable[[Connection], Awaitable[object]]


def coroutine(body: Conversation) -> type[CoroutineHandler]:
    """A handler that runs `body` and answers with what it returns."""

    class Handler(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            self.connection.write(repr(await body(self.connection)).encode())

    return Handler


def answer(engine: str, body: Conversation, *sent: bytes, **arguments: Any) -> str:
    """What one client gets back."""
    with hosted(engine, coroutine(body), **arguments) as host:
        client = host.connect()
        for data in sent:
            client.send(data)
        return client.rest().decode()


def test_sleeping_is_asyncios_own(engine: str) -> None:
    """With and without a time, again and again."""

    async def body(connection: Connection) -> object:
        for delay in (0, 0.001, 0, 0.001):
            await asyncio.sleep(delay)
        return await asyncio.sleep(0.001, "slept")

    assert answer(engine, body) == "'slept'"


def test_reading_and_asyncio_take_turns(engine: str) -> None:
    """A life that waits now for its peer, now for asyncio, loses nothing of either."""

    async def body(connection: Connection) -> object:
        got = []
        for _ in range(20):
            got.append(await connection.read_exactly(2))
            await asyncio.sleep(0)
            connection.write(b"-")
        return b"".join(got)

    sent = bytes(range(65, 105))
    assert answer(engine, body, *[sent[i : i + 1] for i in range(40)]) == "-" * 20 + repr(sent)


def test_there_is_a_real_task_around_each_request(engine: str) -> None:
    """`current_task()` is the same one from the first line to the last, whatever was awaited, and others see it."""

    async def body(connection: Connection) -> object:
        task = asyncio.current_task()
        assert isinstance(task, asyncio.Task)
        seen = [task in asyncio.all_tasks(), not task.done(), "request" in task.get_name()]
        await connection.read()
        seen.append(asyncio.current_task() is task)
        await asyncio.sleep(0)
        seen.append(asyncio.current_task() is task)
        await connection.offload(len, b"")
        seen.append(asyncio.current_task() is task)
        return seen

    assert answer(engine, body, b"x") == repr([True] * 6)


def test_a_timeout_ends_a_wait_for_the_peer_and_for_asyncio(engine: str) -> None:
    """`asyncio.timeout` cancels what is awaited, the connection's own calls too, and the connection goes on."""

    async def body(connection: Connection) -> object:
        got: list[object] = []
        waits: list[Callable[[], Awaitable[object]]] = [
            connection.read,
            lambda: connection.sleep(3600),
            lambda: asyncio.sleep(3600),
            asyncio.Event().wait,
        ]
        for wait in waits:
            for delay in (0, 0.001):
                try:
                    async with asyncio.timeout(delay):
                        await wait()
                except TimeoutError:
                    got.append("late")
        connection.write(b"ready ")
        got.append(await connection.read())
        return got

    with hosted(engine, coroutine(body)) as host:
        client = host.connect()
        assert client.take(6) == b"ready "
        client.send(b"still there")
        assert client.rest().decode() == repr(["late"] * 8 + [b"still there"])


def test_a_call_beside_is_waited_for_before_a_timeout_counts(engine: str) -> None:
    """Its thread cannot be taken away from it; the next call beside gets its own result."""
    going = threading.Event()

    async def body(connection: Connection) -> object:
        asyncio.get_running_loop().call_later(0.01, going.set)
        try:
            async with asyncio.timeout(0.001):
                await connection.offload(going.wait, 20)
        except TimeoutError:
            return going.is_set(), await connection.offload(len, b"abc")
        return "not cancelled"

    assert answer(engine, body) == "(True, 3)"


def test_locks_and_queues_join_requests(engine: str) -> None:
    """What one handler puts another gets."""
    shared: dict[str, asyncio.Queue[bytes]] = {}

    class Post(CoroutineHandler):
        async def handle(self) -> None:
            queue = shared.setdefault("queue", asyncio.Queue(1))
            data = await self.connection.read()
            if data == b"get":
                for _ in range(5):
                    self.connection.write(await queue.get())
            else:
                for byte in data:
                    await queue.put(bytes([byte]))

    with hosted(engine, Post) as host:
        getter, putter = host.connect(), host.connect()
        getter.send(b"get")
        putter.send(b"hello")
        assert getter.rest() == b"hello"


def test_a_future_that_two_requests_await_wakes_both(engine: str) -> None:
    """A future belongs to nobody."""
    shared: list[asyncio.Future[bytes]] = []

    class Both(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            if not shared:
                shared.append(asyncio.get_running_loop().create_future())
            else:
                asyncio.get_running_loop().call_soon(shared[0].set_result, b"both")
            self.connection.write(await shared[0])

    with hosted(engine, Both) as host:
        clients = [host.connect(), host.connect()]
        for client in clients:
            client.send(b"x")
        assert [client.rest() for client in clients] == [b"both", b"both"]


def test_tasks_of_a_handler_run_beside_it(engine: str) -> None:
    """`create_task`, `gather` and `TaskGroup`, with the connection used from within one of them."""

    async def body(connection: Connection) -> object:
        async def work(number: int) -> int:
            await asyncio.sleep(0.001 * number)
            return number * 2

        got: list[object] = [await asyncio.create_task(work(1)), await asyncio.gather(work(3), work(2))]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(number)) for number in (4, 5)]
        return got + [task.result() for task in tasks]

    assert answer(engine, body) == "[2, [6, 4], 8, 10]"


def test_a_failing_task_of_a_group_cancels_the_read_of_its_handler(engine: str) -> None:
    """As the group promises: the body is cancelled, and the error comes out of the group."""

    async def body(connection: Connection) -> object:
        async def fail() -> None:
            await asyncio.sleep(0)
            raise LookupError("lost")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await connection.read()
        except ExceptionGroup as errors:
            return errors.exceptions
        return None

    assert answer(engine, body) == "(LookupError('lost'),)"


def test_a_handler_may_be_a_client_with_streams(engine: str) -> None:
    """A gateway: what comes in is asked of another server through asyncio's own streams."""
    with hosted(engine, coroutine(lambda connection: connection.read())) as behind:
        host_address = behind.server.server_address

        async def body(connection: Connection) -> object:
            reader, writer = await asyncio.open_connection(*host_address)
            writer.write(await connection.read())
            data = await reader.read()
            writer.close()
            await writer.wait_closed()
            return data

        assert answer(engine, body, b"question") == repr(repr(b"question").encode())


def test_threads_and_names_are_asyncios_own(engine: str) -> None:
    """`to_thread` and `getaddrinfo` work; the threads end with the server."""

    async def body(connection: Connection) -> object:
        there = await asyncio.to_thread(threading.get_ident)
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 7, type=socket.SOCK_STREAM)
        return there != threading.get_ident(), found[0][4]

    assert answer(engine, body) == "(True, ('127.0.0.1', 7))"


def test_context_variables_belong_to_one_request(engine: str) -> None:
    """What a handler sets is seen after every await, and by no other request."""
    variable: contextvars.ContextVar[bytes] = contextvars.ContextVar("variable", default=b"nobody")

    class Who(CoroutineHandler):
        async def handle(self) -> None:
            self.connection.write(variable.get())
            variable.set(await self.connection.read())
            await asyncio.sleep(0)
            self.connection.write(variable.get())
            await self.connection.read()
            self.connection.write(variable.get())

    with hosted(engine, Who) as host:
        clients = [host.connect(), host.connect()]
        for number, client in enumerate(clients):
            assert client.take(6) == b"nobody"
            client.send(b"%d" % number)
            assert client.take(1) == b"%d" % number
        for number, client in enumerate(clients):
            client.send(b"x")
            assert client.rest() == b"%d" % number


def test_a_handler_can_cancel_itself(engine: str) -> None:
    """From its first line on: the next await raises, and what it then does is up to it."""

    async def body(connection: Connection) -> object:
        task = asyncio.current_task()
        assert task is not None
        got = []
        for wait in (connection.read, lambda: asyncio.sleep(3600)):
            task.cancel()
            try:
                await wait()
            except asyncio.CancelledError:
                got.append(task.uncancel())
        return got

    assert answer(engine, body) == "[0, 0]"


def test_what_is_of_no_loop_is_refused(engine: str) -> None:
    """A future of another loop, and what no library of asyncio gives, would never come: the handler is told at once."""

    class Odd:
        def __await__(self) -> Any:
            yield "something"

    async def body(connection: Connection) -> object:
        other = asyncio.SelectorEventLoop()
        errors = []
        for awaitable in (other.create_future(), Odd()):
            try:
                await awaitable  # type: ignore[misc]
            except Exception as error:
                errors.append(str(error).partition(":")[0])
        other.close()
        return errors

    assert answer(engine, body) == repr(
        [
            "awaited something that belongs to another event loop",
            "awaited something that neither the connection nor asyncio gave",
        ]
    )


def test_protocol_handlers_see_the_loop(engine: str) -> None:
    """Every method of theirs runs while the loop runs, so they may schedule things on it."""

    class Later(ProtocolHandler):
        def opened(self) -> None:
            asyncio.get_running_loop()

        def receive(self, data: bytes) -> None:
            asyncio.get_running_loop().call_later(0.001, self._answer, data)

        def _answer(self, data: bytes) -> None:
            self.send(data.upper())
            self.connection.close()

        def closed(self) -> None:
            asyncio.get_running_loop()

    with hosted(engine, Later) as host:
        client = host.connect()
        client.send(b"later")
        assert client.rest() == b"LATER"


def test_layers_and_authorize_may_await_asyncio_whatever_the_style(engine: str) -> None:
    """The hooks run on the loop, also where the handler then runs in a thread, in which there is none."""
    noted: list[str] = []

    class Slow:
        phase = "peer"

        @hookimpl
        async def open_connection(self, connection: Connection) -> None:
            async with asyncio.timeout(20):
                await connection.read_exactly(1)
            await asyncio.sleep(0.001)
            noted.append("layer")

        @hookimpl
        async def authorize(self) -> bool:
            await asyncio.sleep(0.001)
            noted.append("authorize")
            return True

    class Classic(StreamRequestHandler):
        def handle(self) -> None:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            self.wfile.write(self.rfile.read())

    class Shout(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            return data

    for handler in (Classic, Shout, coroutine(lambda connection: connection.read())):
        with hosted(engine, handler, plugins=[Slow()]) as host:
            client = host.connect()
            client.send(b"-hello")
            client.end()
            assert b"hello" in client.rest()
        assert noted == ["layer", "authorize"]
        noted.clear()


def test_datagrams_may_be_answered_with_asyncio(engine: str) -> None:
    """Each datagram is handled in a task of its own."""

    class Slow(CoroutineHandler):
        async def handle(self) -> None:
            data = await self.connection.read()
            await asyncio.sleep(0.001)
            self.connection.write(data.upper())

    with hosted(engine, Slow, datagrams=True) as host:
        assert [host.ask(data) for data in (b"one", b"two")] == [b"ONE", b"TWO"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program to run")
def test_subprocesses_run_where_the_loop_is_the_main_threads(engine: str) -> None:
    """asyncio's rule, which is ours, too: the server is served by the main thread."""

    class Run(CoroutineHandler):
        async def handle(self) -> None:
            text = (await self.connection.read()).decode()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", f"print({text!r}.upper())", stdout=asyncio.subprocess.PIPE
            )
            out, _ = await process.communicate()
            self.connection.write(out)

    from plugserve.testing.hosting import STREAM_ENGINES

    with STREAM_ENGINES[engine](("127.0.0.1", 0), Run) as server:
        got: list[bytes] = []

        def talk() -> None:
            try:
                with socket.create_connection(server.server_address, timeout=20) as client:
                    client.sendall(b"hello")
                    got.append(client.recv(100))
            finally:
                server.shutdown(drain=20)

        thread = threading.Thread(target=talk)
        thread.start()
        server.serve_forever()
        thread.join()
    assert got == [b"HELLO\n"]
