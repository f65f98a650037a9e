"""`explain --client` says what the running server does: for thousands of random clients and rule sets."""

from __future__ import annotations

import ipaddress
import random
import socket
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugserve import CoroutineHandler, hookimpl
from plugserve.address import parse_address
from plugserve.compose import make_server
from plugserve.configuration import Asked, AskedPlugin
from plugserve.discovery import Entry
from plugserve.dry_run import Client, DryRun, client_of
from plugserve.errors import RequestRejected
from plugserve.plan import Listener, PlannedPlugin, Words
from plugserve.testing.memory import MemoryTCPServer
from plugserve.threaded import ThreadingMixIn
from plugserve_access import Access


class Yes(CoroutineHandler):
    """Says that it serves."""

    speaks_first = True

    async def handle(self) -> None:
        self.connection.write(b"yes")


class Moody:
    """A voter of either hook that decides by the last byte of the address: every answer there is comes up."""

    def __init__(self, answers: list[Any], late: bool) -> None:
        self.answers = answers
        self.late = late

    def _answer(self, host: str) -> Any:
        answer = self.answers[ipaddress.ip_address(host).packed[-1] % len(self.answers)]
        if isinstance(answer, type):
            raise answer("in a mood")
        return answer

    @hookimpl
    def verify_request(self, client_address: Any) -> Any:
        return None if self.late else self._answer(client_address[0])

    @hookimpl
    async def authorize(self, client_address: Any) -> Any:
        return self._answer(client_address[0]) if self.late else None


def _listener(plugins: dict[str, Any], address: str) -> Listener:
    """A listener as a plan has it, around plugins that are there."""
    spot = Words()
    asked = Asked(
        spot=spot,
        handler="yes",
        bind=address,
        bind_spot=spot,
        plugins=tuple(AskedPlugin(name, name, {}, spot) for name in plugins),
    )
    return Listener(
        asked,
        parse_address(address),
        Entry("handler", "yes", "", "", ""),
        Yes,
        Entry("engine", "threading", "", "", ""),
        ThreadingMixIn,
        plugins=[
            PlannedPlugin(name, Entry("plugin", name, "", "", ""), type(plugin), plugin, lambda: None, {}, spot)
            for name, plugin in plugins.items()
        ],
    )


def _client(listener: Listener, host: str) -> Client:
    return client_of(listener, host, peer=None, identity=None, tls=False)


# Few different bits, so that networks contain each other and clients are hit.
_BYTES = (0, 1, 2, 128, 255)
_GROUPS = (0, 1, 0xFFFF, 0x2001)
_HOST = st.one_of(
    st.tuples(*[st.sampled_from(_BYTES)] * 4).map(lambda parts: ".".join(map(str, parts))),
    st.tuples(*[st.sampled_from(_GROUPS)] * 8).map(
        lambda parts: str(ipaddress.ip_address(":".join(f"{part:x}" for part in parts)))
    ),
)


@st.composite
def _rules(draw: st.DrawFn) -> list[str]:
    rules = []
    for host in draw(st.lists(_HOST, max_size=6)):
        bits = ipaddress.ip_address(host).max_prefixlen
        length = draw(st.sampled_from((0, 8, 9, 16, 24, 31, bits)))
        rules.append(str(ipaddress.ip_network(f"{host}/{length}", strict=False)))
    return rules


_ANSWER = st.sampled_from((True, None, False, True, None, "what", ValueError, RequestRejected))

_SETS = 100
_CLIENTS_A_SET = 100


@settings(max_examples=_SETS, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    allow=_rules(),
    deny=_rules(),
    moods=st.lists(st.tuples(st.lists(_ANSWER, min_size=1, max_size=5), st.booleans()), max_size=2),
    seed=st.randoms(use_true_random=False),
)
def _agree(
    counted: list[int], allow: list[str], deny: list[str], moods: list[tuple[list[Any], bool]], seed: random.Random
) -> None:
    def plugins() -> dict[str, Any]:
        return {"access": Access(allow=allow, deny=deny)} | {
            f"moody{number}": Moody(answers, late) for number, (answers, late) in enumerate(moods)
        }

    rejected: list[str] = []

    class Watch:
        @hookimpl
        def request_rejected(self, reason: str) -> None:
            rejected.append(reason)

    # Of both families at once, as a socket on every address has them.
    listener = _listener(plugins(), "tcp://*:0")
    server = MemoryTCPServer("test", Yes, plugins=plugins() | {"watch": Watch()})
    with server, DryRun(listener) as run:
        for _ in range(_CLIENTS_A_SET):
            client = _client(listener, _host(seed))
            foretold = run.judge(client)
            rejected.clear()
            end = server.connect(client.peer)
            server.run()
            served = end.take() == b"yes"
            end.close()
            server.run()
            assert (foretold.served, [foretold.reason] if foretold.reason else []) == (served, rejected), client
            counted[0] += 1
            counted[1] += served


def _host(seed: random.Random) -> str:
    """A client: often one that some rule is about."""
    if seed.random() < 0.5:
        return ".".join(str(seed.choice(_BYTES)) for _ in range(4))
    return str(ipaddress.ip_address(":".join(f"{seed.choice(_GROUPS):x}" for _ in range(8))))


def test_explain_and_the_server_agree_on_ten_thousand_clients(no_drift: list[str]) -> None:
    """Random rules, random voters of both hooks with every kind of answer, random clients of both families: what is
    foretold happens, with the same reason."""
    counted = [0, 0]
    _agree(counted)
    assert counted[0] >= 10_000
    assert 1000 < counted[1] < counted[0] - 1000, "both happen often"
    no_drift.clear()  # moods are reported, as they should be


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:0", "tcp://*:0"])
def test_explain_and_a_real_server_agree(address: str) -> None:
    """The same over real sockets of one family and of both, from addresses that a machine has of its own."""
    rules = {"allow": ["127.0.0.0/8"], "deny": ["127.1.0.0/16", "127.0.3.0/24"]}
    listener = _listener({"access": Access(**rules)}, address)
    seen = set()
    with make_server(address, Yes, plugins={"access": Access(**rules)}) as server, DryRun(listener) as run:
        loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        loop.start()
        try:
            for number in range(300):
                host = f"127.{number % 3}.{number % 7}.{number % 250 + 1}"
                foretold = run.judge(_client(listener, host)).served
                assert _is_served(server.server_address[1], host) == foretold, host
                seen.add(foretold)
        finally:
            server.shutdown()
            loop.join()
    assert seen == {True, False}


def _is_served(port: int, client: str) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(client, 0)) as connection:
        try:
            return connection.recv(10) == b"yes"
        except ConnectionResetError:
            return False
