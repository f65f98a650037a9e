"""A WSGI application on the server of the standard library."""

from wsgiref.simple_server import make_server


def application(environ, start_response):
    """Greet."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


with make_server("127.0.0.1", 0, application) as server:
    server.serve_forever()
