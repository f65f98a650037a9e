"""The streams of `asyncio_streams.py` on uvloop."""

import uvloop
from asyncio_streams import main

uvloop.run(main())
