"""A classic handler on `threading`."""

from common import BACKLOG, HOST, ready

from plugserve import BaseRequestHandler, ThreadingTCPServer


class Echo(BaseRequestHandler):
    """Echo until the client closes."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(ThreadingTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


server = Server((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
