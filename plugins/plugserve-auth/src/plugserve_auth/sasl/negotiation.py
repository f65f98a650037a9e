"""Which mechanisms a client is offered, and the exchange with the one it chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from plugserve import Context
from plugserve_auth.errors import AuthenticationFailed

from .mechanism import Mechanism

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = ["Negotiation"]


class Negotiation:
    """SASL with one client.

    Parameters:
        authenticator: whom mechanisms ask.
        context: of the request.
        mechanisms: all that are configured, the best first.
    """

    def __init__(
        self, authenticator: Authenticator, context: Context, mechanisms: Mapping[str, type[Mechanism]]
    ) -> None:
        self._authenticator = authenticator
        self._context = context
        self._offered = {
            name: mechanism for name, mechanism in mechanisms.items() if mechanism.offered(authenticator, context)
        }

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The names of those that this client can use now, the best first. They change when encryption begins: make a
        new negotiation then."""
        return tuple(self._offered)

    def begin(self, name: str) -> Mechanism:
        """The exchange with the mechanism that the client has chosen.

        Errors: `AuthenticationFailed` for one that it was not offered.
        """
        mechanism = self._offered.get(name.upper())
        if mechanism is None:
            raise AuthenticationFailed
        return mechanism(self._authenticator, self._context, name.upper(), self.mechanisms)
