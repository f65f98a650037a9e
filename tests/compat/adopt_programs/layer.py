"""A plugin that is a layer."""

from plugserve import hookimpl


class Layer:
    """Does nothing; for streams."""

    phase = "peer"

    @hookimpl
    async def open_connection(self, connection):
        """Let it pass."""
