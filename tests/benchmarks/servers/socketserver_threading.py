"""The standard library's `ThreadingTCPServer`: a thread a connection."""

import socketserver

from common import BACKLOG, HOST, ready


class Echo(socketserver.BaseRequestHandler):
    """Echo until the client closes."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


server = Server((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
