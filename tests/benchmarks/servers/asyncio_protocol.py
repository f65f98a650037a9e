"""Protocols and transports of asyncio: `tcp`, `udp` or `tls`."""

import asyncio
import sys

from common import BACKLOG, HOST, ready, server_context


class Echo(asyncio.Protocol):
    """Echo what comes."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # it is one for a stream

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class EchoDatagram(asyncio.DatagramProtocol):
    """Echo each datagram."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # it is one for datagrams

    def datagram_received(self, data: bytes, address: object) -> None:
        self.transport.sendto(data, address)  # type: ignore[arg-type]  # an address that came from recvfrom


async def main(kind: str) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    if kind == "udp":
        transport, _ = await loop.create_datagram_endpoint(EchoDatagram, (HOST, 0))
        ready(transport.get_extra_info("sockname")[1])
        await asyncio.Event().wait()
    encrypted = server_context() if kind == "tls" else None
    server = await loop.create_server(Echo, HOST, 0, backlog=BACKLOG, ssl=encrypted)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
