"""Network servers of any protocol: the classes of `socketserver`, and every step of a request a plugin hook.

```python
from plugserve import ThreadingTCPServer, StreamRequestHandler

class Shout(StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())

with ThreadingTCPServer(("127.0.0.1", 7007), Shout) as server:
    server.serve_forever()
```
"""

import os
import selectors
import socket

from .choosing import choose_handler
from .connection import Connection
from .context import Context
from .errors import (
    Aborted,
    ChildError,
    ConfigurationError,
    DatagramTruncated,
    DeadlineExceeded,
    EndOfStream,
    HostError,
    LimitExceeded,
    PeerError,
    PluginError,
    PlugserveError,
    ProtocolError,
    RequestRejected,
    ShuttingDown,
)
from .handlers import (
    BaseRequestHandler,
    CoroutineHandler,
    DatagramRequestHandler,
    ProtocolHandler,
    StreamRequestHandler,
    _SocketWriter,  # noqa: F401  # not part of our interface: known software imports it from socketserver
)
from .hookspecs import hookimpl
from .identity import Identity
from .internet import TCPServer, UDPServer
from .lane import Lane
from .limits import Limits
from .multiplexing import MultiplexingMixIn
from .outgoing import Outgoing
from .plugin_mixin import PluginMixIn
from .pool import ThreadPoolMixIn
from .server import BaseServer, SynchronousMixIn
from .table import UnfinishedRequest
from .threaded import ThreadingMixIn
from .transform import Transform

__version__ = "0.1.0"

__all__ = [
    "Aborted",
    "BaseRequestHandler",
    "BaseServer",
    "ChildError",
    "ConfigurationError",
    "Connection",
    "Context",
    "CoroutineHandler",
    "DatagramRequestHandler",
    "DatagramTruncated",
    "DeadlineExceeded",
    "EndOfStream",
    "HostError",
    "Identity",
    "Lane",
    "LimitExceeded",
    "Limits",
    "MultiplexingMixIn",
    "MultiplexingTCPServer",
    "MultiplexingUDPServer",
    "Outgoing",
    "PeerError",
    "PluginError",
    "PluginMixIn",
    "PlugserveError",
    "ProtocolError",
    "ProtocolHandler",
    "RequestRejected",
    "ShuttingDown",
    "StreamRequestHandler",
    "SynchronousMixIn",
    "TCPServer",
    "ThreadPoolMixIn",
    "ThreadPoolTCPServer",
    "ThreadPoolUDPServer",
    "ThreadingMixIn",
    "ThreadingTCPServer",
    "ThreadingUDPServer",
    "Transform",
    "UDPServer",
    "UnfinishedRequest",
    "choose_handler",
    "hookimpl",
]


class ThreadingUDPServer(ThreadingMixIn, UDPServer):
    """A datagram server with a thread a request."""


class ThreadingTCPServer(ThreadingMixIn, TCPServer):
    """A stream server with a thread a request."""


class MultiplexingUDPServer(MultiplexingMixIn, UDPServer):
    """A datagram server whose requests are all handled by one thread."""


class MultiplexingTCPServer(MultiplexingMixIn, TCPServer):
    """A stream server whose requests are all handled by one thread."""


class ThreadPoolUDPServer(ThreadPoolMixIn, UDPServer):
    """A datagram server with a bounded number of threads."""


class ThreadPoolTCPServer(ThreadPoolMixIn, TCPServer):
    """A stream server with a bounded number of threads."""


if hasattr(os, "fork"):
    from .forking import ForkingMixIn

    class ForkingUDPServer(ForkingMixIn, UDPServer):
        """A datagram server with a process a request."""

    class ForkingTCPServer(ForkingMixIn, TCPServer):
        """A stream server with a process a request."""

    __all__ += ["ForkingMixIn", "ForkingTCPServer", "ForkingUDPServer"]

if hasattr(socket, "AF_UNIX"):
    from .passing import PassedServer
    from .unix import UnixDatagramServer, UnixSeqpacketServer, UnixStreamServer

    class ThreadingUnixStreamServer(ThreadingMixIn, UnixStreamServer):
        """A Unix stream server with a thread a request."""

    class ThreadingUnixDatagramServer(ThreadingMixIn, UnixDatagramServer):
        """A Unix datagram server with a thread a request."""

    class MultiplexingUnixStreamServer(MultiplexingMixIn, UnixStreamServer):
        """A Unix stream server whose requests are all handled by one thread."""

    class MultiplexingUnixDatagramServer(MultiplexingMixIn, UnixDatagramServer):
        """A Unix datagram server whose requests are all handled by one thread."""

    class ThreadPoolUnixStreamServer(ThreadPoolMixIn, UnixStreamServer):
        """A Unix stream server with a bounded number of threads."""

    class ThreadPoolUnixDatagramServer(ThreadPoolMixIn, UnixDatagramServer):
        """A Unix datagram server with a bounded number of threads."""

    __all__ += [
        "MultiplexingUnixDatagramServer",
        "MultiplexingUnixStreamServer",
        "PassedServer",
        "ThreadPoolUnixDatagramServer",
        "ThreadPoolUnixStreamServer",
        "ThreadingUnixDatagramServer",
        "ThreadingUnixStreamServer",
        "UnixDatagramServer",
        "UnixSeqpacketServer",
        "UnixStreamServer",
    ]

    if hasattr(os, "fork"):

        class ForkingUnixStreamServer(ForkingMixIn, UnixStreamServer):
            """A Unix stream server with a process a request."""

        class ForkingUnixDatagramServer(ForkingMixIn, UnixDatagramServer):
            """A Unix datagram server with a process a request."""

        __all__ += ["ForkingUnixDatagramServer", "ForkingUnixStreamServer"]

# Neither is this.
_ServerSelector = getattr(selectors, "PollSelector", selectors.SelectSelector)

del os, selectors, socket
