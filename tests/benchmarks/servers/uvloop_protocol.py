"""The protocols of `asyncio_protocol.py` on uvloop: `tcp`, `udp` or `tls`."""

import sys

import uvloop
from asyncio_protocol import main

uvloop.run(main(sys.argv[1]))
