"""Makes its server in a child, forked or spawned."""

import multiprocessing
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    """Echoes one line."""

    def handle(self):
        """Read it, send it back."""
        self.wfile.write(self.rfile.readline())


def serve():
    """One server for one request."""
    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
        server.handle_request()


if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=serve)
    process.start()
    process.join()
    sys.exit(process.exitcode)
