"""The streams of `asyncio_streams.py` on uvloop: `tcp` or `tls`."""

import sys

import uvloop
from asyncio_streams import main

uvloop.run(main(sys.argv[1]))
