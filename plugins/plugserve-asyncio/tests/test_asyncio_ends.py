"""How requests and loops end: aborts, deadlines, drains, and that nothing is left."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import plugserve_asyncio
from plugserve import Aborted, CoroutineHandler, DeadlineExceeded, Limits
from plugserve.errors import HandlerIgnoredAbort
from plugserve.testing import Recorder, hosted

PATIENCE = 20


class Noting(CoroutineHandler):
    """Writes down what ends it."""

    noted: list[Any]

    async def handle(self) -> None:
        await self.connection.read()
        try:
            await self.wait()
        except BaseException as exception:
            self.noted.append(exception)
            raise

    async def wait(self) -> None:
        """To be overridden."""


def noting(**attributes: Any) -> type[Noting]:
    """A class with a list of its own."""
    return type("Noting", (Noting,), {"noted": [], **attributes})


async def _sleep(self: Noting) -> None:
    await asyncio.sleep(3600)


async def _gather(self: Noting) -> None:
    await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(3600))


async def _group(self: Noting) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(3600))
        await asyncio.sleep(3600)


async def _shield(self: Noting) -> None:
    await asyncio.shield(asyncio.get_running_loop().create_future())


async def _timeout(self: Noting) -> None:
    async with asyncio.timeout(3600):
        await asyncio.Event().wait()


async def _read(self: Noting) -> None:
    await self.connection.read()


WAITS = {"sleep": _sleep, "group": _group, "shield": _shield, "timeout": _timeout, "read": _read}


@pytest.mark.parametrize("wait", WAITS)
def test_a_deadline_ends_whatever_is_awaited(engine: str, wait: str) -> None:
    """The total deadline raises at the pending await, the connection's or asyncio's, and is told as it is elsewhere."""
    handler = noting(wait=WAITS[wait])
    recorder = Recorder()
    with hosted(engine, handler, plugins=[recorder], limits=Limits(total=0.05)) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    [error] = handler.noted
    if isinstance(error, BaseExceptionGroup):
        [error] = error.exceptions
    assert isinstance(error, DeadlineExceeded)
    assert recorder.events[-1][1]["outcome"] == "aborted"
    assert recorder.events[-1][1]["reason"] == "the request took too long"
    recorder.close()


@pytest.mark.parametrize("wait", WAITS)
def test_the_end_of_a_drain_ends_whatever_is_awaited(engine: str, wait: str) -> None:
    """So does `server_close()` without one."""
    for drain in (0.01, None):
        handler = noting(wait=WAITS[wait])
        with getattr(plugserve_asyncio, f"{engine.capitalize()}TCPServer")(("127.0.0.1", 0), handler) as server:
            loop = threading.Thread(target=server.serve_forever)
            loop.start()
            with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
                client.sendall(b"x")
                while not any(row.bytes_in for row in server.requests()):
                    pass
                server.shutdown(drain=drain)
                loop.join()
                server.server_close()
                assert client.recv(100) == b""
        [error] = handler.noted
        if isinstance(error, BaseExceptionGroup):
            [error] = error.exceptions
        assert isinstance(error, Aborted)


def test_a_drain_waits_for_what_a_handler_awaits(engine: str) -> None:
    """Within the deadline it may come to its end with asyncio's help; `goodbye` is called on the loop."""
    begun = threading.Event()

    class Finishing(CoroutineHandler):
        async def handle(self) -> None:
            self.asked = asyncio.Event()
            begun.set()
            await self.asked.wait()
            await asyncio.sleep(0.001)
            self.connection.write(b"done")

        def goodbye(self, deadline: float) -> None:
            assert asyncio.get_running_loop() is not None
            self.asked.set()

    with getattr(plugserve_asyncio, f"{engine.capitalize()}TCPServer")(("127.0.0.1", 0), Finishing) as server:
        loop = threading.Thread(target=server.serve_forever)
        loop.start()
        with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
            assert begun.wait(PATIENCE)
            server.shutdown(drain=PATIENCE)
            assert client.recv(100) == b"done"
        loop.join()


def test_an_aborted_handler_may_clean_up_with_asyncio(engine: str) -> None:
    """`finally` may await; only the connection's own calls go on raising."""
    cleaned = []

    class Clean(CoroutineHandler):
        async def handle(self) -> None:
            try:
                await self.connection.read()
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.001)
                cleaned.append(asyncio.current_task())

    with hosted(engine, Clean, limits=Limits(total=0.02)) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    assert len(cleaned) == 1


def test_a_handler_that_ignores_the_abort_ends_all_the_same(
    engine: str, no_drift: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It has `close_timeout` to clean up, then it gets what no `except Exception` catches."""
    noted: list[BaseException] = []

    class Deaf(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            try:
                while True:
                    try:
                        await asyncio.sleep(0.01)
                    except Exception as exception:
                        noted.append(exception)
            except BaseException as exception:
                noted.append(exception)
                raise

    with hosted(engine, Deaf, limits=Limits(total=0.02, close_timeout=0.1)) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    assert [type(exception) for exception in noted] == [DeadlineExceeded, HandlerIgnoredAbort]
    no_drift.clear()


def test_the_idle_limit_counts_for_the_peer_alone(engine: str) -> None:
    """A handler that awaits asyncio is not idle; one that waits for its client is."""
    order: list[object] = []

    class Patient(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            await asyncio.sleep(0.2)
            order.append("slept")
            try:
                await self.connection.read()
            except DeadlineExceeded as error:
                order.append(str(error))
                raise

    with hosted(engine, Patient, limits=Limits(idle=0.05)) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    assert order == ["slept", "the peer was idle for too long"]


def test_an_abort_from_another_thread_reaches_a_handler_that_awaits_asyncio(engine: str) -> None:
    """With the very exception that it was given."""
    handler = noting(wait=_sleep)
    reason = Aborted("by hand")
    with hosted(engine, handler) as host:
        client = host.connect()
        client.send(b"x")
        while not any(row.bytes_in for row in host.server.requests()):
            pass
        for c in list(host.server._core_requests.values()):
            c.abort(reason)
        assert client.rest() == b""
    assert handler.noted == [reason]


def test_what_handlers_leave_on_the_loop_ends_with_the_server(engine: str) -> None:
    """Tasks are cancelled, asynchronous generators closed, the loop, too."""
    ended: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []
    kept: list[Any] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append("task")

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            ended.append("generator")

    class Leaving(CoroutineHandler):
        async def handle(self) -> None:
            loops.append(asyncio.get_running_loop())
            kept.append(asyncio.create_task(forever()))
            generator = numbers()
            kept.append(generator)
            await anext(generator)
            await asyncio.to_thread(len, b"")
            self.connection.write(b"x")

    with hosted(engine, Leaving) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b"x"
        assert ended == []
    assert ended == ["task", "generator"]
    assert loops[0].is_closed()
    assert kept[0].cancelled()


def test_a_task_that_does_not_end_is_reported_and_closing_goes_on(engine: str, no_drift: list[str]) -> None:
    """It has as long as a closing connection."""
    kept: list[Any] = []

    quiet: list[bool] = []

    async def deaf() -> None:
        while not quiet:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    class Leaving(CoroutineHandler):
        async def handle(self) -> None:
            kept.append(asyncio.create_task(deaf()))
            await self.connection.read()

    with hosted(engine, Leaving, limits=Limits(close_timeout=0.05)) as host:
        client = host.connect()
        client.send(b"x")
        client.rest()
    assert len(no_drift) == 1
    assert "did not end within 0.05 s of being cancelled" in no_drift[0]
    no_drift.clear()
    quiet.append(True)
    kept[0]._log_destroy_pending = False
    kept[0].get_coro().close()


def test_an_exception_of_a_task_of_a_handler_ends_nothing(
    engine: str, no_drift: list[str], asyncio_is_content: list[str]
) -> None:
    """Not even SystemExit, which asyncio lets out of its loop: the server goes on."""

    async def leave() -> None:
        raise SystemExit("by design")

    class Leaving(CoroutineHandler):
        async def handle(self) -> None:
            if await self.connection.read() == b"leave":
                task = asyncio.create_task(leave())
                await asyncio.wait([task])
                self.connection.write(repr(task.exception()).encode())
            else:
                self.connection.write(b"still here")

    with hosted(engine, Leaving) as host:
        for data, answer in ((b"leave", b"SystemExit('by design')"), (b"x", b"still here")):
            client = host.connect()
            client.send(data)
            assert client.rest() == answer
    no_drift.clear()
    asyncio_is_content.clear()


def test_ctrl_c_in_the_main_thread_ends_serve_forever(engine: str) -> None:
    """Wherever the loop is at that moment, and everything is given back."""

    class Waiting(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            begun.set()
            await asyncio.sleep(3600)

    begun = threading.Event()
    with (
        getattr(plugserve_asyncio, f"{engine.capitalize()}TCPServer")(("127.0.0.1", 0), Waiting) as server,
        socket.create_connection(server.server_address, timeout=PATIENCE) as client,
    ):
        client.sendall(b"x")

        def interrupt() -> None:
            begun.wait(PATIENCE)
            signal.raise_signal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else (
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            )

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            server.serve_forever()
        thread.join()


def test_serve_forever_may_run_again_on_the_same_loop(engine: str) -> None:
    """What handlers left on it goes on where it was."""
    loops = set()

    class Telling(CoroutineHandler):
        async def handle(self) -> None:
            loops.add(asyncio.get_running_loop())
            await self.connection.read()
            self.connection.write(b"x")

    with getattr(plugserve_asyncio, f"{engine.capitalize()}TCPServer")(("127.0.0.1", 0), Telling) as server:
        for _ in range(3):
            loop = threading.Thread(target=server.serve_forever)
            loop.start()
            with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
            server.shutdown(drain=PATIENCE)
            loop.join()
    assert len(loops) == 1


def test_a_server_closed_by_another_thread_gives_back_its_loop(engine: str) -> None:
    """While it still serves: the loop ends, then it is closed."""
    loops = []

    class Waiting(CoroutineHandler):
        async def handle(self) -> None:
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(3600)

    server = getattr(plugserve_asyncio, f"{engine.capitalize()}TCPServer")(("127.0.0.1", 0), Waiting)
    loop = threading.Thread(target=server.serve_forever)
    loop.start()
    with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
        while not loops:
            pass
        server.server_close()
        loop.join()
        assert client.recv(1) == b""
    assert loops[0].is_closed()
