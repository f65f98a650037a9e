"""A protocol handler on the engine `asyncio` of plugserve-asyncio: `tcp` or `udp`."""

import sys

from common import BACKLOG, HOST, ready

from plugserve import ProtocolHandler
from plugserve_asyncio import AsyncioTCPServer, AsyncioUDPServer


class Echo(ProtocolHandler):
    """Echo what comes."""

    def receive(self, data: bytes) -> bytes:
        return data


class Server(AsyncioTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


server = (AsyncioUDPServer if sys.argv[1] == "udp" else Server)((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
