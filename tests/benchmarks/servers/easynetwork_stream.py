"""EasyNetwork on asyncio: `AsyncTCPNetworkServer` (`tcp`) or `AsyncUDPNetworkServer` (`udp`).

Its handlers get packets, which a serializer makes; the one here takes bytes as they come, the cheapest there can be.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Generator
from typing import Any

from common import BACKLOG, HOST, ready
from easynetwork.protocol import DatagramProtocol, StreamProtocol
from easynetwork.serializers.abc import AbstractIncrementalPacketSerializer
from easynetwork.servers import AsyncTCPNetworkServer, AsyncUDPNetworkServer
from easynetwork.servers.handlers import AsyncDatagramRequestHandler, AsyncStreamRequestHandler


class Raw(AbstractIncrementalPacketSerializer[bytes, bytes]):
    """A packet is what one read gives."""

    def serialize(self, packet: bytes, /) -> bytes:
        return packet

    def deserialize(self, data: bytes, /) -> bytes:
        return data

    def incremental_serialize(self, packet: bytes, /) -> Generator[bytes]:
        yield packet

    def incremental_deserialize(self) -> Generator[None, bytes, tuple[bytes, bytes]]:
        return (yield), b""


class Echo(AsyncStreamRequestHandler[bytes, bytes]):
    """Echo until the client closes."""

    async def handle(self, client: Any) -> AsyncGenerator[None, bytes]:
        while True:
            await client.send_packet((yield))


class EchoDatagram(AsyncDatagramRequestHandler[bytes, bytes]):
    """Echo one datagram."""

    async def handle(self, client: Any) -> AsyncGenerator[None, bytes]:
        await client.send_packet((yield))


async def main(kind: str) -> None:
    """Serve for ever."""
    server: Any
    if kind == "udp":
        server = AsyncUDPNetworkServer(HOST, 0, DatagramProtocol(Raw()), EchoDatagram())
    else:
        server = AsyncTCPNetworkServer(HOST, 0, StreamProtocol(Raw()), Echo(), backlog=BACKLOG)
    up = asyncio.Event()
    async with server:
        serving = asyncio.create_task(server.serve_forever(is_up_event=up))
        await up.wait()
        ready(server.get_addresses()[0].port)
        await serving


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
