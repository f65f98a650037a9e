"""trio: `serve_listeners` (`tcp`), or one socket (`udp`)."""

import sys

import trio
from common import BACKLOG, HOST, ready


async def echo(stream: trio.SocketStream) -> None:
    """Echo until the client closes."""
    async for data in stream:
        await stream.send_all(data)


async def main(kind: str) -> None:
    """Serve for ever."""
    if kind == "udp":
        sock = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        await sock.bind((HOST, 0))
        ready(sock.getsockname()[1])
        while True:
            data, address = await sock.recvfrom(65536)
            await sock.sendto(data, address)
    listeners = await trio.open_tcp_listeners(0, host=HOST, backlog=BACKLOG)
    ready(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(echo, listeners)


trio.run(main, sys.argv[1])
