"""A coroutine handler on `multiplexing`: `tcp`, `udp` or `tls`."""

import sys

from common import BACKLOG, HOST, ready

from plugserve import CoroutineHandler, MultiplexingTCPServer, MultiplexingUDPServer


class Echo(CoroutineHandler):
    """Echo until the client closes."""

    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data)


class Server(MultiplexingTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


plugins = []
if sys.argv[1] == "tls":
    from plugserve_tls import TLS

    plugins = [TLS(self_signed=True)]
server = (MultiplexingUDPServer if sys.argv[1] == "udp" else Server)((HOST, 0), Echo, plugins=plugins)
ready(server.server_address[1])
server.serve_forever()
