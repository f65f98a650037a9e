"""What a client says of itself, by flavour."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence

from .auth import SysCredential
from .message import NO_AUTH, AuthStatus, Denied, FlavourNumber, OpaqueAuth, ReplyMessage

__all__ = ["ClientAuth", "ClientSys"]


class ClientAuth:
    """AUTH_NONE; the base of the others. One object belongs to one client."""

    def credential(self) -> tuple[OpaqueAuth, OpaqueAuth]:
        """The credential and verifier of the next call."""
        return NO_AUTH, NO_AUTH

    def replied(self, reply: ReplyMessage, sent: OpaqueAuth) -> bool:
        """Look at a reply.

        Parameters:
            reply: what the server has said.
            sent: the credential of the call.
        Returns: whether the call is to be sent once more, with a new credential.
        """
        return False


class ClientSys(ClientAuth):
    """AUTH_SYS; and AUTH_SHORT, once the server gives a handle for it.

    Parameters:
        uid, gid: None: those of this process.
        gids: more groups, at most 16; None: the first of this process.
        machine: its name; None: as the host calls itself.
    """

    def __init__(
        self,
        uid: int | None = None,
        gid: int | None = None,
        gids: Sequence[int] | None = None,
        machine: str | None = None,
    ) -> None:
        said = SysCredential(
            int(time.time()) & 0xFFFF_FFFF,
            (socket.gethostname() if machine is None else machine).encode()[:255],
            os.geteuid() if uid is None else uid,
            os.getegid() if gid is None else gid,
            tuple(os.getgroups()[:16] if gids is None else gids),
        )
        self._whole = said.encode()
        self._short: OpaqueAuth | None = None

    def credential(self) -> tuple[OpaqueAuth, OpaqueAuth]:
        """The handle, if there is one, else all of it."""
        return self._short or self._whole, NO_AUTH

    def replied(self, reply: ReplyMessage, sent: OpaqueAuth) -> bool:
        """Take a handle, or forget one that the server has forgotten."""
        if isinstance(reply, Denied):
            if sent == self._short:
                self._short = None
            # Of several calls that were in flight with it each is refused, and each is sent once more.
            return sent.flavour == FlavourNumber.AUTH_SHORT and reply.auth is AuthStatus.AUTH_REJECTEDCRED
        if reply.verifier.flavour == FlavourNumber.AUTH_SHORT:
            self._short = OpaqueAuth(FlavourNumber.AUTH_SHORT, reply.verifier.body)
        return False
