"""The fixtures of the pytest plugin, the listener that fails, and what the drift checks catch."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from plugserve import ProtocolHandler, UDPServer
from plugserve.testing import (
    STREAM_ENGINES,
    Host,
    MemoryUDPServer,
    Recorder,
    ToxicProxy,
    hosted,
    inject_accept_errors,
)
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


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_every_engine_survives_failing_accepts(engine: str, no_drift: list[str]) -> None:
    """Those of one client are passed over, those of the host make it rest, and then it serves."""
    with hosted(engine, Echo, accept_errors=[errno.ECONNABORTED, errno.EMFILE, errno.EPROTO]) as host:
        client = host.connect()
        client.send(b"still here")
        client.end()
        assert client.rest() == b"still here"
        failing: Any = host.server.socket
        assert failing.raised == 3
    [line] = no_drift
    assert "trying again every 100 ms" in line
    no_drift.clear()


@pytest.mark.parametrize("memory", [True, False])
def test_a_datagram_socket_fails_too(memory: bool, no_drift: list[str]) -> None:
    """An error that a peer caused is passed over, and the next datagram is answered."""
    server_class = MemoryUDPServer if memory else UDPServer
    with server_class(("127.0.0.1", 0), Echo) as server:
        failing = inject_accept_errors(server, [OSError(errno.ECONNREFUSED, "by an earlier reply")])
        if isinstance(server, MemoryUDPServer):
            server.send_datagram(b"hello")
            server.run()
            assert [data for data, _ in server.take_replies()] == [b"hello"]
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.sendto(b"hello", server.server_address)
                server.handle_request()  # the error
                server.handle_request()
                assert client.recv(100) == b"hello"
    assert failing.raised == 1
    assert no_drift == []


def test_what_is_recorded_may_be_read_meanwhile(hook_recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server goes on recording while the test looks: it sees whole events, from the first one on."""
    file = hook_recorder._file

    class Busy:
        """The worst moment for another event: where the one who looks has just put the file's place."""

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

        def seek(self, place: int) -> None:
            file.seek(place)
            hook_recorder.finish(client_address=("192.0.2.1", 0))

    hook_recorder.process_request(client_address=("192.0.2.1", 0))
    monkeypatch.setattr(hook_recorder, "_file", Busy())
    assert hook_recorder.hooks[0] == "process_request"


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
    """Beside the package itself: whoever has plugserve installed pays nothing more for it."""
    program = (
        "import sys, pytest, plugserve\n"
        "before = set(sys.modules)\n"
        "import plugserve.testing.pytest_plugin\n"
        "print(*sorted(sys.modules.keys() - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == ["plugserve.testing", "plugserve.testing.pytest_plugin"]
