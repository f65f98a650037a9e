"""rpcbind without a network: who may do what, what is told to whom, and what bounds it."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpcbind_callers import call_from, rpcb_arguments, wire_call

from plugserve import ConfigurationError, ProtocolError
from plugserve_sunrpc.auth import AuthenticationFailed
from plugserve_sunrpc.message import AcceptStatus, AuthStatus, decode_reply
from plugserve_sunrpc.program import NoReply
from plugserve_sunrpc.protocols.rpcbind import call_args, mapping, netbuf, rpcb, rpcb_rmtcallargs
from plugserve_sunrpc.rpcbind import Registration, Registry, RPCBindHandler, rpcbind_handler
from plugserve_sunrpc.rpcbind.registry import SUPERUSER
from plugserve_sunrpc.rpcbind.universal import (
    NETIDS,
    canonical_address,
    universal_address,
    without_universal_address,
)

UNKNOWN = "unknown"
STRANGER = call_from(("203.0.113.9", 1023))
ROOT = call_from(("127.0.0.1", 700), local=("127.0.0.1", 111))
SOMEBODY = call_from(("127.0.0.1", 40000), local=("127.0.0.1", 111), insecure=True)
OTHER_UID = os.geteuid() + 4242
USER = call_from("", transport="unix", uid=OTHER_UID, local="/run/rpcbind.sock")


class Versions:
    """The three versions on a table of their own."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = Registry() if registry is None else registry
        self.handler = rpcbind_handler(self.registry)
        self.common = self.handler.common
        self.two: Any
        self.three: Any
        self.four: Any
        self.two, self.three, self.four = self.handler.programs


@pytest.fixture
def table() -> Versions:
    """Without registrations."""
    return Versions()


def entry(
    program: int = 300000, version: int = 1, netid: bytes = b"tcp", address: bytes = b"0.0.0.0.8.1", owner: bytes = b""
) -> rpcb:
    """What SET and the others are called with."""
    return rpcb(program, version, netid, address, owner)


@pytest.mark.parametrize(
    ("call", "owner"),
    [
        (STRANGER, None),
        (ROOT, SUPERUSER),
        (SOMEBODY, UNKNOWN),
        (call_from(("127.0.0.1", 40000)), None),
        (USER, str(OTHER_UID)),
        (call_from("", transport="unix", uid=0), SUPERUSER),
        (call_from("", transport="unix"), None),
        (call_from(("::1", 700, 0, 0)), SUPERUSER),
        (call_from(("::ffff:127.0.0.1", 700, 0, 0)), SUPERUSER),
        (call_from(("::ffff:203.0.113.9", 700, 0, 0)), None),
        (call_from(("127.0.0.1", 0)), None),
        (call_from("", transport="tcp", peer=("203.0.113.9", 700), uid=0), None),
        (call_from(("127.0.0.1", 700), peer=("127.0.0.1", 40000)), None),
        (call_from(("127.0.0.1", 700), peer=("203.0.113.9", 700)), None),
        (call_from(("203.0.113.9", 700), peer=("127.0.0.1", 700)), None),
        (call_from(("192.0.2.1", 700), local=("192.0.2.1", 111)), None),
    ],
)
def test_a_caller_is_who_the_kernel_says(call: Any, owner: str | None) -> None:
    """Unix sockets and loopback addresses are this host; a proxy makes nobody local, and nobody's claim does."""
    assert Versions().common.owner(call) == owner


def test_where_everybody_may_bind_low_ports_they_prove_nothing(table: Versions) -> None:
    """A port below 1024 is root's only as far as the system says."""
    table.common._unprivileged = 0
    assert table.common.owner(ROOT) is None


def test_nobody_is_local_by_a_proxys_word(table: Versions) -> None:
    """Who comes through a proxy of this host sees the list if he is of this host himself; he changes nothing."""
    for client, peer, local in (
        (("127.0.0.1", 700), ("203.0.113.9", 700), False),
        (("203.0.113.9", 700), ("127.0.0.1", 700), False),
        (("127.0.0.1", 700), ("127.0.0.1", 40000), True),
    ):
        call = call_from(client, peer=peer)
        assert table.common.is_local(call) is local
        assert not table.four.rpcbproc_set(call, entry())


def test_a_stranger_can_neither_register_nor_withdraw(table: Versions) -> None:
    """SET and UNSET of another host are answered with no, in every version; what is registered stays."""
    assert table.four.rpcbproc_set(SOMEBODY, entry())
    assert not table.four.rpcbproc_set(STRANGER, entry(300001))
    assert not table.three.rpcbproc_set(STRANGER, entry(300001))
    assert not table.two.pmapproc_set(STRANGER, mapping(300001, 1, socket.IPPROTO_TCP, 2049))
    assert not table.four.rpcbproc_unset(STRANGER, entry())
    assert not table.three.rpcbproc_unset(STRANGER, entry(netid=b""))
    assert not table.two.pmapproc_unset(STRANGER, mapping(300000, 1, 0, 0))
    assert [one.program for one in table.registry.all()] == [300000]


def test_nobody_but_root_withdraws_what_is_anothers(table: Versions) -> None:
    """The owner that a caller names is not looked at: only what the kernel tells is."""
    assert table.four.rpcbproc_set(USER, entry(owner=b"superuser"))
    assert [one.owner for one in table.registry.all()] == [str(OTHER_UID)]
    assert not table.four.rpcbproc_unset(SOMEBODY, entry(owner=str(OTHER_UID).encode()))
    assert not table.four.rpcbproc_set(SOMEBODY, entry(address=b"0.0.0.0.9.9"))
    assert table.four.rpcbproc_unset(ROOT, entry())
    assert table.four.rpcbproc_set(ROOT, entry(address=b"0.0.0.0.0.80"))
    assert not table.four.rpcbproc_unset(USER, entry())


def test_ports_below_1024_are_for_root_to_register(table: Versions) -> None:
    """Nobody else could serve there, so whoever says so means another's service."""
    assert not table.four.rpcbproc_set(USER, entry(address=b"0.0.0.0.3.255"))
    assert not table.two.pmapproc_set(SOMEBODY, mapping(300000, 1, socket.IPPROTO_UDP, 1023))
    assert table.four.rpcbproc_set(USER, entry(address=b"0.0.0.0.4.0"))


def test_what_is_registered_stays_until_it_is_withdrawn(table: Versions) -> None:
    """The same again is all right; another address for it is not."""
    assert table.four.rpcbproc_set(SOMEBODY, entry())
    assert table.four.rpcbproc_set(SOMEBODY, entry())
    assert not table.four.rpcbproc_set(SOMEBODY, entry(address=b"0.0.0.0.8.2"))
    assert table.four.rpcbproc_getaddr(SOMEBODY, entry()) == b"127.0.0.1.8.1"
    assert table.four.rpcbproc_unset(SOMEBODY, entry(netid=b""))
    assert not table.four.rpcbproc_unset(SOMEBODY, entry(netid=b""))
    assert table.four.rpcbproc_getaddr(SOMEBODY, entry()) == b""


def test_rpcbind_itself_can_be_neither_replaced_nor_withdrawn(table: Versions) -> None:
    """Not even by root: the listeners are in the list as long as they are there."""
    assert not table.four.rpcbproc_set(ROOT, entry(100000, 4))
    assert not table.four.rpcbproc_unset(ROOT, entry(100000, 4, netid=b""))


@pytest.mark.parametrize(
    ("netid", "address"),
    [
        (b"tcp", b""),
        (b"tcp", b"0.0.0.0.8"),
        (b"tcp", b"0.0.0.0.256.1"),
        (b"tcp", b"0.0.0.0.0.0"),
        (b"tcp", b"0.0.0.0.8.-1"),
        (b"tcp", "0.0.0.0.8.\N{ARABIC-INDIC DIGIT ONE}".encode()),
        (b"tcp", b"::.8.1"),
        (b"tcp", b"host.example.8.1"),
        (b"tcp", b"0.0.0.0.8.1\0"),
        (b"tcp", b"9" * 9000),
        (b"tcp6", b"0.0.0.0.8.1"),
        (b"tcp6", b"fe80::1%eth0\x1b[2J.8.1x"),
        (b"local", b"relative.sock"),
        (b"local", b"/" + b"x" * 200),
        (b"local", b"/run/a\0b"),
        (b"local", b"/run/\x1b[2Ja"),
        (b"ticots", b"anything"),
        (b"", b"0.0.0.0.8.1"),
        (b"\xff\xfe", b"0.0.0.0.8.1"),
    ],
)
def test_what_nobody_could_call_is_not_registered(table: Versions, netid: bytes, address: bytes) -> None:
    """An address must be one of its transport, with a port; a path must be absolute."""
    assert not table.four.rpcbproc_set(ROOT, entry(netid=netid, address=address))
    assert len(table.registry) == 0


def test_the_registry_is_bounded_for_all_and_for_each_owner() -> None:
    """One user cannot fill it; and when it is full, SET says no."""
    registry = Registry(entries=5, entries_of_owner=2)

    def registers(program: int, owner: str) -> bool:
        return registry.set(Registration(program, 1, "tcp", "0.0.0.0.8.1", owner))

    assert [registers(program, "1000") for program in (1, 2, 3)] == [True, True, False]
    assert [registers(program, SUPERUSER) for program in (3, 4, 5, 6)] == [True, True, True, False]
    table = Versions(registry)
    assert not table.four.rpcbproc_set(ROOT, entry(7))
    assert table.four.rpcbproc_set(ROOT, entry(5))


def test_an_address_is_told_as_the_caller_can_use_it(table: Versions) -> None:
    """All addresses of the host become the one that was asked, and loopback on a Unix socket. It is an address of the
    transport that the question came on (RFC 1833, section 2.2.1), and of the one that is named on a Unix socket."""
    for netid, address in ((b"tcp", b"0.0.0.0.8.1"), (b"tcp6", b"::.8.1"), (b"udp", b"192.0.2.7.8.1")):
        assert table.four.rpcbproc_set(ROOT, entry(netid=netid, address=address))
    assert table.four.rpcbproc_set(ROOT, entry(netid=b"local", address=b"/run/it.sock"))
    stranger6 = call_from(("2001:db8::9", 4000, 0, 0), local=("2001:db8::1", 111, 0, 0))
    assert table.four.rpcbproc_getaddr(STRANGER, entry()) == b"192.0.2.1.8.1"
    assert table.four.rpcbproc_getaddr(stranger6, entry(netid=b"tcp6")) == b"2001:db8::1.8.1"
    datagram = call_from(("203.0.113.9", 4000), transport="udp")
    assert table.four.rpcbproc_getaddr(datagram, entry(netid=b"tcp")) == b"192.0.2.7.8.1"
    assert table.four.rpcbproc_getaddr(USER, entry(netid=b"local")) == b"/run/it.sock"
    assert table.four.rpcbproc_getaddr(USER, entry(netid=b"")) == b"/run/it.sock"
    assert table.four.rpcbproc_getaddr(USER, entry()) == b"127.0.0.1.8.1"
    assert table.four.rpcbproc_getaddr(USER, entry(netid=b"tcp6")) == b"::1.8.1"
    assert table.four.rpcbproc_getaddr(USER, entry(netid=b"nonsense")) == b""
    listed = [
        (one.rpcb_entry_map.r_nc_netid, one.rpcb_entry_map.r_maddr)
        for one in table.four.rpcbproc_getaddrlist(STRANGER, entry())
    ]
    assert listed == [(b"tcp", b"192.0.2.1.8.1"), (b"udp", b"192.0.2.7.8.1")]


def test_another_version_is_told_unless_it_must_be_exact(table: Versions) -> None:
    """GETADDR and GETPORT send the client to the program, which says which versions it has; GETVERSADDR does not."""
    assert table.four.rpcbproc_set(ROOT, entry(version=2, address=b"0.0.0.0.8.2"))
    assert table.four.rpcbproc_set(ROOT, entry(version=3, address=b"0.0.0.0.8.3"))
    assert table.four.rpcbproc_getaddr(STRANGER, entry(version=9)) == b"192.0.2.1.8.3"
    assert table.four.rpcbproc_getversaddr(STRANGER, entry(version=9)) == b""
    assert table.four.rpcbproc_getversaddr(STRANGER, entry(version=2)) == b"192.0.2.1.8.2"
    two = table.two
    assert two.pmapproc_getport(STRANGER, mapping(300000, 9, socket.IPPROTO_TCP, 0)) == 0x803
    assert two.pmapproc_getport(STRANGER, mapping(300000, 2, socket.IPPROTO_UDP, 0)) == 0
    assert two.pmapproc_getport(STRANGER, mapping(300000, 2, 99, 0)) == 0


def test_strangers_get_no_list_and_no_statistics(table: Versions) -> None:
    """They are told why, in less than they asked with."""
    datagram = call_from(("203.0.113.9", 4000), transport="udp")
    for ask in (table.four.rpcbproc_dump, table.three.rpcbproc_dump, table.four.rpcbproc_getstat):
        for caller in (STRANGER, datagram):
            with pytest.raises(AuthenticationFailed) as refused:
                ask(caller)
            assert refused.value.status is AuthStatus.AUTH_TOOWEAK
    with pytest.raises(AuthenticationFailed):
        table.two.pmapproc_dump(call_from(("203.0.113.9", 1023), version=2))
    assert table.four.rpcbproc_dump(SOMEBODY) == ()
    assert table.four.rpcbproc_dump(call_from(("203.0.113.9", 4000), dump="all")) == ()


def test_calls_to_other_programs_are_never_passed_on(table: Versions) -> None:
    """CALLIT and BCAST are silent (RFC 1833, section 3.2); INDIRECT is no procedure."""
    arguments = rpcb_rmtcallargs(300000, 1, 0, b"")
    with pytest.raises(NoReply):
        table.two.pmapproc_callit(SOMEBODY, call_args(300000, 1, 0, b""))
    with pytest.raises(NoReply):
        table.three.rpcbproc_callit(SOMEBODY, arguments)
    with pytest.raises(NoReply):
        table.four.rpcbproc_bcast(SOMEBODY, arguments)
    assert 10 not in table.four.procedures


def test_the_time_has_32_bits(table: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds since 1970, also after 2106."""
    monkeypatch.setattr("time.time", lambda: 4294967296.0 + 7.5)
    assert table.four.rpcbproc_gettime(STRANGER) == 7


@pytest.mark.parametrize(("address", "size"), [("192.0.2.1.0.111", 16), ("2001:db8::7.255.255", 28)])
def test_an_address_in_the_hosts_own_form_comes_back(table: Versions, address: str, size: int) -> None:
    """UADDR2TADDR and TADDR2UADDR are each other's reverse; what is no address is empty."""
    taken = table.four.rpcbproc_uaddr2taddr(STRANGER, address.encode())
    assert taken.maxlen == len(taken.buf) == size
    assert table.four.rpcbproc_taddr2uaddr(STRANGER, taken) == address.encode()
    assert table.four.rpcbproc_uaddr2taddr(STRANGER, b"nonsense").buf == b""
    assert table.four.rpcbproc_taddr2uaddr(STRANGER, netbuf(3, b"abc")) == b""


def test_statistics_are_bounded(table: Versions) -> None:
    """Who asks for one program after the other that is not there does not make the list grow."""
    for program in range(300001, 300400):
        table.four.rpcbproc_getaddr(call_from(("203.0.113.9", 1023), procedure=3), entry(program))
    assert table.four.rpcbproc_set(ROOT, entry())
    table.four.rpcbproc_getaddr(call_from(("203.0.113.9", 1023), procedure=3), entry())
    _, _, four = table.four.rpcbproc_getstat(ROOT)
    assert len(four.addrinfo) <= 128
    assert (four.addrinfo[-1].prog, four.addrinfo[-1].success, four.addrinfo[-1].failure_) == (300000, 1, 0)
    assert (four.info[3], four.setinfo, four.unsetinfo) == (400, 1, 0)


@pytest.mark.parametrize("dump", ["some", ""])
def test_a_wrong_option_is_refused(dump: str) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigurationError, match="choose 'local' or 'all'"):
        RPCBindHandler.Options(dump=dump)  # type: ignore[arg-type]  # that is the point


@given(st.sampled_from(sorted(NETIDS)), st.text(max_size=60))
def test_any_text_is_a_universal_address_or_a_protocol_error(netid: str, text: str) -> None:
    """Nothing else is raised, and what is taken has one form."""
    try:
        canonical = canonical_address(netid, text)
    except ProtocolError:
        return
    assert canonical_address(netid, canonical) == canonical


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_address_and_port_has_a_universal_address(host: Any, port: int) -> None:
    """Of both families."""
    text = universal_address(str(host), port)
    assert canonical_address("tcp" if host.version == 4 else "udp6", text) == text
    assert without_universal_address(text) == (str(host), port)


@given(st.integers(2, 4), st.integers(0, 13), st.binary(max_size=80))
def test_any_arguments_get_a_reply_or_none(version: int, procedure: int, arguments: bytes) -> None:
    """A call of rpcbind with anything behind its header is answered with results, a refusal, or not at all."""
    handler = RPCBindHandler.for_test(context=STRANGER.context)
    handler.client_address = STRANGER.context.client_address
    answer = handler._reply(wire_call(version, procedure, arguments))
    if answer is not None:
        reply: Any = decode_reply(answer)
        assert getattr(reply, "status", None) is not AcceptStatus.SYSTEM_ERR


def test_a_text_longer_than_a_call_may_be_is_never_taken() -> None:
    """CVE-2017-8779, rpcbomb: memory for lengths that a call announces. Nothing is taken for more than is there, and no
    call is longer than 16 KiB."""
    handler = RPCBindHandler.for_test(context=STRANGER.context)
    handler.client_address = STRANGER.context.client_address
    bomb = wire_call(4, 3, rpcb_arguments(1, 1)[:8] + b"\x7f\xff\xff\xff" + b"tcp\0")
    answer = handler._reply(bomb)
    assert answer is not None
    reply: Any = decode_reply(answer)
    assert reply.status is AcceptStatus.GARBAGE_ARGS
    assert RPCBindHandler.Options().record <= 16384
