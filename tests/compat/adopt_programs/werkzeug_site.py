"""The same on the development server of Werkzeug, with a thread a request."""

from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response


@Request.application
def application(request):
    """Greet."""
    return Response("hello")


run_simple("127.0.0.1", 0, application, threaded=True)
