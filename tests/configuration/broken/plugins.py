"""Plugins that the configurations beside this file name."""

from __future__ import annotations

from typing import Any

from plugserve import hookimpl
from plugserve.secret import Secret


class Silent:
    """Implements no hook."""


class Misspelled:
    """Implements a hook that there is not."""

    @hookimpl
    def verify_requets(self) -> bool:
        """Never called."""
        return True


class Raising:
    """Cannot be made."""

    def __init__(self) -> None:
        self.rate = 1 / 0


class Quitting:
    """Ends the program that makes it."""

    def __init__(self) -> None:
        raise SystemExit(3)


class Login:
    """A layer that proves who the client is."""

    phase = "authentication"

    @hookimpl
    async def open_connection(self, connection: Any) -> None:
        """Nothing."""


class Encryption:
    """A layer that encrypts."""

    phase = "encryption"

    @hookimpl
    async def open_connection(self, connection: Any) -> None:
        """Nothing."""


class Counting:
    """Counts in memory."""

    needs_shared_memory = True

    @hookimpl
    def verify_request(self) -> bool:
        """Agree."""
        return True


class Password:
    """Has a secret among its options."""

    def __init__(self, *, password: Secret) -> None:
        self.password = password

    @hookimpl
    def verify_request(self) -> bool:
        """Agree."""
        return True
