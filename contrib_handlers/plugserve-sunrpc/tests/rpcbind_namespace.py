"""A network of its own, with an rpcbind on port 111: run in new namespaces, by `unshare`.

Reads JSON from stdin: `rpcbind` ("ours", "port mapper", "debian" or "none"), `commands`, a list of lists of words, and
`seconds`, which each may take. Runs the commands one after the other, and prints what came of them:
`[[status, stdout, stderr], ...]`. A command that begins with `python` is run by this interpreter.

There is an interface beside loopback, 192.0.2.1/24, from which this host is a stranger to itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from plugserve import MultiplexingMixIn, MultiplexingTCPServer, MultiplexingUDPServer, UnixStreamServer
from plugserve_sunrpc.rpcbind import RPCBindHandler

SOCKET = "/run/rpcbind.sock"


class _OnPath(MultiplexingMixIn, UnixStreamServer):
    """A Unix socket."""


class _Elder(RPCBindHandler):
    """Version 2 only, as port mappers of old."""

    programs = RPCBindHandler.programs[:1]


def ours(handler: type[RPCBindHandler]) -> list[Any]:
    """Our rpcbind on all that the real one listens on."""
    return [
        MultiplexingTCPServer(("0.0.0.0", 111), handler),
        MultiplexingUDPServer(("0.0.0.0", 111), handler),
        _OnPath(SOCKET, handler),
    ]


def main() -> None:
    """See above."""
    asked = json.load(sys.stdin)
    servers = ours(RPCBindHandler) if asked["rpcbind"] == "ours" else []
    if asked["rpcbind"] == "port mapper":
        servers = ours(_Elder)
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    daemon = None
    if asked["rpcbind"] == "debian":
        daemon = subprocess.Popen(["rpcbind", "-f"])
        until = time.monotonic() + 10
        while not Path(SOCKET).exists() and time.monotonic() < until:
            time.sleep(0.02)
    found = []
    for command in asked["commands"]:
        words = [sys.executable if word == "python" else word for word in command]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=asked["seconds"], check=False)
            found.append([done.returncode, done.stdout, done.stderr])
        except subprocess.TimeoutExpired as expired:
            found.append([None, str(expired.stdout or ""), str(expired.stderr or "")])
    if daemon is not None:
        daemon.terminate()
        daemon.wait()
    for server in servers:
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
