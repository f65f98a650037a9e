"""Run in a network of its own by test_rpc_rpcbind.py: an rpcbind, ours or the C one, at its port and Unix socket; a
program that is registered with it; and what rpcinfo says, as JSON.

    unshare -n -m sh -c 'ip link set lo up; mount -t tmpfs none /run; python rpcbind_world.py ours'
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

sys.path.append(str(Path(__file__).parent))

from rpc_oracle import NUMBER, Oracle, OracleV3, X

from plugserve import (
    ConfigurationError,
    ThreadingTCPServer,
    ThreadingUDPServer,
    ThreadingUnixStreamServer,
)
from plugserve_sunrpc import RPCClient, rpc_handler
from plugserve_sunrpc.rpcbind import Rpcbind, lookup, rpcbind_handler

SOCKET = "/run/rpcbind.sock"


class Serving:
    """Servers that run for a while."""

    def __init__(self, *servers: Any) -> None:
        self.servers = servers
        self.threads = [threading.Thread(target=server.serve_forever, args=(3600,)) for server in servers]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def rpcinfo(*arguments: str) -> str:
    """What it says, both ways."""
    done = subprocess.run(["rpcinfo", *arguments], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


def oracle(transport: type[Any]) -> Any:
    """A server of the program that registers it."""
    return transport(("127.0.0.1", 0), rpc_handler(Oracle(), OracleV3()), plugins=[Rpcbind()])


def main(kind: str) -> dict[str, Any]:
    """All that is looked at, with an rpcbind of a kind: ours or theirs."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        if kind == "ours":
            handler = rpcbind_handler()
            servers = [
                ThreadingTCPServer(("0.0.0.0", 111), handler),
                ThreadingUDPServer(("0.0.0.0", 111), handler),
                ThreadingUnixStreamServer(SOCKET, handler),
            ]
            stack.enter_context(Serving(*servers))
            for address in ("udp://127.0.0.1:111", "tcp://127.0.0.1:111"):
                with RPCClient(address) as client:
                    client.call(100000, 4, 6, unpack=lambda unpacker: unpacker.unpack_uint())
        else:
            process = stack.enter_context(subprocess.Popen(["/usr/sbin/rpcbind", "-f"]))
            stack.callback(process.kill)
            for _ in range(200):
                if os.path.exists(SOCKET):
                    break
                time.sleep(0.05)
        with Serving(oracle(ThreadingTCPServer), oracle(ThreadingUDPServer)) as running:
            ports = [str(server.server_address[1]) for server in running.servers]
            found["ports"] = ports
            number = str(NUMBER)
            for name, arguments in {
                "p": ["-p"],
                "p host": ["-p", "127.0.0.1"],
                "all": [],
                "s": ["-s", "127.0.0.1"],
                "m": ["-m", "127.0.0.1"],
                "T tcp": ["-T", "tcp", "127.0.0.1", number],
                "T udp": ["-T", "udp", "127.0.0.1", number, "3"],
                "t": ["-t", "127.0.0.1", number, "1"],
                "u": ["-u", "127.0.0.1", number],
                "n": ["-n", ports[0], "-t", "127.0.0.1", number, "1"],
                "l": ["-l", "127.0.0.1", number, "3"],
                "a": ["-a", f"127.0.0.1.{int(ports[0]) >> 8}.{int(ports[0]) & 255}", "-T", "tcp", number, "3"],
                "missing": ["-T", "tcp", "127.0.0.1", number, "7"],
                "unknown": ["-T", "tcp", "127.0.0.1", "99999"],
            }.items():
                found[name] = rpcinfo(*arguments)
            found["lookup"] = [lookup("127.0.0.1", NUMBER, 3, "tcp"), lookup("127.0.0.1", NUMBER, 3, "udp")]
            with RPCClient(found["lookup"][0]) as client:
                found["called"] = client.stub(X.ORACLE_V3Client).oracle_twice(21)
            try:
                oracle(ThreadingTCPServer)
            except ConfigurationError as error:
                found["second"] = str(error)
        found["withdrawn"] = rpcinfo("-p")
        # What a crash leaves: a registration without a server.
        crashed = oracle(ThreadingTCPServer)
        port = crashed.server_address[1]
        crashed.socket.close()
        found["stale"] = rpcinfo("-p")
        with Serving(oracle(ThreadingTCPServer)) as running:
            found["replaced"] = [port, running.servers[0].server_address[1], rpcinfo("-p")]
        found["deleted"] = rpcinfo("-d", str(NUMBER), "1")
        with Serving(oracle(ThreadingTCPServer)):
            found["d"] = rpcinfo("-d", str(NUMBER), "1")
            found["after d"] = rpcinfo("-p")
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
