"""Clients and servers that rpcgen made, and libtirpc runs, against ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_sunrpc import ClientSys, Packer, RPCClient, Unpacker, load, rpc_handler
from plugserve_sunrpc.failures import GarbageArguments, ProcedureUnavailable, ProgramMismatch, ProgramUnavailable
from plugserve_sunrpc.program import Call

HERE = Path(__file__).parent
T: Any = load(HERE / "torture.x", name="torture_of_rpc")
ENGINES = [engine for engine in STREAM_ENGINES if engine != "memory"]


def scalars(start: int) -> Any:
    """A struct of numbers that are all different."""
    return T.scalars(
        -start, 2**32 - start, -(2**62) - start, 2**64 - start, start / 8, 1.1 * start, True, T.color.BLUE,
        -start, 250, -30000, 60000, -(2**31), 2**32 - 1, start,
    )  # fmt: skip


EXAMPLE = T.torture(
    scalars(1),
    T.blobs(b"abc", b"any\0thing", b"words", b"12345", b"sixteen bytes ok", b"line"),
    T.arrays(
        (1, -2, 3), (scalars(2),), (T.color.RED, T.color.BLUE), (True, False), (-1, 2**63 - 1), (b"", b"a", b"bb"),
        (1.5, -1e300), (-128, 127, 0, 1), (scalars(3), scalars(4)), (b"abcde",),
    ),
    tuple(T.node(number) for number in (3, 1, 4, 1, 5)),
    T.tree(T.tree(None, T.counted.FIVE, None), T.counted.ONE, T.tree(None, T.counted.SIX, None)),
    (T.shape(T.color.RED, 7), T.shape(T.color.GREEN, b"green"), T.shape(T.color.BLUE, b"blue")),
    T.number(-5, (T.node(9),)),
    2**40,
    T.color.GREEN,
    b"per ardua",
)  # fmt: skip


class Torture(T.TORTURE_V1Server):  # type: ignore[misc]  # compiled as the test runs
    """The program in Python."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def torture_echo(self, call: Call, argument: Any) -> Any:
        self.seen.append((argument, call.identity.claims["uid"]))
        return argument

    def torture_sum(self, call: Call, argument1: int, argument2: int) -> int:
        return argument1 + argument2

    def torture_join(self, call: Call, argument: bytes) -> bytes:
        return argument + b" %d" % call.credential.flavour

    def torture_forget(self, call: Call, argument: Any) -> None:
        assert argument is T.color.BLUE


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with torture_client and torture_server."""
    missing = [package for name, package in (("rpcgen", "rpcsvc-proto"), ("gcc", "gcc")) if not shutil.which(name)]
    if not Path("/usr/include/tirpc/rpc/rpc.h").exists():
        missing.append("libtirpc-dev")
    if missing:
        message = f"not installed: apt-get install {' '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("torture-rpc")
    for name in ("torture.x", "torture_client.c", "torture_server.c"):
        shutil.copy(HERE / name, folder)

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    for option, file in (("-h", "torture.h"), ("-l", "torture_clnt.c"), ("-m", "torture_svc.c")):
        run("rpcgen", "-N", option, "-o", file, "torture.x")
    # Without -i 0, rpcgen's own inline code for bools does not compile.
    run("rpcgen", "-N", "-c", "-i", "0", "-o", "torture_xdr.c", "torture.x")
    for main, stub in (("torture_client", "torture_clnt.c"), ("torture_server", "torture_svc.c")):
        files = [f"{main}.c", stub, "torture_xdr.c"]
        run("gcc", "-w", "-I/usr/include/tirpc", "-I.", "-o", main, *files, "-ltirpc")
    return folder


@contextmanager
def c_server(folder: Path) -> Iterator[dict[str, int]]:
    """The C server; its ports."""
    with subprocess.Popen([folder / "torture_server"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            udp, tcp = map(int, process.stdout.readline().split())
            yield {"udp": udp, "tcp": tcp}
        finally:
            process.kill()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_c_client_of_rpcgen_calls_our_server(engine: str, transport: str, built: Path) -> None:
    """All types come and go as they were; errors are what libtirpc knows by name."""
    program = Torture()
    packer = Packer()
    EXAMPLE.pack(packer)
    with hosted(engine, rpc_handler(program), datagrams=transport == "udp") as host:
        server: Any = host.server
        done = subprocess.run(
            [built / "torture_client", transport, str(server.server_address[1])],
            input=packer.data(),
            capture_output=True,
            check=False,
            timeout=50,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == packer.data()
    assert T.torture.unpack(Unpacker(done.stdout)) == EXAMPLE
    assert done.stderr.decode().splitlines() == [
        f"{2**40 - 7} per ardua 1",
        "RPC: Procedure unavailable",
        "RPC: Server can't decode arguments",
        "RPC: Program/version mismatch",
    ]
    if engine != "forking":
        assert program.seen == [(EXAMPLE, os.geteuid() or 65534)]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_our_client_calls_a_c_server_of_rpcgen(transport: str, built: Path) -> None:
    """The same the other way round."""
    with (
        c_server(built) as ports,
        RPCClient(f"{transport}://127.0.0.1:{ports[transport]}", auth=ClientSys()) as client,
    ):
        torture = client.stub(T.TORTURE_V1Client)
        assert torture.torture_null() is None
        assert torture.torture_echo(EXAMPLE) == EXAMPLE
        assert torture.torture_sum(-7, 2**40) == 2**40 - 7
        assert torture.torture_join(b"per ardua") == b"per ardua 1"
        assert torture.torture_forget(T.color.BLUE) is None
        with pytest.raises(ProcedureUnavailable):
            client.call(T.TORTURE_V1Client.program, 1, 77)
        with pytest.raises(GarbageArguments):
            client.call(T.TORTURE_V1Client.program, 1, 1)
        with pytest.raises(ProgramMismatch) as mismatch:
            client.call(T.TORTURE_V1Client.program, 9, 0)
        assert (mismatch.value.low, mismatch.value.high) == (1, 1)
        with pytest.raises(ProgramUnavailable):
            client.call(12345, 1, 0)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_our_asynchronous_client_calls_a_c_server_of_rpcgen(transport: str, built: Path) -> None:
    """Twenty calls in flight."""
    import asyncio

    from plugserve_sunrpc import AsyncRPCClient

    async def calls(port: int) -> list[Any]:
        async with AsyncRPCClient(f"{transport}://127.0.0.1:{port}") as client:
            torture = client.stub(T.TORTURE_V1AsyncClient)
            return await asyncio.gather(*(torture.torture_sum(number, 5) for number in range(20)))

    with c_server(built) as ports:
        assert asyncio.run(calls(ports[transport])) == list(range(5, 25))
