"""The standard library's `ForkingTCPServer`: a process a connection."""

import socketserver

from common import BACKLOG, HOST, ready


class Echo(socketserver.BaseRequestHandler):
    """Echo until the client closes."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ForkingTCPServer):
    """With the queue that all have here, and as many children as there are clients (40 is the default)."""

    request_queue_size = BACKLOG
    max_children = 100


server = Server((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
