"""Cells of the matrix "no plugin can kill the server": run by test_no_plugin_kills.py.

Arguments: the hook that fails, and the engine. Forks a process for each exception, one after the other, and prints its
name and `served` if in that process the next client was served and the server ended when it was told to, and by nothing
else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import traceback
from typing import Any

from plugserve import CoroutineHandler, PluginError, hookimpl
from plugserve.testing.hosting import STREAM_ENGINES


class ReprRaises(Exception):
    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __str__(self) -> str:
        raise ValueError("no text")


EXCEPTIONS: dict[str, Any] = {
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "CancelledError": asyncio.CancelledError(),
    "GeneratorExit": GeneratorExit(),
    "RecursionError": RecursionError("too deep"),
    "MemoryError": MemoryError(),
    "Exception": Exception("plain"),
    "ReprRaises": ReprRaises(),
}


class Echo(CoroutineHandler):
    async def handle(self) -> None:
        data = await self.connection.read()
        if data == b"fail":
            raise LookupError("asked to")
        if data == b"encrypt":
            await self.connection.start_tls()
        self.connection.write(data)


def failing_plugin(hook: str, exception: BaseException) -> Any:
    """A plugin whose implementation of one hook raises for the first request, or at its first call."""
    done: list[bool] = []

    def for_request(self: Any, context: Any) -> None:
        if context.id == 1:
            raise exception

    async def for_layer(self: Any, connection: Any) -> None:
        if connection.id == 1:
            raise exception

    def for_wrapper(self: Any, context: Any) -> Any:
        if context.id == 1:
            raise exception
        yield

    def for_server(self: Any, server: Any) -> None:
        if not done:
            done.append(True)
            raise exception

    if hook == "handle":
        method: Any = hookimpl(wrapper=True)(for_wrapper)
    elif hook in ("open_connection", "start_tls"):
        method = hookimpl(for_layer)
    elif hook in ("server_activate", "service_actions", "server_close"):
        method = hookimpl(for_server)
    else:
        method = hookimpl(for_request)
    method.__name__ = hook
    return type("Failing", (), {hook: method, "phase": "peer"})()


class Denies:
    """Turns the first client away, for the hook that is told of it."""

    @hookimpl
    def verify_request(self, context: Any) -> bool:
        return bool(context.id != 1)


def cell(hook: str, name: str, engine: str) -> bool:
    """Whether the server survives this exception in this hook on this engine."""
    # As the command line does: with Python's own handler a KeyboardInterrupt would be the user's Ctrl-C.
    signal.signal(signal.SIGINT, lambda *_: None)
    plugins = [failing_plugin(hook, EXCEPTIONS[name])]
    if hook == "request_rejected":
        plugins.insert(0, Denies())
    first = {"handle_error": b"fail", "start_tls": b"encrypt"}.get(hook, b"first")
    try:
        server = STREAM_ENGINES[engine](("127.0.0.1", 0), Echo, plugins=plugins)
    except PluginError:
        assert hook == "server_activate"
        server = STREAM_ENGINES[engine](("127.0.0.1", 0), Echo, plugins=plugins)
    answers: list[bytes] = []
    if engine == "memory":
        for data in (first, b"second"):
            client = server.connect()
            client.send(data)
            client.shutdown(socket.SHUT_WR)
            server.run()
            answers.append(client.take() if not client.was_reset else b"")
    else:

        def clients() -> None:
            for data in (first, b"second"):
                with socket.create_connection(server.server_address, timeout=20) as client:
                    try:
                        client.sendall(data)
                        client.shutdown(socket.SHUT_WR)
                        answers.append(client.recv(100))
                    except OSError:
                        answers.append(b"")
            server.shutdown()

        thread = threading.Thread(target=clients)
        thread.start()
        server._core_warned_of_threads = True
        server.serve_forever(0.05)
        thread.join()
    server.server_close()
    return answers[-1] == b"second"


def main() -> None:
    """Each cell in a child of its own: nothing that one breaks can help or harm the next."""
    hook, engine = sys.argv[1:]
    for name in EXCEPTIONS:
        pid = os.fork()
        if not pid:
            status = 1
            try:
                status = 0 if cell(hook, name, engine) else 1
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        print(name, "served" if status == 0 else f"not served, {os.waitstatus_to_exitcode(status)}", flush=True)


main()
