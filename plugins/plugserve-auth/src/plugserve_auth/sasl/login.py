"""LOGIN: never a standard, and spoken by old clients of mail (draft-murchison-sasl-login describes it)."""

from __future__ import annotations

from .mechanism import Steps, Success
from .plain import Plain

__all__ = ["Login"]


class Login(Plain):
    """Asks for the name, then for the password; offered where PLAIN is."""

    def exchange(self, first: bytes | None) -> Steps:
        """Two messages. A client may send the name at once."""
        name = first or (yield b"Username:")
        password = yield b"Password:"
        return Success(
            self.authenticator.check_password(self.text(name), self.text(password), self.context, method="login")
        )
