"""A protocol handler on `multiplexing`: `tcp`, `udp` or `tls`; with the path of a log, with `access` and `log`."""

import sys

from common import BACKLOG, HOST, ready

from plugserve import MultiplexingTCPServer, MultiplexingUDPServer, ProtocolHandler


class Echo(ProtocolHandler):
    """Echo what comes."""

    def receive(self, data: bytes) -> bytes:
        return data


class Server(MultiplexingTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


plugins = []
if sys.argv[1] == "tls":
    from plugserve_tls import TLS

    plugins = [TLS(self_signed=True)]
elif len(sys.argv) > 2:
    from plugserve_access import Access
    from plugserve_log import Log

    plugins = [Access(allow=["127.0.0.0/8"]), Log(path=sys.argv[2])]
server = (MultiplexingUDPServer if sys.argv[1] == "udp" else Server)((HOST, 0), Echo, plugins=plugins)
ready(server.server_address[1])
server.serve_forever()
