"""What an authenticator raises. Neither class nor text says which part of the credentials was wrong."""

from __future__ import annotations

from plugserve.errors import PeerError

__all__ = ["AuthenticationFailed", "Busy", "NotAuthorized", "TooManyAttempts"]


class AuthenticationFailed(PeerError):
    """The credentials prove nothing: the name, the password, the token or the mechanism; nobody is told which."""

    retry_after: float | None = None
    """Seconds after which an attempt is looked at again, where this one was not looked at."""
    busy: bool = False
    """Whether that is because of others, not of the client."""
    proved: bool = False
    """Whether the client has proved who it is, and may not come in all the same."""

    def __init__(self, message: str = "authentication failed") -> None:
        super().__init__(message)


class TooManyAttempts(AuthenticationFailed):
    """The attempt was not looked at, because of the failures before it.

    Parameters:
        retry_after: seconds after which an attempt is looked at again.
        message: for the client.
    """

    def __init__(self, retry_after: float, message: str = "too many attempts") -> None:
        super().__init__(message)
        self.retry_after: float = retry_after


class Busy(TooManyAttempts):
    """The attempt was not looked at, because too many others are being looked at, or because a store does not work.

    Parameters:
        message: for the client.
    """

    busy = True

    def __init__(self, message: str = "too many log in at once") -> None:
        super().__init__(1.0, message)


class NotAuthorized(AuthenticationFailed):
    """The client has proved who it is, and no rule lets it in."""

    proved = True

    def __init__(self) -> None:
        super().__init__("not authorized")
