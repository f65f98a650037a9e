"""A classic handler on `thread-pool`."""

from common import BACKLOG, HOST, ready

from plugserve import BaseRequestHandler, ThreadPoolTCPServer


class Echo(BaseRequestHandler):
    """Echo until the client closes."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(ThreadPoolTCPServer):
    """With the queue that all have here."""

    request_queue_size = BACKLOG


server = Server((HOST, 0), Echo)
ready(server.server_address[1])
server.serve_forever()
