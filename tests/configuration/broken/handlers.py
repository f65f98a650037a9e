"""Handlers that the configurations beside this file name."""

from plugserve import CoroutineHandler

NUMBER = 7


class Greeting(CoroutineHandler):
    """Says hello."""

    async def handle(self) -> None:
        """Say it."""
        self.connection.write(b"hello\n")


class Wanderer:
    """Handles nothing."""
