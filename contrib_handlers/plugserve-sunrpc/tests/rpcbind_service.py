"""A program that registers itself: run in the namespace of `rpcbind_namespace.py`.

Words: `serve` starts listeners, prints what rpcinfo says, and closes them; `crash` ends while they are
registered; `twice` has another process `serve` the same meanwhile. Then which listeners: `tcp`, `udp`, `unix`, `v6`.
`optional` is `required = false`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from typing import Any

from rpc_oracle import Oracle, OracleV3

from plugserve import (
    ConfigurationError,
    MultiplexingMixIn,
    MultiplexingTCPServer,
    MultiplexingUDPServer,
    UnixStreamServer,
)
from plugserve_sunrpc import rpc_handler
from plugserve_sunrpc.rpcbind import Rpcbind

HANDLER = rpc_handler(Oracle(), OracleV3())


class _OnPath(MultiplexingMixIn, UnixStreamServer):
    """A Unix socket."""

    manage_path = True


class _Tcp6(MultiplexingTCPServer):
    """Both families."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def listeners(words: list[str]) -> list[Any]:
    """Those that the words name."""
    required = "optional" not in words
    made: list[Any] = []
    for word in words:
        plugins = [Rpcbind(required=required, timeout=5.0)]
        if word == "tcp":
            made.append(MultiplexingTCPServer(("0.0.0.0", 0), HANDLER, plugins=plugins))
        elif word == "udp":
            made.append(MultiplexingUDPServer(("0.0.0.0", 0), HANDLER, plugins=plugins))
        elif word == "unix":
            made.append(_OnPath("/run/oracle.sock", HANDLER, plugins=plugins))
        elif word == "v6":
            made.append(_Tcp6(("::", 0), HANDLER, plugins=plugins))
    for server in made:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return made


def main() -> None:
    """See above."""
    kind, *words = sys.argv[1:]
    try:
        servers = listeners(words)
    except ConfigurationError as error:
        print(f"refused: {error}")
        return
    number = str(Oracle.number)
    sys.stdout.flush()
    if kind == "twice":
        subprocess.run([sys.executable, __file__, "serve", *words], timeout=20, check=False)
    for question in (["rpcinfo", "-s"], ["rpcinfo", "-t", "127.0.0.1", number], ["rpcinfo", "-u", "127.0.0.1", number]):
        if kind != "crash":
            subprocess.run(question, timeout=20, check=False)
    if kind == "crash":
        os._exit(0)
    for server in servers:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
