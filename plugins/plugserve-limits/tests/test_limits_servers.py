"""Limits on every engine, and with a real Redis."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from plugserve import (
    ConfigurationError,
    Connection,
    Context,
    CoroutineHandler,
    Identity,
    PluginError,
    ProtocolHandler,
    TCPServer,
    ThreadingMixIn,
    hookimpl,
)
from plugserve.testing import STREAM_ENGINES, HeaderLayer, hosted
from plugserve_limits import RateLimits, RateLimitsMixIn, Rule
from plugserve_limits.bandwidth import Shares

PATIENCE = 20


class Echo(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data


class Rejected:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    @hookimpl
    def request_rejected(self, reason: str) -> None:
        self.reasons.append(reason)


class Closed:
    """Learns how connections end, and waits for one that ends with such words."""

    def __init__(self, words: str = "") -> None:
        self.words = words
        self.reason = ""
        self.ended = threading.Event()

    @hookimpl
    def connection_closed(self, reason: str) -> None:
        if reason.startswith(self.words):
            self.reason = reason
            self.ended.set()


class Knows:
    """Says who the client is by its first byte."""

    phase = "authentication"

    @hookimpl
    async def open_connection(self, connection: Connection) -> None:
        name = (await connection.read_exactly(1)).decode()
        if name != "-":
            connection.identity = Identity(name, "test")


def ask(host: Any, data: bytes = b"x", expected: bytes | None = None) -> bool:
    """Whether a client is served."""
    client = host.connect()
    expected = data if expected is None else expected
    try:
        client.send(data)
        client.end()
        return bool(client.rest() == expected)
    except OSError:
        return False


def frozen(*rules: Rule, **options: Any) -> RateLimits:
    """Limits whose clock only a test moves."""
    plugin = RateLimits(rules=rules, **options)
    plugin.now = 0.0  # type: ignore[attr-defined]
    plugin.clock = lambda: plugin.now  # type: ignore[attr-defined]
    return plugin


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("by", ["peer", "network", "listener"])
def test_connections_beyond_the_rate_are_refused_until_it_is_time(engine: str, by: Any) -> None:
    """On every engine, where the decision is the parent's."""
    limits, rejected = frozen(Rule("1/s", by=by, burst=3)), Rejected()
    with hosted(engine, Echo, plugins=[limits, rejected]) as host:
        assert [ask(host) for _ in range(5)] == [True] * 3 + [False] * 2
        limits.now = 1.5  # type: ignore[attr-defined]
        assert [ask(host) for _ in range(2)] == [True, False]
    assert len(rejected.reasons) == 3
    assert rejected.reasons[0].startswith(f"too much: connections by {by}, 1/s; again in 1 s")
    assert limits.status()["refused"] == {f"connections by {by}, 1/s": 3}


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_each_identity_has_its_own(engine: str) -> None:
    """And who has none is not counted by it."""
    limits = frozen(Rule("1/h", by="identity", burst=1))
    with hosted(engine, Echo, plugins=[limits, Knows()]) as host:
        served = [ask(host, name + b"x", b"x") for name in (b"a", b"b", b"a", b"-", b"-", b"b")]
    assert served == [True, True, False, True, True, False]


def test_behind_a_proxy_its_clients_are_counted() -> None:
    """Each by its own address, and the proxy by its own as well."""
    limits = frozen(Rule("2/h"), Rule("5/h", by="listener"))
    with hosted("multiplexing", Echo, plugins=[HeaderLayer(), limits]) as host:
        header = b"CLIENT 203.0.113.%d 9\n"
        served = [ask(host, header % number + b"x", b"x") for number in (1, 2, 1)]
    assert served == [True, True, False]


@pytest.mark.parametrize("engine", ["multiplexing", "forking"])
def test_a_quota_of_bytes_refuses_the_next_connection(engine: str) -> None:
    """Until some of it is there again."""
    limits = frozen(Rule("100B/s", what="bytes", burst=300))
    with hosted(engine, Echo, plugins=[limits]) as host:
        assert ask(host, b"x" * 200)
        while not limits.status()["keys"]["bytes by peer, 100B/s"]:
            os.sched_yield()  # a child's report may come after its answer
        assert not ask(host)
        limits.now = 2.0  # type: ignore[attr-defined]
        assert ask(host)


def test_requests_within_a_connection_are_counted_by_who_asks() -> None:
    """And told when again."""

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read():
                limiter = self.context.limiter
                if limiter is None:
                    self.connection.write(b"as you like")
                    continue
                decision = limiter.request(self.context)
                self.connection.write(b"ok" if decision.allowed else b"in %d s" % decision.retry_after)

    limits = frozen(Rule("1/m", what="requests", burst=2))
    with hosted("threading", Asks, plugins=[limits]) as host:
        client = host.connect()
        answers = []
        for _ in range(3):
            client.send(b"?")
            answers.append(client.take(2))
        client.end()
        assert [*answers, client.rest()] == [b"ok", b"ok", b"in", b" 60 s"]
    with pytest.raises(PluginError, match="needs the memory of all requests in one process"):
        type("S", (STREAM_ENGINES["forking"],), {})(("127.0.0.1", 0), Asks, plugins=[limits])
    with hosted("threading", Asks) as host:
        client = host.connect()
        client.send(b"?")
        assert client.take(11) == b"as you like"


@pytest.mark.skipif(sys.platform != "linux", reason="waits for Linux, whose kernel paces")
@pytest.mark.parametrize("engine", [name for name in STREAM_ENGINES if name not in ("memory", "sync")])
def test_the_kernel_sends_each_connection_its_share(engine: str) -> None:
    """Of the bandwidth of its peer; who stays when others go has more. A forked child keeps what it began with."""

    class Look(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read():
                self.connection.write(b"%6d" % self.request.getsockopt(socket.SOL_SOCKET, 47))

    def pace(client: Any) -> int:
        client.send(b"?")
        return int(client.take(6))

    watcher = Closed()
    limits = RateLimits(rules=[Rule("120kB/s", what="bandwidth"), Rule("1MB/s", what="bytes")])
    with hosted(engine, Look, plugins=[limits, watcher]) as host:
        one = host.connect()
        assert pace(one) == 120_000
        two = host.connect()
        assert pace(two) == 60_000
        three = host.connect()
        assert pace(three) == 40_000
        assert pace(one) == (120_000 if engine == "forking" else 40_000)
        two.end()
        assert watcher.ended.wait(PATIENCE)
        assert pace(three) == (40_000 if engine == "forking" else 60_000)


def test_ten_thousand_do_not_tell_each_other() -> None:
    """Each is told its share when it comes; the others only when theirs has changed by a tenth."""
    calls = 0

    class Request:
        def setsockopt(self, *_: object) -> None:
            nonlocal calls
            calls += 1

    shares, contexts = Shares(10**9), [cast("Context", object()) for _ in range(10_000)]
    for context in contexts:
        shares.join("all", context, Request())
    for context in contexts:
        shares.leave(context)
    assert calls < 30 * len(contexts)
    assert not shares._members
    assert not shares._told


@pytest.mark.parametrize("engine", [name for name in STREAM_ENGINES if name not in ("forking", "sync")])
@pytest.mark.parametrize("by", ["peer", "connection"])
def test_who_has_used_up_a_quota_is_disconnected(engine: str, by: Any) -> None:
    """While the connection goes on, wherever the server's loop does so too; the log has the reason."""
    limits, closed = frozen(Rule("1B/h", what="bytes", by=by, burst=300)), Closed("too much")
    with hosted(engine, Echo, plugins=[limits, closed]) as host:
        client = host.connect()
        client.send(b"x" * 200)
        assert client.take(200) == b"x" * 200
        while not closed.ended.is_set():
            limits.now += 1.0  # type: ignore[attr-defined]
            ask(host)  # so that the loop turns
        assert client.rest() == b""
    assert closed.reason.startswith(f"too much: bytes by {by}, 1B/h; again in ")
    assert list(limits.status()["refused"]) == [f"bytes by {by}, 1B/h"]


def test_as_a_mixin_it_is_the_same() -> None:
    """For those who write their servers by hand."""

    class Server(RateLimitsMixIn, ThreadingMixIn, TCPServer):
        limits_rules = (Rule("1/h"),)

    with Server(("127.0.0.1", 0), Echo) as server:
        assert list(server.plugins) == ["limits"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "rules is empty: nothing would be limited"),
        ({"rules": [{"rate": "fast"}]}, "rule 1: 'fast' is no rate"),
        ({"rules": [{"rate": "1/s"}, {"speed": 3}]}, "rule 2: "),
        ({"rules": [{"rate": "1/s", "shared": True}]}, "is shared: give store"),
        ({"rules": [{"rate": "1/s"}], "store": "nowhere"}, "store is no address"),
        ({"rules": [{"rate": "1/s"}], "keys": 0}, "at least 1"),
        ({"rules": [{"rate": "1B/s", "what": "bandwidth", "burst": 3}]}, "leave out shared and burst"),
        ({"rules": [{"rate": "1/s", "by": "connection"}]}, "use another `by`"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    """With what would."""
    with pytest.raises(ConfigurationError) as caught:
        RateLimits(**options)
    assert words in str(caught.value)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of our own, on a Unix socket: its address and its process."""
    program = shutil.which("redis-server")
    if program is None:
        words = "needs the package redis-server"
        pytest.fail(words) if os.environ.get("CI") == "true" else pytest.skip(words)
    path = tmp_path / "redis.sock"
    command = [str(program), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if b"ready to accept connections" in line.lower():
                break
        yield f"unix://{path}", process
    finally:
        process.kill()
        process.communicate()


def _shared(url: str, **rule: Any) -> RateLimits:
    return RateLimits(rules=[Rule("2/h", shared=True, **rule)], store=url, store_timeout=PATIENCE)


@pytest.mark.parametrize("engine", [name for name in STREAM_ENGINES if name != "memory"])
def test_two_servers_share_one_limit(engine: str, redis: Any) -> None:
    """As two machines would."""
    url, _ = redis
    with (
        hosted(engine, Echo, plugins=[_shared(url)]) as one,
        hosted(engine, Echo, plugins=[_shared(url)]) as other,
    ):
        assert [ask(one), ask(other), ask(one), ask(other)] == [True, True, False, False]


def test_two_servers_share_a_quota_of_bytes(redis: Any) -> None:
    """What was carried by one is missing at the other: a connection there ends, and no new one begins."""
    url, _ = redis
    rule, closed = {"rate": "1B/h", "what": "bytes", "burst": 300, "shared": True}, Closed("too much")
    one, other = (RateLimits(rules=[rule], store=url, store_timeout=PATIENCE) for _ in range(2))
    with (
        hosted("multiplexing", Echo, plugins=[one]) as first,
        hosted("multiplexing", Echo, plugins=[other, closed]) as second,
    ):
        stays = second.connect()
        stays.send(b"x")
        assert stays.take(1) == b"x"
        assert ask(first, b"x" * 200)
        while ask(first):
            pass  # it is told beside
        stays.send(b"x")
        other.clock = lambda: float("inf")
        while not closed.ended.is_set():
            assert not ask(second)  # so that the loop turns
    assert closed.reason.startswith("too much: bytes by peer, 1B/h")


def test_requests_are_counted_in_the_store_beside_the_loop(redis: Any) -> None:
    """Of two servers together."""

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            limiter = self.context.limiter
            assert limiter.may_wait
            while await self.connection.read():
                decision = await self.connection.offload(limiter.request, self.context)
                self.connection.write(b"+" if decision.allowed else b"-")

    url, _ = redis
    with (
        hosted("multiplexing", Asks, plugins=[_shared(url, what="requests")]) as first,
        hosted("threading", Asks, plugins=[_shared(url, what="requests")]) as second,
    ):
        one, other = first.connect(), second.connect()
        answers = b""
        for client in (one, other, one, other):
            client.send(b"?")
            answers += client.take(1)
    assert answers == b"++--"


@pytest.mark.parametrize("when_away", ["allow", "deny"])
def test_while_the_store_is_away_what_the_rule_says_holds(when_away: Any, redis: Any, no_drift: list[str]) -> None:
    """It is told once, and counted."""
    url, process = redis
    limits = _shared(url, when_away=when_away)
    with hosted("multiplexing", Echo, plugins=[limits]) as host:
        assert ask(host)
        process.kill()
        process.wait()
        assert [ask(host) for _ in range(3)] == [when_away == "allow"] * 3
    assert limits.status()["store_failures"] == 3
    assert len(no_drift) == 1
    assert "the shared store cannot be asked" in no_drift[0]
    no_drift.clear()


def test_a_store_that_never_answers_holds_up_nobody(no_drift: list[str]) -> None:
    """Whoever is not counted there is served meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        limits = RateLimits(rules=[Rule("1/s", by="identity", shared=True)], store=url, store_timeout=2.0)
        with hosted("multiplexing", Echo, plugins=[limits, Knows()]) as host:
            waiting = host.connect()
            waiting.send(b"ax")
            accepted, _ = silent.accept()
            assert ask(host, b"-x", b"x")
            waiting.end()
            assert waiting.rest() == b"x"
            accepted.close()
    assert len(no_drift) == 1
    no_drift.clear()


def test_a_thousand_at_once_are_counted_once_each() -> None:
    """Threads that come together do not all get the last one."""
    limits = frozen(Rule("50/h"))
    served: list[bool] = []
    with hosted("threading", Echo, plugins=[limits]) as host:

        def come() -> None:
            for _ in range(25):
                with socket.create_connection(host.server.server_address, timeout=PATIENCE) as client:
                    try:
                        client.sendall(b"x")
                        served.append(client.recv(1) == b"x")
                    except OSError:
                        served.append(False)

        threads = [threading.Thread(target=come) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert served.count(True) == 50
