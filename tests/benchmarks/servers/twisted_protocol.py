"""Twisted on its epoll reactor: `tcp` or `udp`."""

import sys
from typing import Any

from common import BACKLOG, HOST, ready
from twisted.internet import epollreactor

epollreactor.install()  # type: ignore[no-untyped-call]

from twisted.internet import reactor as installed  # noqa: E402  # after it is chosen
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol  # noqa: E402


class Echo(Protocol):
    """Echo what comes."""

    transport: Any
    noisy = False

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class EchoDatagram(DatagramProtocol):
    """Echo each datagram."""

    transport: Any
    noisy = False

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.transport.write(datagram, addr)


reactor: Any = installed
if sys.argv[1] == "udp":
    port = reactor.listenUDP(0, EchoDatagram(), interface=HOST)
else:
    factory = Factory.forProtocol(Echo)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, backlog=BACKLOG, interface=HOST)
ready(port.getHost().port)
reactor.run()
