"""A protocol handler on the engine `uvloop` of plugserve-asyncio: `tcp` or `udp`."""

import sys

from common import BACKLOG, HOST, ready

from plugserve import ProtocolHandler
from plugserve_asyncio import UvloopTCPServer, UvloopUDPServer


class Echo(ProtocolHandler):
    """Echo what comes."""

    def receive(self, data: bytes) -> bytes:
        return data


class Server(UvloopTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


server = (UvloopUDPServer if sys.argv[1] == "udp" else Server)((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
