"""A live request goes to another process: whole, with all that belongs to it, and never to two."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    CoroutineHandler,
    Limits,
    MultiplexingMixIn,
    PlugserveError,
    ProtocolHandler,
    StreamRequestHandler,
    ThreadingMixIn,
    ThreadPoolMixIn,
    hookimpl,
)
from plugserve.testing import CipherLayer, hosted

pytestmark = pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="waits for a platform with SO_PEERCRED")

if hasattr(socket, "SO_PEERCRED"):
    from plugserve import ForkingMixIn, PassedServer
    from plugserve.passing import MOST_RECORD, Passed, decode, encode

PATIENCE = 20


class Ends:
    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.fresh = threading.Semaphore(0)

    @hookimpl
    def connection_closed(self, context: Any, reason: str) -> None:
        self.seen.append((context.outcome, reason))
        self.fresh.release()


class Sorter(CoroutineHandler):
    """Reads a line, and passes the request on to the path that stands in it."""

    async def handle(self) -> None:
        line = await self.connection.read_until(b"\n", 1000)
        self.connection.identity = "alice"
        self.connection.client_address = ("203.0.113.7", 4711)
        self.connection.write(b"sorted ")
        await self.connection.pass_on(line.strip().decode(), b"state \x00\xff")
        assert await self.connection.read() == b""
        with pytest.raises(PlugserveError):
            self.connection.write(b"not ours")


class Tries(CoroutineHandler):
    """The same, and goes on by itself if that fails."""

    async def handle(self) -> None:
        line = await self.connection.read_until(b"\n", 1000)
        try:
            await self.connection.pass_on(line.strip().decode(), timeout=0.2)
        except (PlugserveError, OSError) as error:
            self.connection.write(f"{type(error).__name__}: {error}|".encode())
            self.connection.write(await self.connection.read_exactly(4))


class Coroutine(CoroutineHandler):
    async def handle(self) -> None:
        connection = self.connection
        line = await connection.read_until(b"\n", 100)
        connection.write(_facts(self, connection) + line)
        while more := await connection.read():
            connection.write(more)


class Protocol(ProtocolHandler):
    first = True

    def receive(self, data: bytes) -> bytes:
        first, self.first = self.first, False
        return _facts(self, self.connection) + data if first else data


class Classic(StreamRequestHandler):
    def handle(self) -> None:
        from plugserve.life import current

        line = self.rfile.readline()
        self.wfile.write(_facts(self, current.connection) + line)
        while more := self.rfile.read1():
            self.wfile.write(more)


def _facts(handler: Any, connection: Any) -> bytes:
    return repr((handler.client_address, connection.identity, connection.passed_state)).encode() + b"|"


FACTS = repr((("203.0.113.7", 4711), "alice", b"state \x00\xff")).encode() + b"|"


@contextmanager
def _taking(tmp_path: Path, handler: Any, mix_in: Any = None, **arguments: Any) -> Iterator[Any]:
    """A server that takes requests, served in a thread."""
    server_class = type("Taking", (mix_in, PassedServer) if mix_in else (PassedServer,), {})
    with server_class(str(tmp_path / "pass.sock"), handler, **arguments) as server:
        server._core_warned_of_threads = True
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)
            assert not loop.is_alive()


MIX_INS = [None, ThreadingMixIn, ThreadPoolMixIn, MultiplexingMixIn] + (
    [ForkingMixIn] if hasattr(socket, "SO_PEERCRED") else []
)


@pytest.mark.parametrize("mix_in", MIX_INS, ids=lambda mix_in: mix_in.__name__ if mix_in else "none")
@pytest.mark.parametrize("handler", [Coroutine, Protocol, Classic])
def test_every_engine_takes_a_request_and_goes_on_with_its_unread_bytes(
    tmp_path: Path, handler: Any, mix_in: Any
) -> None:
    """As the first input of a handler of any style; with what the sender knew, and the state that it gave along."""
    here, there = Ends(), Ends()
    with (
        _taking(tmp_path, handler, mix_in, plugins=[there]) as server,
        hosted("multiplexing", Sorter, plugins=[here]) as host,
    ):
        client = host.connect()
        client.send(server.server_address.encode() + b"\nahead\n")
        expected = b"sorted " + FACTS + b"ahead\n"
        assert client.take(len(expected)) == expected
        client.send(b"later")
        assert client.take(5) == b"later"
        client.end()
        assert client.rest() == b""
    assert here.seen == [("ok", "passed on")]
    assert there.seen == [("ok", "finished")]


@pytest.mark.parametrize("engine", ["sync", "threading", "thread-pool", "forking", "multiplexing"])
def test_every_engine_passes_a_request_on(tmp_path: Path, engine: str) -> None:
    """It ends there as ok, its descriptor is closed, and the client notices nothing."""
    here = Ends()
    with _taking(tmp_path, Coroutine) as server, hosted(engine, Sorter, plugins=[here]) as host:
        client = host.connect()
        client.send(server.server_address.encode() + b"\n")
        assert client.take(7) == b"sorted "
        assert here.fresh.acquire(timeout=PATIENCE), "it has ended here while it goes on there"
        assert here.seen == [("ok", "passed on")]
        client.send(b"later\n")
        assert client.take(len(FACTS) + 6) == FACTS + b"later\n"
        client.end()
        assert client.rest() == b""


def test_a_request_passed_without_unread_bytes_gives_a_classic_handler_its_real_socket(tmp_path: Path) -> None:
    """As any request that nobody has read from."""

    class Looks(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(type(self.request).__name__.encode())

    with _taking(tmp_path, Looks) as server, hosted("sync", Sorter) as host:
        client = host.connect()
        client.send(server.server_address.encode() + b"\n")
        assert client.rest() == b"sorted socket"


def test_the_receivers_votes_are_asked_with_the_real_client(tmp_path: Path) -> None:
    """The life of a request that came is that of any other, from verify_request on."""
    asked: list[Any] = []

    class Votes:
        @hookimpl
        def verify_request(self, client_address: Any, context: Any) -> bool:
            asked.append((client_address, context.identity))
            return False

    with _taking(tmp_path, Coroutine, plugins=[Votes()]) as server, hosted("sync", Sorter) as host:
        client = host.connect()
        client.send(server.server_address.encode() + b"\n")
        assert client.rest() == b"sorted "
    assert asked == [(("203.0.113.7", 4711), "alice")]


def test_output_that_is_under_way_is_sent_first(tmp_path: Path) -> None:
    """So the two processes never write at the same time."""
    size = 32 * 1024 * 1024
    written = threading.Event()

    class Much(CoroutineHandler):
        async def handle(self) -> None:
            line = await self.connection.read_until(b"\n", 1000)
            self.connection.write(b"m" * size)
            assert self.connection.buffered
            written.set()
            await self.connection.pass_on(line.strip().decode())

    with _taking(tmp_path, Coroutine) as server, hosted("multiplexing", Much, limits=Limits(output=2 * size)) as host:
        client = host.connect()
        client.send(server.server_address.encode() + b"\nx\n")
        assert written.wait(PATIENCE)
        assert client.take(size) == b"m" * size
        assert client.take(2 + 30)
        client.end()
        client.rest()


def _ask(host: Any, path: str) -> bytes:
    """Have `Tries` pass a request on, and see that it is still whole when that fails."""
    client = host.connect()
    client.send(path.encode() + b"\nrest")
    said = bytes(client.rest())
    assert said.endswith(b"|rest")
    return said


def test_where_nobody_listens_the_request_is_still_here(tmp_path: Path) -> None:
    """With its unread bytes; the handler is told why."""
    with hosted("multiplexing", Tries) as host:
        assert b"FileNotFoundError" in _ask(host, str(tmp_path / "nobody.sock"))


def test_where_nobody_takes_it_in_time_the_request_is_still_here(tmp_path: Path) -> None:
    """And can no longer be taken: an answer that comes too late reaches nobody."""
    path = str(tmp_path / "deaf.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        with hosted("multiplexing", Tries) as host:
            assert b"TimeoutError: pass_on: " in _ask(host, path)
            carrier, _ = listener.accept()
            with carrier, pytest.raises(BrokenPipeError):
                carrier.send(b"ok")


def test_a_receiver_that_dies_has_not_taken_it(tmp_path: Path) -> None:
    """It answers before it does anything else."""
    path = str(tmp_path / "dies.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()

        def die() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=die)
        thread.start()
        with hosted("multiplexing", Tries) as host:
            assert b"it closed without an answer" in _ask(host, path)
        thread.join()


@pytest.mark.parametrize("order", ["answer-first", "record-first"])
def test_a_receiver_that_refuses_without_looking_is_heard(tmp_path: Path, order: str) -> None:
    """It closes with the record unread, which resets the sender's end (unix(7)); its reason was sent before."""
    path = str(tmp_path / "refuses.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()

        def refuse() -> None:
            carrier = listener.accept()[0]
            with carrier:
                if order == "record-first":
                    carrier.recv(1, socket.MSG_PEEK)
                carrier.send(b"no thanks")

        thread = threading.Thread(target=refuse)
        thread.start()
        with hosted("multiplexing", Tries) as host:
            assert b"did not take the request: thanks|" in _ask(host, path)
        thread.join()


def test_a_refusal_is_told_with_its_reason(tmp_path: Path, no_drift: list[str], monkeypatch: Any) -> None:
    """To the sender's handler and to the receiver's log; here because the sender is another user."""
    with _taking(tmp_path, Coroutine) as server, hosted("sync", Tries) as host:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
        said = _ask(host, server.server_address)
        monkeypatch.undo()
    assert f"the sender is user {os.geteuid()}, and this is user 4242".encode() in said
    [record] = no_drift
    assert "refused what a process wanted to pass" in record
    no_drift.clear()


@pytest.mark.parametrize("plugins", [[CipherLayer()]])
def test_behind_a_layer_that_changes_the_bytes_it_is_refused(plugins: Any) -> None:
    """Its state cannot leave the process; the error says what to do instead."""
    refused: list[str] = []

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            try:
                await self.connection.pass_on("/nowhere")
            except PlugserveError as error:
                refused.append(str(error))

    with hosted("sync", Asks, plugins=plugins) as host:
        client = host.connect()
        client.send(b"KEY\x07")
        client.rest()
    assert "relay to the other one instead" in refused[0]


@pytest.mark.parametrize(("engine", "datagrams"), [("sync", True), ("memory", False)])
def test_what_has_no_descriptor_of_its_own_is_refused(engine: str, datagrams: bool) -> None:
    """A datagram, and a request of the memory engine."""
    refused: list[str] = []

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            try:
                await self.connection.pass_on("/nowhere")
            except PlugserveError as error:
                refused.append(str(error))
            self.connection.write(b"done")

    with hosted(engine, Asks, datagrams=datagrams) as host:
        if datagrams:
            assert host.ask(b"four") == b"done"
        else:
            client = host.connect()
            client.send(b"x")
            assert client.take(4) == b"done"
    assert refused[0].startswith("pass_on: ")


def test_more_state_than_a_record_holds_is_refused() -> None:
    """Before anything is sent, with both numbers."""
    with pytest.raises(PlugserveError, match=f"{MOST_RECORD} is the most"):
        encode(Passed(None, None, None, "", b"", b"x" * MOST_RECORD))


@pytest.mark.parametrize("address", [("127.0.0.1", 1), ("::1", 1, 0, 2), "/path", "", None, b"\0abstract", (2, 1024)])
def test_addresses_of_all_families_arrive_as_they_were(address: Any) -> None:
    """Text, bytes, tuples of text and numbers, and none."""
    passed = Passed(address, address, "n\udc80me", "li\nstener", b"un\nread", b"st\nate")
    assert decode(encode(passed)) == passed


# -- what a receiver refuses -----------------------------------------------------------------------------------------

GOOD = {"plugserve": 1, "client_address": None, "peer_address": None, "identity": None, "listener": ""}


def _record(**changed: Any) -> bytes:
    return json.dumps({**GOOD, "unread": 0, "state": 0, **changed}).encode() + b"\n"


def _send(server: Any, record: bytes, descriptors: list[int]) -> bytes:
    """Pass something by hand. Returns the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as carrier:
        carrier.settimeout(PATIENCE)
        carrier.connect(server.server_address)
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
        carrier.sendmsg([record], beside if descriptors else [])
        server.handle_request()
        return carrier.recv(1024)


WRONG = [
    pytest.param(b"", "no JSON", id="nothing"),
    pytest.param(b"\x16\x03\x01\n", "no JSON", id="binary"),
    pytest.param(_record().strip(), "no line of JSON", id="no-newline"),
    pytest.param(b"[]\n", "no line of JSON with an object", id="list"),
    pytest.param(b"[" * 50000 + b"\n", "no JSON", id="deep"),
    pytest.param(_record(plugserve=2), "version 2", id="version"),
    pytest.param(_record(identity=7), "identity", id="identity"),
    pytest.param(_record(listener=None), "listener", id="listener"),
    pytest.param(_record(unread=1), "0 bytes after its line", id="too-little"),
    pytest.param(_record(unread=-1, state=1), "after its line", id="negative"),
    pytest.param(_record() + b"x", "1 bytes after its line", id="too-much"),
    pytest.param(_record(client_address=[[]]), "an address is none", id="address"),
    pytest.param(_record(peer_address={"bytes": "zz"}), "hexadecimal", id="bytes"),
    pytest.param(b"x" * (MOST_RECORD + 1) if hasattr(socket, "SO_PEERCRED") else b"", "more than", id="long"),
]


@pytest.mark.parametrize(("record", "reason"), WRONG)
def test_a_wrong_record_is_refused_and_its_descriptor_closed(
    tmp_path: Path, no_drift: list[str], record: bytes, reason: str
) -> None:
    """The sender and the log are told the reason; the fixture sees that no descriptor stays open."""
    ours, theirs = socket.socketpair()
    with ours, theirs, PassedServer(str(tmp_path / "pass.sock"), Coroutine) as server:
        answer = _send(server, record, [theirs.fileno()])
        theirs.close()
        assert ours.recv(10) == b"", "nobody else has the other end"
    assert answer.startswith(b"no ")
    assert reason.encode() in answer
    assert reason in no_drift[0]
    no_drift.clear()


@pytest.mark.parametrize(("count", "reason"), [(0, "0 descriptors"), (2, "2 descriptors"), (30, "not all")])
def test_any_number_of_descriptors_but_one_is_refused(
    tmp_path: Path, no_drift: list[str], count: int, reason: str
) -> None:
    """All that came are closed; those for which there was no room the kernel has closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs, PassedServer(str(tmp_path / "pass.sock"), Coroutine) as server:
        answer = _send(server, _record(), [theirs.fileno()] * count)
        theirs.close()
        assert ours.recv(10) == b"", "nobody else has the other end"
    assert reason.encode() in answer
    no_drift.clear()


@pytest.mark.parametrize("what", ["pipe", "datagram", "listener", "unconnected"])
def test_a_descriptor_that_is_no_connected_stream_is_refused(tmp_path: Path, no_drift: list[str], what: str) -> None:
    """A file, a datagram socket, a listener, a socket that is connected to nobody."""
    with PassedServer(str(tmp_path / "pass.sock"), Coroutine) as server:
        if what == "pipe":
            reading, writing = os.pipe()
            answer = _send(server, _record(), [writing])
            os.close(writing)
            assert os.read(reading, 1) == b"", "nobody else has the other end"
            os.close(reading)
        else:
            with socket.socket(type=socket.SOCK_DGRAM if what == "datagram" else socket.SOCK_STREAM) as sock:
                if what == "listener":
                    sock.listen()
                answer = _send(server, _record(), [sock.fileno()])
    assert answer.startswith(b"no ")
    no_drift.clear()


def test_a_sender_that_connects_and_says_nothing_is_refused_in_time(
    tmp_path: Path, no_drift: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver's loop waits for it no longer than a second."""
    from plugserve import passing

    monkeypatch.setattr(passing, "_PATIENCE", 0.01)
    with (
        PassedServer(str(tmp_path / "pass.sock"), Coroutine) as server,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as carrier,
    ):
        carrier.connect(server.server_address)
        server.handle_request()
        assert carrier.recv(100) == b"no 0.01 seconds passed"
    no_drift.clear()


def test_a_sender_that_has_given_up_keeps_its_request(tmp_path: Path, no_drift: list[str]) -> None:
    """It hears no ok, so the receiver has not taken it: the descriptor is closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs, PassedServer(str(tmp_path / "pass.sock"), Coroutine) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as carrier:
            carrier.connect(server.server_address)
            carrier.sendmsg([_record()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", theirs.fileno()))])
        server.handle_request()
        theirs.close()
        assert ours.recv(10) == b"", "nobody else has the other end"
        assert server.requests() == []
    no_drift.clear()


def test_the_path_is_for_its_owner_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    """Mode 0600 from its first moment on."""
    path = tmp_path / "pass.sock"
    with PassedServer(str(path), Coroutine):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
