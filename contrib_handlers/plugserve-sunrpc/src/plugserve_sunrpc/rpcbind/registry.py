"""The table of rpcbind: which program listens where, and whose entry it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

__all__ = ["SUPERUSER", "Registration", "Registry"]

SUPERUSER: Final = "superuser"
"""The owner that may change everything, as the C implementation calls root."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry.

    Parameters:
        program, version: their numbers.
        netid: the transport: `tcp`, `udp`, `tcp6`, `udp6` or `local`.
        address: the universal address.
        owner: who registered it: `superuser`, or a user's number.
    """

    program: int
    version: int
    netid: str
    address: str
    owner: str


class Registry:
    """Entries by program, version and netid. For several threads, and several listeners of one rpcbind.

    Parameters:
        entries: how many at the most; further ones are refused.
        entries_of_owner: how many of anybody but the superuser, so that one user leaves room for the others.
        text: the most bytes of a netid or address.
    """

    def __init__(self, entries: int = 1024, text: int = 255, entries_of_owner: int = 256) -> None:
        self._most = entries
        self._most_of_owner = entries_of_owner
        self._text = text
        self._lock = threading.Lock()
        self._entries: dict[tuple[int, int, str], Registration] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, new: Registration) -> bool:
        """Add an entry. Returns False if there is another address, or no room; True again for the same."""
        if not new.netid or not new.address or max(len(new.netid), len(new.address)) > self._text:
            return False
        key = (new.program, new.version, new.netid)
        with self._lock:
            old = self._entries.get(key)
            if old is not None:
                return old.address == new.address
            if len(self._entries) >= self._most:
                return False
            if new.owner != SUPERUSER:
                owned = sum(one.owner == new.owner for one in self._entries.values())
                if owned >= self._most_of_owner:
                    return False
            self._entries[key] = new
            return True

    def unset(self, program: int, version: int, netid: str, owner: str) -> bool:
        """Remove an entry, or those of all netids if it is empty. Returns whether there were any, all of that owner;
        otherwise nothing is removed."""
        with self._lock:
            found = [key for key in self._entries if key[:2] == (program, version) and (not netid or key[2] == netid)]
            if not found or (owner != SUPERUSER and any(self._entries[key].owner != owner for key in found)):
                return False
            for key in found:
                del self._entries[key]
            return True

    def find(self, program: int, version: int, netid: str, *, exact: bool = False) -> Registration | None:
        """The entry of a program; if there is none of that version, one of another, so that the program itself can say
        which versions it has.

        Parameters:
            exact: that version or none.
        """
        with self._lock:
            found = self._entries.get((program, version, netid))
            if found is not None or exact:
                return found
            others = [one for key, one in self._entries.items() if key[0] == program and key[2] == netid]
        return max(others, key=lambda one: one.version, default=None)

    def all(self) -> list[Registration]:
        """All entries, in the order in which they came."""
        with self._lock:
            return list(self._entries.values())
