"""The fixtures of the pytest plugin, the listener that fails, and what the drift checks catch."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from plugserve import ProtocolHandler
from plugserve.testing import STREAM_ENGINES, Host, Recorder, ToxicProxy, inject_accept_errors
from plugserve.testing.drift import Watch

pytest_plugins = ["pytester"]

PATIENCE = 20


class Echo(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data


@pytest.mark.parametrize("engine", ["sync", "threading", "multiplexing"])
def test_a_server_on_any_engine(
    engine: str, plugserve_server: Callable[..., Host], hook_recorder: Recorder, toxic_proxy: Callable[..., ToxicProxy]
) -> None:
    """With a recorder of its hooks, and a proxy before it."""
    host = plugserve_server(Echo, engine, plugins=[hook_recorder])
    proxy = toxic_proxy(host.server.server_address)
    proxy.to_client.slice(1)
    with socket.create_connection(proxy.address, timeout=PATIENCE) as client:
        client.sendall(b"x")
        assert client.recv(10) == b"x"
    assert hook_recorder.hooks[:2] == ["verify_request", "authorize"]


def test_a_server_in_memory(plugserve_memory: Callable[..., Host]) -> None:
    """Without any socket."""
    client = plugserve_memory(Echo).connect()
    client.send(b"hello")
    assert client.take(5) == b"hello"


@pytest.mark.parametrize("engine", sorted(STREAM_ENGINES.keys() - {"memory"}))
def test_every_engine_survives_failing_accepts(engine: str, no_drift: list[str]) -> None:
    """Those of one client are passed over, those of the host make it rest, and then it serves."""
    with STREAM_ENGINES[engine](("127.0.0.1", 0), Echo) as server:
        server._core_warned_of_threads = True
        failing = inject_accept_errors(server, [errno.ECONNABORTED, errno.EMFILE, errno.EPROTO])
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
                client.sendall(b"still here")
                assert client.recv(100) == b"still here"
                # A child has this end, too: closing it would end nothing.
                client.shutdown(socket.SHUT_RDWR)
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)
    assert failing.raised == 3
    [line] = no_drift
    assert "trying again every 100 ms" in line
    no_drift.clear()


def _differences(leave: Callable[[], Any]) -> tuple[str, Any]:
    with Watch() as watch:
        kept = leave()
    watch.records.clear()
    return "\n".join(watch.differences), kept


def test_an_open_descriptor_is_found() -> None:
    """With what it leads to."""
    text, sock = _differences(lambda: socket.socketpair())
    for end in sock:
        end.close()
    assert "socket:[" in text
    assert "is still open" in text


def test_a_thread_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, and where it stands."""
    monkeypatch.setattr("plugserve.testing.drift._PATIENCE", 0.01)
    go = threading.Event()

    def leave() -> threading.Thread:
        thread = threading.Thread(target=go.wait, name="forgotten")
        thread.start()
        return thread

    text, thread = _differences(leave)
    go.set()
    thread.join()
    assert "the thread 'forgotten' is still alive" in text
    assert "wait" in text


def test_a_child_is_found() -> None:
    """That nobody has waited for."""

    def leave() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    text, child = _differences(leave)
    child.communicate(b"\n")
    assert "has not been waited for" in text


def test_a_task_is_found() -> None:
    """On a loop that runs no more."""

    def leave() -> Any:
        loop = asyncio.new_event_loop()
        task = loop.create_task(asyncio.sleep(3600), name="forgotten")
        loop.run_until_complete(asyncio.sleep(0))
        return loop, task

    text, (loop, task) = _differences(leave)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    assert "forgotten" in text
    assert "has not ended" in text


def test_a_signal_handler_is_found() -> None:
    """By the number of its signal."""
    before = signal.getsignal(signal.SIGUSR1)
    text, _ = _differences(lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
    signal.signal(signal.SIGUSR1, before)
    assert f"the handler of signal {int(signal.SIGUSR1)} has changed" in text


def test_a_line_in_the_log_is_found(no_drift: list[str]) -> None:
    """Unless whoever expected it has cleared the list."""
    from plugserve.faults import report

    with Watch() as watch:
        report("something", level="warning", text="went wrong")
    assert watch.differences == ["logged: something: went wrong"]
    no_drift.clear()


@pytest.mark.parametrize("asked", [True, False])
def test_drift_is_looked_for_where_the_project_says_so(pytester: pytest.Pytester, asked: bool) -> None:
    """And nowhere else: who merely has plugserve installed is not disturbed."""
    pytester.makeini(f"[pytest]\nplugserve_drift = {str(asked).lower()}\n")
    pytester.makepyfile(
        """
        import socket
        kept = []
        def test_leaves_a_socket_open():
            kept.append(socket.socket())
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    if asked:
        result.stdout.fnmatch_lines(["*left behind by*test_leaves_a_socket_open*", "*is still open*"])
        result.assert_outcomes(passed=1, errors=1)
    else:
        result.assert_outcomes(passed=1)


def test_the_plugin_loads_nothing_before_it_is_used() -> None:
    """Whoever has plugserve installed pays nothing for it."""
    program = (
        "import sys, plugserve.testing.pytest_plugin as p\n"
        "assert not [m for m in sys.modules if m in ('plugserve.testing.memory', 'asyncio', 'ssl')], 'loaded'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
