"""Two servers, one of which has attributes called `plugins` of its own; serves one request on each."""

import socketserver


class Echo(socketserver.StreamRequestHandler):
    """Echoes one line."""

    def handle(self):
        """Read it, send it back."""
        self.wfile.write(self.rfile.readline())


class Extensible(socketserver.TCPServer):
    """Has a list of this name for a purpose of its own."""

    plugins = ["gzip", "cache"]


with socketserver.TCPServer(("127.0.0.1", 0), Echo) as one, Extensible(("127.0.0.1", 0), Echo) as other:
    one.handle_request()
    other.handle_request()
