"""The streams of asyncio: `tcp` or `tls`."""

import asyncio
import sys

from common import BACKLOG, HOST, ready, server_context


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echo until the client closes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def main(kind: str) -> None:
    """Serve for ever."""
    encrypted = server_context() if kind == "tls" else None
    server = await asyncio.start_server(echo, HOST, 0, backlog=BACKLOG, ssl=encrypted)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
