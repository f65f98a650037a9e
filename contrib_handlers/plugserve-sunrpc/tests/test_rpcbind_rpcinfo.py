"""The handler `rpcbind` on sockets, and what rpcinfo says of it."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rpcbind_beside import run_beside
from rpcbind_callers import rpcb_arguments, wire_call

from plugserve import ConfigurationError, ForkingTCPServer
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve.testing.hosting import DATAGRAM_ENGINES
from plugserve_sunrpc import RPCClient
from plugserve_sunrpc.protocols.rpcbind import PMAP_VERSClient, RPCBVERS4Client, RPCBVERSClient, mapping, rpcb
from plugserve_sunrpc.rpcbind import RPCBindHandler, rpcbind_handler

SHARING = [name for name in STREAM_ENGINES if name != "forking"]
SHARING_DATAGRAMS = [name for name in DATAGRAM_ENGINES if name != "forking"]


@pytest.mark.parametrize("engine", [name for name in SHARING if name != "memory"])
def test_what_one_version_registers_the_others_find(engine: str) -> None:
    """Over TCP, on every engine that has one memory."""
    with hosted(engine, rpcbind_handler(), options=RPCBindHandler.Options(insecure=True)) as host:
        address = host.server.server_address
        with RPCClient(f"tcp://{address[0]}:{address[1]}") as client:
            two, three = client.stub(PMAP_VERSClient), client.stub(RPCBVERSClient)
            four = client.stub(RPCBVERS4Client)
            assert two.pmapproc_set(mapping(300000, 1, socket.IPPROTO_TCP, 2049))
            assert three.rpcbproc_getaddr(rpcb(300000, 1, b"tcp", b"", b"")) == b"127.0.0.1.8.1"
            assert four.rpcbproc_set(rpcb(300000, 2, b"udp6", b"::1.8.2", b"somebody"))
            assert [(one.rpcb_map.r_vers, one.rpcb_map.r_netid) for one in four.rpcbproc_dump()][-2:] == [
                (1, b"tcp"),
                (2, b"udp6"),
            ]
            assert two.pmapproc_getport(mapping(300000, 1, socket.IPPROTO_TCP, 0)) == 2049
            assert len(two.pmapproc_dump()) == 4
            assert two.pmapproc_unset(mapping(300000, 1, 0, 0))
            assert two.pmapproc_getport(mapping(300000, 1, socket.IPPROTO_TCP, 0)) == 0
            assert four.rpcbproc_gettime() > 1_700_000_000
            assert four.rpcbproc_getstat()[2].setinfo == 1


def test_an_engine_with_a_child_for_each_request_is_refused() -> None:
    """What is registered in a child would be gone with it."""
    with pytest.raises(ConfigurationError, match="RPCBindHandler needs the memory of all requests in one process"):
        ForkingTCPServer(("127.0.0.1", 0), RPCBindHandler)


def test_rpcinfo_lists_what_is_there() -> None:
    """-p, -s, -m and without an option; on the Unix socket, and on loopback by version 2."""
    plain, portmapper, short, statistics, remote = run_beside(
        "ours",
        [["rpcinfo"], ["rpcinfo", "-p"], ["rpcinfo", "-s"], ["rpcinfo", "-m"], ["rpcinfo", "-p", "127.0.0.1"]],
    )
    assert {done.status for done in (plain, portmapper, short, statistics, remote)} == {0}
    assert "100000    4    local     /run/rpcbind.sock" in plain.out
    assert "100000    2   udp    111  portmapper" in portmapper.out
    assert short.out.split("\n")[1].split() == ["100000", "4,3,2", "local,udp,tcp", "portmapper", "superuser"]
    assert "RPCBIND (version 4) statistics" in statistics.out
    assert remote.out == portmapper.out


def test_rpcinfo_calls_programs_through_it() -> None:
    """-T, -t, -u, -a and -l find what rpcbind says, and the program answers there."""
    commands = [
        ["rpcinfo", "-T", "tcp", "127.0.0.1", "100000"],
        ["rpcinfo", "-T", "udp", "127.0.0.1", "100000", "4"],
        ["rpcinfo", "-t", "127.0.0.1", "100000", "3"],
        ["rpcinfo", "-u", "192.0.2.1", "100000", "2"],
        ["rpcinfo", "-n", "111", "-u", "127.0.0.1", "100000", "2"],
        ["rpcinfo", "-a", "127.0.0.1.0.111", "-T", "tcp", "100000", "4"],
        ["rpcinfo", "-l", "127.0.0.1", "100000", "4"],
    ]
    *called, listed = run_beside("ours", commands)
    assert all(done.status == 0 and "ready and waiting" in done.out for done in called), called
    assert "inet/tcp/cots_ord" in listed.out
    assert "127.0.0.1.0.111" in listed.out


def test_rpcinfo_withdraws_what_may_be_withdrawn() -> None:
    """-d as root withdraws what was registered, and never rpcbind itself; -T says what is not there."""
    register = (
        "from plugserve_sunrpc import RPCClient; from plugserve_sunrpc.protocols.rpcbind import *; "
        "print(RPCClient('unix:///run/rpcbind.sock').stub(RPCBVERS4Client)"
        ".rpcbproc_set(rpcb(300000, 1, b'tcp', b'0.0.0.0.8.1', b'')))"
    )
    registered, before, withdrawn, after, itself, unknown = run_beside(
        "ours",
        [
            ["python", "-c", register],
            ["rpcinfo", "-s"],
            ["rpcinfo", "-d", "300000", "1"],
            ["rpcinfo", "-s"],
            ["rpcinfo", "-d", "100000", "4"],
            ["rpcinfo", "-T", "tcp", "127.0.0.1", "300000"],
        ],
    )
    assert registered.out == "True\n", registered.err
    assert "300000" in before.out
    assert withdrawn.status == 0
    assert "300000" not in after.out
    assert itself.status == 1
    assert "Program not registered" in unknown.err


def test_strangers_and_broadcasts_get_nothing_out_of_it() -> None:
    """From another address than loopback there is no list; `rpcinfo -b`, which has others called by broadcast, hears
    nothing, and the statistics say that it asked."""
    by_two, by_four, found, broadcast, statistics = run_beside(
        "ours",
        [
            ["rpcinfo", "-p", "192.0.2.1"],
            ["rpcinfo", "-s", "192.0.2.1"],
            ["rpcinfo", "-T", "tcp", "192.0.2.1", "100000", "2"],
            ["timeout", "3", "rpcinfo", "-b", "100000", "2"],
            ["rpcinfo", "-m"],
        ],
    )
    assert "Client credential too weak" in by_two.err
    assert "Client credential too weak" in by_four.err
    assert found.status == 0
    assert broadcast.out.strip() == ""
    rows = [line.split() for line in statistics.out.splitlines()]
    called = rows[rows.index(["NULL", "SET", "UNSET", "GETPORT", "DUMP", "CALLIT"]) + 1][-1]
    assert called.startswith("0/")
    assert called != "0/0"


@pytest.mark.parametrize("engine", [name for name in SHARING_DATAGRAMS if name != "memory"])
def test_over_udp_nothing_multiplies(engine: str) -> None:
    """Of all calls that a stranger could forge, no reply is longer than 1.3 times the call; CALLIT gets none."""
    with hosted(engine, rpcbind_handler(), datagrams=True) as host:
        address = host.server.server_address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.connect(address[:2])
            for version in (3, 4):
                call = wire_call(version, 3, rpcb_arguments(100000, 4, b"udp"), xid=version)
                sock.send(call)
                assert len(sock.recv(65536)) <= 1.3 * len(call)
            sock.send(wire_call(2, 5, rpcb_arguments(100000, 2)[:8] + bytes(8), xid=5))
            sock.send(wire_call(2, 0, xid=6))
            assert sock.recv(65536)[:4] == b"\0\0\0\6"


_BOMB = """
import resource, socket, sys
from plugserve.testing import hosted
from plugserve_sunrpc.rpcbind import RPCBindHandler
sys.path.insert(0, sys.argv[1])
from rpcbind_callers import rpcb_arguments, wire_call

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

with hosted("multiplexing", RPCBindHandler) as host:
    address = host.server.server_address
    def bomb(sock, i):
        call = wire_call(4, 3, rpcb_arguments(1, 1)[:8] + b"\\x7f\\xff\\xff\\xff" + b"tcp\\0", xid=i)
        sock.sendall((0x80000000 | len(call)).to_bytes(4) + call)
        assert sock.recv(65536)[:1] == b"\\x80"
    def round(n):
        socks = [socket.create_connection(address[:2]) for _ in range(n)]
        for i, sock in enumerate(socks):
            for j in range(3):
                bomb(sock, 3 * i + j)
        return socks
    for sock in round(100): sock.close()
    before = resident()
    socks = round(100)
    print(resident() - before)
    for sock in socks: sock.close()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the resident memory from Linux's /proc")
def test_a_bomb_leaves_no_memory_behind() -> None:
    """CVE-2017-8779, rpcbomb: texts of 2**31 bytes announced on a hundred connections cost a mebibyte at the most."""
    assert resource.getpagesize()
    here = str(Path(__file__).parent)
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": here}
    done = subprocess.run(
        [sys.executable, "-c", _BOMB, here], capture_output=True, text=True, timeout=50, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 1 << 20
