"""The plugin `rpcbind`, with the rpcbind of Debian, our own, and a port mapper that has version 2 only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rpc_oracle import NUMBER
from rpcbind_beside import Done, need, run_beside

HERE = Path(__file__).parent
SERVICE = ["python", str(HERE / "rpcbind_service.py")]
ALL = ["ours", "debian", "port mapper"]


def beside(rpcbind: str, *commands: list[str]) -> list[Done]:
    """Run commands with an rpcbind, if there is that one."""
    if rpcbind == "debian":
        need("rpcbind", "rpcbind")
    return run_beside(rpcbind, list(commands))


def listed(done: Done) -> dict[str, set[str]]:
    """Versions and transports of the oracle, as `rpcinfo -s` lists them."""
    row = re.search(rf"^\s*{NUMBER}\s+(\S+)\s+(\S+)", done.out, re.MULTILINE)
    return {} if row is None else {"versions": set(row[1].split(",")), "netids": set(row[2].split(","))}


@pytest.mark.parametrize("rpcbind", ["ours", "debian"])
def test_a_program_is_found_while_it_is_served(rpcbind: str) -> None:
    """All versions on all transports of its listeners, found and called by rpcinfo; afterwards nothing is left."""
    served, after = beside(rpcbind, [*SERVICE, "serve", "tcp", "udp", "unix"], ["rpcinfo", "-s"])
    assert listed(served) == {"versions": {"1", "3"}, "netids": {"tcp", "udp", "local"}}, served
    assert served.out.count(f"program {NUMBER} version 1 ready and waiting") == 2
    assert served.out.count(f"program {NUMBER} version 3 ready and waiting") == 2
    assert served.err.count("Program/version mismatch; low version = 1, high version = 3") == 2
    assert after.status == 0
    assert listed(after) == {}


@pytest.mark.parametrize("rpcbind", ["ours", "debian"])
def test_a_socket_of_both_families_is_registered_for_both(rpcbind: str) -> None:
    """`tcp6` and `tcp`."""
    served, after = beside(rpcbind, [*SERVICE, "serve", "v6"], ["rpcinfo", "-s"])
    assert listed(served)["netids"] == {"tcp", "tcp6"}, served
    assert f"program {NUMBER} version 1 ready and waiting" in served.out
    assert listed(after) == {}


@pytest.mark.parametrize("rpcbind", ALL)
def test_what_a_crash_has_left_is_replaced(rpcbind: str) -> None:
    """The next start is found at its own ports, over TCP and UDP, and withdraws all at its end."""
    ask = ["rpcinfo", "-p", "127.0.0.1"]
    crashed, left, again, after = beside(
        rpcbind, [*SERVICE, "crash", "tcp", "udp"], ask, [*SERVICE, "serve", "tcp", "udp"], ask
    )
    assert crashed.status == 0, crashed.err
    assert str(NUMBER) in left.out
    assert again.out.count(f"program {NUMBER} version 1 ready and waiting") == 2, again
    assert str(NUMBER) not in after.out


@pytest.mark.parametrize("rpcbind", ALL)
def test_the_place_of_a_live_server_is_not_taken(rpcbind: str) -> None:
    """A second one refuses to start, and says who is in the way; the first is still found, and called."""
    both, after = beside(rpcbind, [*SERVICE, "twice", "tcp", "udp"], ["rpcinfo", "-p", "127.0.0.1"])
    assert f"refused: plugin 'rpcbind': program {NUMBER} version 1 is registered for tcp" in both.out, both
    assert both.out.count(f"program {NUMBER} version 1 ready and waiting") == 2
    assert str(NUMBER) not in after.out


def test_without_rpcbind_a_listener_refuses_to_start_unless_it_may() -> None:
    """It says what to do; with `required = false` it serves, and the log is told."""
    refused, served = beside("none", [*SERVICE, "serve", "tcp"], [*SERVICE, "serve", "tcp", "optional"])
    assert "start rpcbind, or say required = false" in refused.out
    assert "refused" not in served.out
    assert "not registered" in served.err
