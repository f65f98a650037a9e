"""What plugserve adds to the bare system calls, in one process and without a load beside it.

`.venv/bin/python tests/benchmarks/floor.py` prints microseconds a request, the best of many rounds of 64 requests, for
the bare calls, for the standard library, and for plugserve. No other process has to be woken, so the figures hardly
depend on what else the machine does, and show a change of a tenth of a microsecond. They are not what a server costs
under load: `make bench` measures that.
"""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
import socketserver
import time
from collections.abc import Callable
from typing import Any, Final

import plugserve

BATCH: Final = 64
DATA: Final = b"x" * 64


class Echo(plugserve.ProtocolHandler):
    """Sends back what came."""

    def receive(self, data: bytes) -> bytes:
        """The same bytes."""
        return data


def best(round_of: Callable[[], float], rounds: int) -> float:
    """Microseconds a request, in the best round."""
    return min(round_of() for _ in range(rounds)) / BATCH * 1e6


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _datagrams(client: socket.socket, serve: Callable[[], object]) -> float:
    for _ in range(BATCH):
        client.send(DATA)
    spent = _timed(serve)
    for _ in range(BATCH):
        assert client.recv(100) == DATA
    return spent


def datagrams_bare() -> float:
    """recvfrom and sendto, and nothing else."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())

        def serve() -> None:
            for _ in range(BATCH):
                data, address = server.recvfrom(8193, socket.MSG_DONTWAIT)
                server.sendto(data, address)

        return best(lambda: _datagrams(client, serve), 200)


class _StandardEcho(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request[1].sendto(self.request[0], self.client_address)


def datagrams_standard() -> float:
    """`socketserver.UDPServer`, with one poll a datagram, as its loop has it."""
    with (
        socketserver.UDPServer(("127.0.0.1", 0), _StandardEcho) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        selectors.PollSelector() as selector,
    ):
        client.connect(server.server_address)
        selector.register(server, selectors.EVENT_READ)

        def serve() -> None:
            for _ in range(BATCH):
                selector.select(0.5)
                server._handle_request_noblock()
                server.service_actions()

        return best(lambda: _datagrams(client, serve), 200)


@contextlib.contextmanager
def _front(base: Any) -> Any:
    """A server whose loop is turned by hand."""
    with type("Server", (base,), {"request_queue_size": 2 * BATCH})(("127.0.0.1", 0), Echo) as server:
        server._core_start()
        front = server._core_enter()
        server._core_make_listener_polite()
        front.listen(server.fileno())
        try:
            yield server, front
        finally:
            front.stop_listening()
            server._core_exit(front)


def datagrams_plugserve() -> float:
    """A protocol handler on multiplexing."""
    with (
        _front(plugserve.MultiplexingUDPServer) as (server, front),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.connect(server.server_address)

        def serve() -> None:
            while front.turn(0):
                pass

        return best(lambda: _datagrams(client, serve), 200)


def _connections(address: Any, answer: Callable[[], object], end: Callable[[], object]) -> float:
    clients = []
    for _ in range(BATCH):
        client = socket.create_connection(address)
        client.send(DATA)
        clients.append(client)
    spent = _timed(answer)
    for client in clients:
        assert client.recv(100) == DATA
        client.close()
    return spent + _timed(end)


def connections_bare() -> float:
    """accept, recv, send, epoll, recv, close."""
    with socket.create_server(("127.0.0.1", 0), backlog=2 * BATCH) as listener:
        listener.setblocking(False)
        held: list[socket.socket] = []
        epoll = select.epoll()

        def answer() -> None:
            for _ in range(BATCH):
                request, _ = listener.accept()
                request.setblocking(False)
                request.send(request.recv(65536))
                epoll.register(request.fileno(), select.EPOLLIN)
                held.append(request)

        def end() -> None:
            epoll.poll(0)
            for request in held:
                request.recv(65536)
                epoll.unregister(request.fileno())
                request.close()
            held.clear()

        spent = best(lambda: _connections(listener.getsockname(), answer, end), 60)
        epoll.close()
        return spent


def connections_plugserve() -> float:
    """A protocol handler on multiplexing."""
    with _front(plugserve.MultiplexingTCPServer) as (server, front):

        def answer() -> None:
            while front.turn(0):
                pass

        def end() -> None:
            while server.requests():
                front.turn(0)

        return best(lambda: _connections(server.server_address, answer, end), 60)


def main() -> None:
    """Print them all."""
    for name, measure in (
        ("a datagram, bare", datagrams_bare),
        ("a datagram, socketserver.UDPServer", datagrams_standard),
        ("a datagram, plugserve", datagrams_plugserve),
        ("a connection, bare", connections_bare),
        ("a connection, plugserve", connections_plugserve),
    ):
        print(f"{name:40} {measure():6.1f} us", flush=True)


if __name__ == "__main__":
    main()
