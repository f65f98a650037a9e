from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpc_oracle import NUMBER, Oracle

from plugserve import ConfigurationError, ProtocolError, ProtocolHandler, ThreadingTCPServer
from plugserve.testing import hosted
from plugserve_sunrpc import AuthenticationRefused, ProcedureUnavailable, SystemFailure, rpc_handler
from plugserve_sunrpc.failures import results_of
from plugserve_sunrpc.message import decode_reply, encode_call
from plugserve_sunrpc.protocols import rpcbind as x
from plugserve_sunrpc.record import encode_record
from plugserve_sunrpc.rpcbind import (
    Registration,
    Registry,
    Rpcbind,
    rpcbind_handler,
    universal_address,
    without_universal_address,
)
from plugserve_sunrpc.xdr import Packer

ROOT = ("127.0.0.1", 700)
USER = ("127.0.0.1", 40000)
STRANGER = ("192.0.2.1", 700)
HERE = Path(__file__).parent


class Asking:
    """Stubs that ask a handler, without a network."""

    def __init__(self, **options: Any) -> None:
        self.registry = Registry(entries=20)
        self.kind = rpcbind_handler(self.registry)
        self.options = self.kind.Options(**options)

    def stub(self, kind: Any, address: Any) -> Any:
        handler = self.kind.for_test(options=self.options)
        handler.client_address = address

        def call(stub: Any, procedure: int, pack: Any, unpack: Any) -> Any:
            packer = Packer()
            pack(packer)
            data = handler.receive(encode_record(encode_call(1, kind.program, kind.version, procedure, packer.data())))
            if data is None:
                return None
            return results_of(decode_reply(data[4:]), unpack)

        return type("Stub", (kind,), {"_call": call})()

    def v2(self, address: Any = ROOT) -> Any:
        return self.stub(x.PMAP_VERSClient, address)

    def v3(self, address: Any = ROOT) -> Any:
        return self.stub(x.RPCBVERSClient, address)

    def v4(self, address: Any = ROOT) -> Any:
        return self.stub(x.RPCBVERS4Client, address)


def entry(version: int = 1, netid: bytes = b"tcp", address: bytes = b"0.0.0.0.8.1") -> x.rpcb:
    """What is registered."""
    return x.rpcb(NUMBER, version, netid, address, b"")


def test_an_entry_is_made_and_removed_by_root_on_loopback() -> None:
    """In each version of the protocol, on one table."""
    asking = Asking()
    assert asking.v3().rpcbproc_set(entry()) is True
    assert asking.v3().rpcbproc_set(entry()) is True
    assert asking.v4().rpcbproc_set(entry(address=b"0.0.0.0.8.2")) is False
    assert asking.v2().pmapproc_set(x.mapping(NUMBER, 2, x.IPPROTO_UDP, 2050)) is True
    assert asking.v2().pmapproc_getport(x.mapping(NUMBER, 1, x.IPPROTO_TCP, 0)) == 2049
    assert [item.map for item in asking.v2().pmapproc_dump()] == [
        x.mapping(NUMBER, 1, 6, 2049),
        x.mapping(NUMBER, 2, 17, 2050),
    ]
    assert [item.rpcb_map.r_owner for item in asking.v4().rpcbproc_dump()] == [b"superuser", b"superuser"]
    assert asking.v4().rpcbproc_unset(entry()) is True
    assert asking.v4().rpcbproc_unset(entry()) is False
    assert asking.v2().pmapproc_unset(x.mapping(NUMBER, 2, 0, 0)) is True
    assert len(asking.registry) == 0


@pytest.mark.parametrize("address", [STRANGER, USER, ("10.0.0.1", 111), ("::ffff:192.0.2.1", 700), ("fe80::1", 700)])
def test_nobody_else_changes_the_table(address: Any) -> None:
    """Neither strangers, nor users without a privileged port."""
    asking = Asking()
    asking.v3().rpcbproc_set(entry())
    for change in (asking.v3(address), asking.v4(address)):
        assert change.rpcbproc_set(entry(2)) is False
        assert change.rpcbproc_unset(entry()) is False
    assert asking.v2(address).pmapproc_set(x.mapping(NUMBER, 2, 6, 3000)) is False
    assert asking.v2(address).pmapproc_unset(x.mapping(NUMBER, 1, 6, 0)) is False
    assert [one.version for one in asking.registry.all()] == [1]


def test_with_insecure_users_may_register_and_not_touch_what_is_roots() -> None:
    """Nor take a port that only root has, nor stand for rpcbind itself."""
    asking = Asking(insecure=True)
    asking.v3().rpcbproc_set(entry())
    user = asking.v3(USER)
    assert user.rpcbproc_set(entry(2)) is True
    assert user.rpcbproc_unset(entry(2)) is True
    assert user.rpcbproc_unset(entry(1)) is False
    assert user.rpcbproc_set(entry(3, address=b"0.0.0.0.3.255")) is False
    assert user.rpcbproc_set(x.rpcb(100000, 5, b"tcp", b"0.0.0.0.8.1", b"")) is False


@pytest.mark.parametrize(
    ("netid", "address"),
    [(b"carrier-pigeon", b"0.0.0.0.8.1"), (b"tcp", b"nonsense"), (b"tcp", b"0.0.0.0.0.0"), (b"tcp", b""),
     (b"tcp", b"0.0.0.0.256.1"), (b"local", b"relative"), (b"tcp", b"\xff" * 300), (b"", b"0.0.0.0.8.1")],
)  # fmt: skip
def test_what_is_no_address_is_not_registered(netid: bytes, address: bytes) -> None:
    """False, and no entry."""
    asking = Asking()
    assert asking.v4().rpcbproc_set(entry(1, netid, address)) is False
    assert len(asking.registry) == 0


def test_the_table_is_bounded() -> None:
    """However many programs somebody registers, and the statistics however many are asked for."""
    asking = Asking()
    assert [asking.v3().rpcbproc_set(entry(number)) for number in range(25)].count(True) == 20
    for number in range(300):
        assert asking.v3(STRANGER).rpcbproc_getaddr(x.rpcb(number, 1, b"tcp", b"", b"")) == b""
    statistics = asking.v4().rpcbproc_getstat()
    assert len(statistics[1].addrinfo) == 64
    assert statistics[1].info[3] == 300


def test_strangers_ask_for_one_program_and_not_for_all() -> None:
    """DUMP and GETSTAT are for local callers, unless the option says otherwise."""
    asking = Asking()
    asking.v3().rpcbproc_set(entry())
    assert asking.v3(STRANGER).rpcbproc_getaddr(entry()) == b"0.0.0.0.8.1"
    for question in (
        asking.v2(STRANGER).pmapproc_dump,
        asking.v3(STRANGER).rpcbproc_dump,
        asking.v4(STRANGER).rpcbproc_dump,
        asking.v4(STRANGER).rpcbproc_getstat,
    ):
        with pytest.raises(AuthenticationRefused):
            question()
    open_to_all = Asking(dump="all")
    assert open_to_all.v4(STRANGER).rpcbproc_dump() == ()
    assert len(open_to_all.v4(STRANGER).rpcbproc_getstat()) == 3


def test_indirect_calls_are_not_done() -> None:
    """CALLIT and BCAST get no reply, INDIRECT says that there is no such procedure."""
    asking = Asking()
    assert asking.v2().pmapproc_callit(x.call_args(100000, 2, 4, b"")) is None
    assert asking.v3().rpcbproc_callit(x.rpcb_rmtcallargs(100000, 3, 4, b"")) is None
    assert asking.v4().rpcbproc_bcast(x.rpcb_rmtcallargs(100000, 3, 4, b"")) is None
    with pytest.raises(ProcedureUnavailable):
        asking.v4().rpcbproc_indirect(x.rpcb_rmtcallargs(100000, 3, 4, b""))


def test_another_version_is_an_answer_unless_the_question_is_exact() -> None:
    """So that the program itself says which versions it has."""
    asking = Asking()
    asking.v3().rpcbproc_set(entry(2))
    assert asking.v4().rpcbproc_getaddr(entry(9)) == b"0.0.0.0.8.1"
    assert asking.v4().rpcbproc_getversaddr(entry(9)) == b""
    assert asking.v4().rpcbproc_getversaddr(entry(2)) == b"0.0.0.0.8.1"


def test_what_listens_on_loopback_is_no_answer_for_strangers() -> None:
    """They could not reach it."""
    asking = Asking()
    asking.v3().rpcbproc_set(entry(address=b"127.0.0.1.8.1"))
    assert asking.v3(STRANGER).rpcbproc_getaddr(entry()) == b""
    assert asking.v3().rpcbproc_getaddr(entry()) == b"127.0.0.1.8.1"


def test_all_addresses_of_a_version_are_listed() -> None:
    """Those of the family that the question came by."""
    asking = Asking()
    for netid, address in ((b"tcp", b"0.0.0.0.8.1"), (b"udp", b"0.0.0.0.8.2"), (b"tcp6", b"::.8.3")):
        asking.v4().rpcbproc_set(entry(1, netid, address))
    found = [item.rpcb_entry_map for item in asking.v4().rpcbproc_getaddrlist(entry())]
    assert [(one.r_nc_netid, one.r_maddr, one.r_nc_semantics) for one in found] == [
        (b"tcp", b"0.0.0.0.8.1", 3),
        (b"udp", b"0.0.0.0.8.2", 1),
    ]


@pytest.mark.parametrize("address", ["127.0.0.1.8.1", "::1.0.111", "2001:db8::5.255.255"])
def test_addresses_are_translated_both_ways(address: str) -> None:
    """From universal to this host's form and back; what is none is empty."""
    asking = Asking()
    native = asking.v3().rpcbproc_uaddr2taddr(address.encode())
    assert int.from_bytes(native.buf[:2], sys.byteorder) in (2, 10)
    assert asking.v3().rpcbproc_taddr2uaddr(native) == address.encode()
    assert asking.v3().rpcbproc_uaddr2taddr(b"nonsense") == x.netbuf(0, b"")
    assert asking.v3().rpcbproc_taddr2uaddr(x.netbuf(3, b"abc")) == b""


@given(st.text(max_size=40) | st.binary(max_size=20).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_universal_address_or_the_protocol_error(text: str) -> None:
    """And one is written as it is read."""
    try:
        host, port = without_universal_address(text)
    except ProtocolError:
        return
    assert without_universal_address(universal_address(host, port)) == (host, port)


def test_over_udp_no_reply_is_longer_than_its_call() -> None:
    """For a stranger; whoever needs more asks over TCP."""
    registry = Registry()
    for number in range(50):
        registry.set(Registration(NUMBER, number, "udp", "0.0.0.0.8.1", "superuser"))
    kind = rpcbind_handler(registry)
    with hosted("memory", kind, datagrams=True, options=kind.Options(dump="all")) as host:
        server: Any = host.server
        for version, procedure in ((2, 4), (3, 4), (4, 4), (4, 12)):
            question = encode_call(1, 100000, version, procedure)
            server.send_datagram(question, STRANGER)
            server.run()
            reply = server.take_replies()[0][0]
            assert len(reply) <= len(question)
            with pytest.raises(SystemFailure):
                results_of(decode_reply(reply), lambda unpacker: None)
        question = encode_call(1, 100000, 2, 3, struct.pack(">IIII", NUMBER, 1, 17, 0))
        server.send_datagram(question, STRANGER)
        server.run()
        assert len(server.take_replies()[0][0]) <= len(question)
        for _, datagram in enumerate([encode_call(1, 100000, 2, 5, struct.pack(">IIII", 100000, 2, 4, 0))]):
            server.send_datagram(datagram, STRANGER)
            server.run()
            assert server.take_replies() == []


@pytest.fixture(autouse=True)
def forget_warnings(no_drift: list[str]) -> Any:
    """Replies that were too long are warned of, as they should be."""
    yield
    no_drift[:] = [line for line in no_drift if "may not be sent to a source that may be forged" not in line]


def test_the_plugin_wants_programs() -> None:
    """And an address that there may be."""

    class Plain(ProtocolHandler):
        pass

    with pytest.raises(ConfigurationError, match="Plain serves no RPC programs"):
        ThreadingTCPServer(("127.0.0.1", 0), Plain, plugins=[Rpcbind()])
    with pytest.raises(ConfigurationError, match="address"):
        Rpcbind(address="nonsense")


def test_a_listener_starts_without_rpcbind_only_if_that_is_allowed(tmp_path: Path, no_drift: list[str]) -> None:
    """Otherwise clients would look for it in vain."""
    nowhere = f"unix://{tmp_path}/nothing.sock"
    handler = rpc_handler(Oracle())
    with pytest.raises(ConfigurationError, match=r"start rpcbind, or say required = false"):
        ThreadingTCPServer(("127.0.0.1", 0), handler, plugins=[Rpcbind(address=nowhere)])
    ThreadingTCPServer(("127.0.0.1", 0), handler, plugins=[Rpcbind(address=nowhere, required=False)]).server_close()
    assert "not registered" in no_drift[0]
    no_drift.clear()


@pytest.fixture(scope="module")
def world() -> Callable[[str], dict[str, Any]]:
    """What happens in a network of its own, with an rpcbind of a kind."""
    known: dict[str, dict[str, Any]] = {}

    def look(kind: str) -> dict[str, Any]:
        missing = [
            package
            for name, package in (("rpcinfo", "rpcbind"), ("unshare", "util-linux"), ("ip", "iproute2"))
            if not shutil.which(name)
        ]
        if missing:
            message = f"not installed: apt-get install {' '.join(missing)}"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, check=False).returncode:
            pytest.skip("this process may not have a network of its own")
        if kind not in known:
            script = f"ip link set lo up && mount -t tmpfs none /run && exec {sys.executable} rpcbind_world.py {kind}"
            done = subprocess.run(
                ["timeout", "50", "unshare", "-n", "-m", "sh", "-c", script],
                cwd=HERE,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            known[kind] = json.loads(done.stdout)
        return known[kind]

    return look


@pytest.mark.parametrize("kind", ["ours", "theirs"])
def test_rpcinfo_sees_what_is_registered_in_all_its_modes(world: Callable[[str], dict[str, Any]], kind: str) -> None:
    """With our rpcbind, and with the C one that our plugin registers with."""
    found = world(kind)
    tcp, udp = found["ports"]
    for mode in ("p", "p host"):
        lines = [line.split() for line in found[mode].splitlines()]
        for version in ("1", "3"):
            assert [str(NUMBER), version, "tcp", tcp] in [line[:4] for line in lines]
            assert [str(NUMBER), version, "udp", udp] in [line[:4] for line in lines]
        assert ["100000", "4", "tcp", "111", "portmapper"] in lines
    universal = f"127.0.0.1.{int(tcp) >> 8}.{int(tcp) & 255}"
    assert [str(NUMBER), "3", "tcp", universal, "-", "superuser"] in [
        line.split() for line in found["all"].splitlines()
    ]
    assert any(line.split()[:1] == [str(NUMBER)] and "3,1" in line for line in found["s"].splitlines()) or (
        "1,3" in found["s"]
    )
    assert "RPCBIND (version 4) statistics" in found["m"]
    both = [f"program {NUMBER} version {version} ready and waiting" for version in (1, 3)]
    assert [line for line in found["T tcp"].splitlines() if "ready" in line] == both
    assert [line for line in found["u"].splitlines() if "ready" in line] == both
    assert found["T udp"].splitlines() == both[1:]
    assert found["a"].splitlines() == both[1:]
    assert found["t"].splitlines() == both[:1]
    assert found["n"].splitlines() == both[:1]
    assert universal in found["l"]
    assert "Program/version mismatch; low version = 1, high version = 3" in found["missing"]
    assert "Program not registered" in found["unknown"] or "not available" in found["unknown"]


@pytest.mark.parametrize("kind", ["ours", "theirs"])
def test_a_program_is_found_registered_once_withdrawn_and_replaced_after_a_crash(
    world: Callable[[str], dict[str, Any]], kind: str
) -> None:
    """By the plugin, over the Unix socket."""
    found = world(kind)
    tcp, udp = found["ports"]
    assert found["lookup"] == [f"tcp://127.0.0.1:{tcp}", f"udp://127.0.0.1:{udp}"]
    assert found["called"] == 42
    assert "a server answers there" in found["second"]
    assert str(NUMBER) not in found["withdrawn"]
    old, new, text = found["replaced"]
    assert str(old) in found["stale"]
    assert str(new) in text
    assert str(old) not in text.replace(str(new), "")
    if kind == "ours":  # the C one is content with what root wants, if there is nothing
        assert "Could not delete" in found["deleted"]
    assert found["d"] == ""
    versions = [line.split()[1] for line in found["after d"].splitlines() if line.split()[:1] == [str(NUMBER)]]
    assert versions == ["3"]
