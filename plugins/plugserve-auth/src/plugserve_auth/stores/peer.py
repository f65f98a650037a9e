"""Clients known by the process at the other end of a Unix socket (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from plugserve import Context, Identity

__all__ = ["PeerCredentials"]


class PeerCredentials:
    """Takes the user of the process that connected over a Unix socket for the client.

    Parameters:
        users: a uid, as text, to the name that it stands for. With any, other users are nobody's; without, each has its
            name of the system's user database.
        groups: a group to the names that are in it; these come besides those of the system.
        system_groups: whether a user's groups in the system's group database count.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] = MappingProxyType({}),
        groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
        system_groups: bool = True,
    ) -> None:
        self._users = dict(users)
        for uid in self._users:
            if not (uid.isascii() and uid.isdigit()):
                raise ValueError(f"users has {uid!r}, which is no uid: give a number")
        self._groups = {group: frozenset(names) for group, names in groups.items()}
        self._system_groups = system_groups

    def check_peer(self, context: Context) -> Identity | None:
        """Whose process it is; None on other transports, behind a proxy, and for a user without a name.

        May ask the network, where the system's user database does.
        """
        peer = context.peer_credentials
        if peer is None or context.client_address != context.peer_address:
            # The latter: a proxy is at the other end of the socket, and speaks for a client that is somewhere else.
            return None
        import grp
        import pwd

        try:
            login = pwd.getpwuid(peer.uid).pw_name
        except KeyError:
            login = None
        name = self._users.get(str(peer.uid)) if self._users else login
        if name is None:
            return None
        groups = {group for group, names in self._groups.items() if name in names}
        if self._system_groups:
            # The groups that the process has now, beyond its first one, are not told to us.
            numbers = os.getgrouplist(login, peer.gid) if login is not None else [peer.gid]
            for number in numbers:
                try:
                    groups.add(grp.getgrgid(number).gr_name)
                except KeyError:
                    continue  # a group without a name
        claims = MappingProxyType({"uid": peer.uid, "gid": peer.gid, "pid": peer.pid})
        return Identity(name, "peer-credentials", frozenset(groups), claims)
