"""What a SASL mechanism is on the server's side: a generator of challenges, which ends with a success or an error.

A package brings one by naming its class in the entry-point group `plugserve.sasl_mechanisms`, under the name of the
mechanism in small letters.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from plugserve import Context, Identity, Lane
from plugserve_auth.errors import AuthenticationFailed

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = ["GROUP", "Challenge", "Mechanism", "Success"]

GROUP: Final = "plugserve.sasl_mechanisms"
"""The entry-point group in which mechanisms are found."""

_TEXT_LIMIT: Final = 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the client is asked next.

    Parameters:
        data: raw bytes; `b""` asks for the client's first message, where the protocol brought none.
    """

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Success:
    """The client has proved who it is.

    Parameters:
        identity: who.
        data: what the mechanism still has to say to the client (RFC 4422, section 3.6); None if nothing.
    """

    identity: Identity
    data: bytes | None = field(default=None, repr=False)


Steps = Generator[bytes, bytes, Success]


class Mechanism:
    """One exchange. Subclasses write `exchange`, and `offered` if not everybody can use it.

    Parameters:
        authenticator: whom to ask.
        context: of the request.
        name: of the mechanism.
        offered: the names of all mechanisms that this client was offered.
    """

    def __init__(
        self, authenticator: Authenticator, context: Context, name: str, offered: tuple[str, ...] = ()
    ) -> None:
        self.authenticator = authenticator
        self.context = context
        self.name = name
        self.offered_names = offered
        self._steps: Steps | None = None

    @property
    def lane(self) -> Lane:
        """In whose threads its steps belong, where the place may not block."""
        return self.authenticator.asking

    @classmethod
    def offered(cls, authenticator: Authenticator, context: Context) -> bool:
        """Whether this client can use it. Must not wait."""
        return True

    def exchange(self, first: bytes | None) -> Steps:
        """The exchange: yields challenges, is sent responses, returns the success, raises `AuthenticationFailed`.

        Parameters:
            first: the initial response; None where the client sent none.
        """
        raise NotImplementedError
        yield b""

    def step(self, data: bytes | None) -> Challenge | Success:
        """Take what the client sent. May wait, so that on a server's loop it belongs into `connection.offload`, in its
        `lane`.

        Parameters:
            data: raw bytes. None in the first step: the client sent no initial response.

        Errors: `AuthenticationFailed`, after which the exchange is over.
        """
        try:
            if self._steps is None:
                self._steps = self.exchange(data)
                return Challenge(next(self._steps))
            if data is None:
                self._steps.close()
                raise AuthenticationFailed
            return Challenge(self._steps.send(data))
        except StopIteration as end:
            # None: a step after the end.
            if isinstance(end.value, Success):
                return end.value
        raise AuthenticationFailed

    def text(self, data: bytes) -> str:
        """What a client sent, as text of a sensible length. Errors: `AuthenticationFailed`."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise AuthenticationFailed from None
        if len(text) > _TEXT_LIMIT:
            raise AuthenticationFailed
        return text

    def only_oneself(self, wanted: str, identity: Identity) -> None:
        """Refuse to act for somebody else (RFC 4422, section 3.4.1): there is no one here who may.

        Parameters:
            wanted: the authorization identity; `""`: the client's own.
            identity: who it has proved to be.
        """
        if wanted and wanted != identity.name:
            raise AuthenticationFailed
