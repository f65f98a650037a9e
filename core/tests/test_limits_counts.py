"""How many requests at once: in all, from one peer, and what happens to those too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plugserve import CoroutineHandler, Limits, PlugserveError, ProtocolHandler
from plugserve.table import peer_key
from plugserve.testing import STREAM_ENGINES, MemoryTCPServer, MemoryUDPServer, Recorder, hosted

NO_LIMITS = Limits.none()


class Waits(CoroutineHandler):
    """Holds its place until the client goes."""

    speaks_first = True

    async def handle(self) -> None:
        self.connection.write(b"!")
        await self.connection.read()


class Polite(ProtocolHandler):
    """Has words for clients too many."""

    speaks_first = True

    @classmethod
    def refusal(cls, reason: str) -> bytes:
        return b"421 too many\r\n"

    def opened(self) -> bytes:
        return b"220 hello\r\n"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Closed at the end."""
    recorder = Recorder()
    yield recorder
    recorder.close()


def refusals(recorder: Recorder) -> list[str]:
    """Why requests were rejected."""
    return [facts["reason"] for hook, facts in recorder.events if hook == "request_rejected"]


# -- who is one peer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, other, same",
    [
        (("192.0.2.1", 1), ("192.0.2.1", 2), True),
        (("192.0.2.1", 1), ("192.0.2.2", 1), False),
        (("192.0.2.1", 1), ("::ffff:192.0.2.1", 1, 0, 0), True),
        (("::ffff:192.0.2.1", 1, 0, 0), ("::ffff:192.0.2.2", 1, 0, 0), False),
        (("2001:db8:1:2::1", 1, 0, 0), ("2001:db8:1:2:3:4:5:6", 1, 0, 0), True),
        (("2001:db8:1:2::1", 1, 0, 0), ("2001:db8:1:3::1", 1, 0, 0), False),
        (("fe80::1%lo", 1, 0, 7), ("fe80::2", 1, 0, 7), True),
        (("fe80::1", 1, 0, 7), ("fe80::1", 1, 0, 8), False),
        ((3, 1024), (3, 1025), True),
        (("some:name", 1), ("some:name", 2), True),
    ],
)
def test_a_peer_is_an_ipv4_address_or_an_ipv6_network(one: Any, other: Any, same: bool) -> None:
    """A site with a /64 of IPv6 has 2**64 addresses for nothing; IPv4 in IPv6 is IPv4."""
    assert peer_key(one, 64) is not None
    assert (peer_key(one, 64) == peer_key(other, 64)) is same


@pytest.mark.parametrize(
    "address", [("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1, 0, 0), ("::ffff:127.0.0.1", 1), "", b"\0x"]
)
def test_loopback_and_unix_peers_are_nobody_in_particular(address: Any) -> None:
    """Behind them stands a proxy or a whole machine."""
    assert peer_key(address, 64) is None


def test_the_network_that_counts_as_one_peer_can_be_chosen() -> None:
    """A /48 for sites that are given one, /128 for single addresses."""
    one, other, far = ("2001:db8:1:2::1", 1, 0, 0), ("2001:db8:1:3::1", 1, 0, 0), ("2001:db8:2::1", 1, 0, 0)
    assert peer_key(one, 48) == peer_key(other, 48) != peer_key(far, 48)
    assert peer_key(one, 128) != peer_key(("2001:db8:1:2::2", 1, 0, 0), 128)
    with pytest.raises(PlugserveError, match="ipv6_prefix is 129: an IPv6 address has 128 bits"):
        Limits(ipv6_prefix=129)


def test_a_network_has_as_many_requests_as_one_address() -> None:
    """And each that ends makes room."""
    with MemoryTCPServer("test", Waits, limits=NO_LIMITS.but(connections_per_peer=2)) as server:
        clients = [server.connect((f"2001:db8::{host}", 40000, 0, 0)) for host in range(1, 4)]
        elsewhere = server.connect(("2001:db8:0:1::1", 40000, 0, 0))
        server.run()
        assert [client.ended for client in clients] == [False, False, True]
        assert elsewhere.take() == b"!"
        clients[0].close()
        server.run()
        again = server.connect(("2001:db8::9", 40000, 0, 0))
        server.run()
        assert again.take() == b"!"
        for client in (*clients, elsewhere, again):
            client.close()
        server.run()
        assert server._core_requests._peers == {}


def test_local_peers_count_if_asked() -> None:
    """All of loopback is then one peer."""
    limits = NO_LIMITS.but(connections_per_peer=1)
    for changed, ended in ((limits, False), (limits.but(count_local_peers=True), True)):
        with MemoryTCPServer("test", Waits, limits=changed) as server:
            first, second = server.connect(("127.0.0.1", 1)), server.connect(("127.0.0.2", 1))
            server.run()
            assert (first.ended, second.ended) == (False, ended)
            first.close()
            second.close()


def test_datagrams_count_like_connections(recorder: Recorder) -> None:
    """Each is a request for as long as it is handled."""

    class Slow(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.sleep(5)
            self.connection.write(await self.connection.read())

    with MemoryUDPServer(
        "test", Slow, limits=Limits(connections=3, connections_per_peer=2), plugins=[recorder]
    ) as server:
        for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"):
            server.send_datagram(b"x", (peer, 9))
        server.run()
        server.advance(6)
        assert [address[0] for _, address in server.take_replies()] == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    assert refusals(recorder) == ["more than 2 requests at once from this peer", "more than 3 requests at once"]


# -- when full ---------------------------------------------------------------------------------------------------------


def test_by_default_a_client_too_many_is_refused_at_once_in_the_words_of_the_protocol(recorder: Recorder) -> None:
    """It is accepted: one that only waited would never know."""
    with MemoryTCPServer("test", Polite, limits=NO_LIMITS.but(connections=1), plugins=[recorder]) as server:
        first, second = server.connect(), server.connect()
        server.run()
        assert first.take() == b"220 hello\r\n"
        assert second.take() == b"421 too many\r\n"
        assert second.ended
        first.close()
        second.close()
    assert refusals(recorder) == ["more than 1 requests at once"]


def test_a_client_may_wait_until_there_is_room(recorder: Recorder) -> None:
    """It stays in the kernel's queue, and is served as soon as another has gone."""
    limits = NO_LIMITS.but(connections=2, when_full="wait", wait_timeout=10)
    with MemoryTCPServer("test", Waits, limits=limits, plugins=[recorder]) as server:
        clients = [server.connect() for _ in range(4)]
        server.advance(9)
        assert [client.take() for client in clients] == [b"!", b"!", b"", b""]
        assert len(server.requests()) == 2
        for gone, next_one in ((0, 2), (1, 3)):
            clients[gone].close()
            server.run()
            assert clients[next_one].take() == b"!"
        assert refusals(recorder) == []
        for client in clients:
            client.close()


def test_nobody_waits_longer_than_the_wait_timeout(recorder: Recorder) -> None:
    """Those in the queue are told so, the dead among them closed; those who come later may wait again."""
    limits = NO_LIMITS.but(connections=1, when_full="wait", wait_timeout=10)
    with MemoryTCPServer("test", Polite, limits=limits, plugins=[recorder]) as server:
        first, second, dead = server.connect(), server.connect(), server.connect()
        dead.close()
        server.advance(9)
        assert not second.ended
        server.advance(2)
        assert second.take() == b"421 too many\r\n"
        assert second.ended
        assert not server.socket.waiting, "nor does the dead one fill the queue"
        third = server.connect()
        server.advance(8)
        assert third.take() == b""
        assert not third.ended
        first.close()
        server.run()
        assert third.take() == b"220 hello\r\n"
        for client in (second, third):
            client.close()
    assert refusals(recorder) == ["more than 1 requests at once"] * 2


def test_a_long_queue_is_refused_in_portions(recorder: Recorder) -> None:
    """However many wait, the requests that are there get their turns in between."""
    limits = NO_LIMITS.but(connections=1, when_full="wait", wait_timeout=10)
    with MemoryTCPServer("test", Polite, limits=limits, plugins=[recorder]) as server:
        clients = [server.connect() for _ in range(200)]
        server.advance(10)
        assert [client.take() for client in clients] == [b"220 hello\r\n"] + [b"421 too many\r\n"] * 199
        server.advance(25)
        clients[0].close()
        server.run()
        last = server.connect()
        server.run()
        assert last.take() == b"220 hello\r\n"
        last.close()
        server.run()
        assert server._core_requests.on_room == []
        for client in clients:
            client.close()


@pytest.mark.parametrize("engine", [engine for engine in STREAM_ENGINES if engine not in ("memory", "sync")])
def test_waiting_for_room_works_on_every_engine(engine: str) -> None:
    """The place is given back by a thread, a worker, or the end of a child."""
    with hosted(engine, Waits, limits=NO_LIMITS.but(connections=1, when_full="wait", wait_timeout=1000)) as host:
        before = host.connect()
        assert before.take(1) == b"!"
        for _ in range(5):
            after = host.connect()
            before.close()
            assert after.take(1) == b"!"
            before = after


@pytest.mark.parametrize("engine", [engine for engine in STREAM_ENGINES if engine not in ("memory", "sync")])
def test_clients_that_waited_in_vain_are_refused_on_every_engine(engine: str) -> None:
    """By the real kernel's queue."""
    with hosted(engine, Polite, limits=NO_LIMITS.but(connections=1, when_full="wait", wait_timeout=0.01)) as host:
        first = host.connect()
        assert first.take(11) == b"220 hello\r\n"
        others = [host.connect() for _ in range(3)]
        assert [other.rest() for other in others] == [b"421 too many\r\n"] * 3


def test_what_to_do_when_full_is_one_of_two_things() -> None:
    """Anything else is refused by name."""
    with pytest.raises(PlugserveError, match='when_full is \'drop\': give "refuse" or "wait"'):
        Limits(when_full="drop")  # type: ignore[arg-type]
