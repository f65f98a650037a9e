"""The standard library's servers that handle one request after the other: `tcp` or `udp`."""

import socketserver
import sys

from common import BACKLOG, HOST, ready


class Echo(socketserver.BaseRequestHandler):
    """Echo until the client closes."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class EchoDatagram(socketserver.BaseRequestHandler):
    """Echo one datagram."""

    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(data, self.client_address)


class Server(socketserver.TCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


server = socketserver.UDPServer((HOST, 0), EchoDatagram) if sys.argv[1] == "udp" else Server((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
