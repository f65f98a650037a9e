"""A network of its own with an rpcbind, and an NFS server that is registered there: to be run by `unshare`.

    unshare -n -m sh -c 'mount -t tmpfs none /run; ip link set lo up; exec python nfs_namespace.py FOLDER'

Reads a list of commands as JSON from stdin, each a list of words, runs one after the other, and prints what came of
them: `[[status, stdout and stderr], ...]`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from plugserve import MultiplexingMixIn, MultiplexingTCPServer, MultiplexingUDPServer, UnixStreamServer
from plugserve_nfs import NFSHandler
from plugserve_sunrpc.rpcbind import Rpcbind, RPCBindHandler


class _OnPath(MultiplexingMixIn, UnixStreamServer):
    """A Unix socket."""


def main(root: Path) -> list[list[object]]:
    """See above."""
    options = NFSHandler.Options(root=root, key=root.parent / "nfs.key", writable=True, squash="none")
    servers = [
        MultiplexingTCPServer(("0.0.0.0", 111), RPCBindHandler),
        MultiplexingUDPServer(("0.0.0.0", 111), RPCBindHandler),
        _OnPath("/run/rpcbind.sock", RPCBindHandler),
    ]
    threads = []

    def start(some: list[object]) -> None:
        for server in some:
            thread = threading.Thread(target=server.serve_forever, daemon=True)  # type: ignore[attr-defined]
            thread.start()
            threads.append(thread)

    start([*servers])
    files = [MultiplexingTCPServer(("0.0.0.0", 0), NFSHandler, options=options, plugins=[Rpcbind()])]
    files.append(MultiplexingUDPServer(("0.0.0.0", 0), NFSHandler, options=options, plugins=[Rpcbind()]))
    start([*files])
    found: list[list[object]] = []
    for command in json.load(sys.stdin):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False
        )
        found.append([done.returncode, done.stdout])
    for server in (*files, *servers):
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
