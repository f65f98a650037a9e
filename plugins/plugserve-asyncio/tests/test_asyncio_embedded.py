"""A server within a program that runs asyncio already: `await server.serve()`."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest

import plugserve_asyncio
from plugserve import Aborted, CoroutineHandler

PATIENCE = 20


class Slow(CoroutineHandler):
    """Answers with asyncio's help, and notes what ends it."""

    ended: list[BaseException] = []

    async def handle(self) -> None:
        try:
            while data := await self.connection.read():
                await asyncio.sleep(0.001)
                self.connection.write(data.upper())
        except BaseException as exception:
            self.ended.append(exception)
            raise


def run(engine: str, main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, on the engine's loop."""
    if engine == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    else:
        asyncio.run(main)


def server_of(engine: str, handler: type = Slow) -> Any:
    """A TCP server."""
    return getattr(plugserve_asyncio, f"{engine.capitalize()}TCPServer")(("127.0.0.1", 0), handler)


async def ask(server: Any, data: bytes) -> bytes:
    """One question, and the answer."""
    reader, writer = await asyncio.open_connection(*server.server_address)
    writer.write(data)
    answer = await reader.read(len(data))
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_server_runs_beside_what_the_program_does(engine: str) -> None:
    """On the loop that runs already, which sees the requests as tasks."""

    async def main() -> None:
        with server_of(engine) as server:
            serving = asyncio.create_task(server.serve())
            async with asyncio.timeout(PATIENCE):
                answers = await asyncio.gather(*(ask(server, b"client %d" % number) for number in range(20)))
                assert answers == [b"CLIENT %d" % number for number in range(20)]
                server.shutdown(drain=PATIENCE)
                await serving
            assert server.requests() == []

    run(engine, main())


def test_the_handlers_see_the_program_s_context(engine: str) -> None:
    """What was set when the server began."""
    variable: contextvars.ContextVar[bytes] = contextvars.ContextVar("variable")

    class Telling(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            self.connection.write(variable.get())

    async def main() -> None:
        variable.set(b"mine")
        with server_of(engine, Telling) as server:
            serving = asyncio.create_task(server.serve())
            async with asyncio.timeout(PATIENCE):
                assert await ask(server, b"tell") == b"mine"
                server.shutdown()
                await serving

    run(engine, main())


@pytest.mark.parametrize("how", ["shutdown", "cancel", "close"])
def test_what_is_left_is_aborted_when_it_ends(engine: str, how: str) -> None:
    """Nobody else would run it: at the end of `serve()`, at its cancellation, at `server_close()`."""
    Slow.ended.clear()

    async def main() -> None:
        with server_of(engine) as server:
            serving = asyncio.create_task(server.serve())
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(*server.server_address)
                writer.write(b"x")
                assert await reader.read(1) == b"X"
                if how == "shutdown":
                    server.shutdown()
                    await serving
                elif how == "cancel":
                    serving.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await serving
                else:
                    server.server_close()
                    await serving
                assert await reader.read() == b""
                writer.close()
            assert server.requests() == []

    run(engine, main())
    [error] = Slow.ended
    assert isinstance(error, Aborted)


def test_it_may_serve_again_there_or_elsewhere(engine: str) -> None:
    """On the same loop, and on another program's."""

    async def main(server: Any) -> None:
        for _ in range(2):
            serving = asyncio.create_task(server.serve())
            async with asyncio.timeout(PATIENCE):
                assert await ask(server, b"again") == b"AGAIN"
                server.shutdown()
                await serving

    with server_of(engine) as server:
        run(engine, main(server))
        run(engine, main(server))


def test_what_would_hold_up_the_loop_is_refused(engine: str) -> None:
    """`serve_forever()` and `handle_request()` there say what to do instead; closing is no problem."""

    async def main() -> None:
        with server_of(engine) as server:
            with pytest.raises(RuntimeError, match=r"await server.serve\(\) instead"):
                server.serve_forever()
            with pytest.raises(RuntimeError, match="from another thread"):
                server.handle_request()

    run(engine, main())


def test_a_server_with_a_loop_of_its_own_can_be_closed_by_an_asyncio_program(engine: str) -> None:
    """A test in an asyncio program serves in a thread and closes from within."""

    async def main() -> None:
        with server_of(engine) as server:
            serving = asyncio.create_task(asyncio.to_thread(server.serve_forever))
            async with asyncio.timeout(PATIENCE):
                assert await ask(server, b"hello") == b"HELLO"
                await asyncio.to_thread(server.shutdown, drain=PATIENCE)
                await serving

    run(engine, main())
