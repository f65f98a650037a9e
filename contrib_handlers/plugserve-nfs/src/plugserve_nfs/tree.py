"""The exported folder and what is below it: objects by handle or name, and nothing from outside.

Every way begins at the exported folder and goes down one name at a time, each opened relative to the folder before
(openat(2)) with O_NOFOLLOW. `..` is never given to the kernel. So no name, symlink or renaming leads out: what a way
has come through was below the export when it came through.

Objects are held by O_PATH descriptors, which need no permission and open nothing: a FIFO or device is not touched. What
is done to an object is done through that descriptor (by /proc/self/fd), so it is done to the very object that was
looked at, whatever its name means by then.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from plugserve_sunrpc.protocols.nfs3 import nfsstat3

from .access import EXECUTE, Caller, may
from .facts import Facts, facts_at, facts_of, read_entries
from .failures import Refused
from .handles import MOST_HINTS, Handles, Key, hint
from .known import Known

__all__ = ["Place", "Tree", "check_name"]


def _flags(*names: str) -> int:
    # Where one is missing the handler refuses its options, with the reason.
    return sum(getattr(os, name, 0) for name in names)


_TOP: Final = _flags("O_PATH", "O_DIRECTORY", "O_CLOEXEC")
_PASS: Final = _flags("O_PATH", "O_NOFOLLOW", "O_CLOEXEC")
_LIST: Final = _flags("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC")
_CHUNK: Final = 64 * 1024
_DIRECTORY: Final = 4
_UNKNOWN: Final = 0
_NO_LONGER: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENAMETOOLONG})

_KNOWN: Final = 65536
"""Objects whose place is remembered: about 20 MB."""
_SEARCH: Final = 2.0
"""Seconds that a search of the whole tree may take."""
_TRIES: Final = 2
"""What is moved while we look for it may be missed. To be told that it is gone is final for a client."""
_CHEAP: Final = 0.05
"""Seconds of such a search that nobody needs to be protected from."""
_WAITING: Final = 1024
"""Objects of which it is remembered that somebody was told to ask for them later."""
_REST: Final = 9.0
"""So many times as long as a search took, there is no other one: searching takes a tenth of the time at the most."""


class Place:
    """An object that has been found.

    Attributes:
        descriptor: O_PATH; closed by `close`.
        facts: as it was found.
        key: which object it is.
        names: the way to it.
        above: a byte of each folder on the way but the exported one.
        reachable: whether the caller may search every folder on the way.
    """

    __slots__ = ("above", "descriptor", "facts", "key", "names", "reachable")

    def __init__(
        self, descriptor: int, facts: Facts, key: Key, names: tuple[bytes, ...], above: bytes, reachable: bool
    ) -> None:
        self.descriptor = descriptor
        self.facts = facts
        self.key = key
        self.names = names
        self.above = above
        self.reachable = reachable

    @property
    def path(self) -> str:
        """A path that leads to the very object, for calls that take no descriptor."""
        return f"/proc/self/fd/{self.descriptor}"

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.facts.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.facts.mode)

    @property
    def below(self) -> bytes:
        """What `above` is of that which is in this folder."""
        return self.above + bytes((hint(self.facts.ino),)) if self.names else b""

    def now(self) -> Facts:
        """As it is now. Raises: `OSError`."""
        return facts_of(self.descriptor)

    def close(self) -> None:
        """Let it go."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)


def check_name(name: bytes) -> None:
    """Refuse what can be no name of an entry (RFC 1813, section 3.2, leaves the status to the server).

    Raises: `Refused`.
    """
    if not name or b"/" in name or b"\0" in name:
        raise Refused(nfsstat3.NFS3ERR_ACCES)
    if len(name) > 255:
        raise Refused(nfsstat3.NFS3ERR_NAMETOOLONG)


class Tree:
    """What is below a folder.

    Parameters:
        folder: the path of the exported folder.
        handles: makes the handles.
        known: how many objects' places are remembered.
        clock: seconds, for searches.
    """

    def __init__(
        self, folder: str, handles: Handles, *, known: int = _KNOWN, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.handles = handles
        self.known = Known(known, clock)
        self._clock = clock
        self._searching = threading.Lock()
        self._rested = float("-inf")
        self._root: Key | None = None
        self._waiting: OrderedDict[Key, None] = OrderedDict()

    # -- by handle -----------------------------------------------------------------------------------------------------

    def find(self, handle: bytes, caller: Caller) -> Place:
        """The object of a handle, wherever it is by now. The caller must be able to reach it: he must have permission
        to search each folder above.

        Raises: `Refused`, `OSError`.
        """
        read = self.handles.read(handle)
        if read is None:
            raise Refused(nfsstat3.NFS3ERR_BADHANDLE)
        key, hints = read
        place = self._at_known(key, caller)
        if place is None:
            if self.known.is_gone(key):
                raise Refused(nfsstat3.NFS3ERR_STALE)
            # Who has been told to come later does not have us look at the same places again each time.
            place = None if key in self._waiting else self._at_hints(key, hints, handle, caller)
        if place is None:
            place = self._anywhere(key, handle, caller)
        if not place.reachable:
            place.close()
            raise Refused(nfsstat3.NFS3ERR_ACCES)
        return place

    def _at_known(self, key: Key, caller: Caller) -> Place | None:
        if self._root is None and (root := self.walk((), caller)) is not None:
            root.close()
        root_key = self._root
        names = None if root_key is None else self.known.names(key, root_key)
        return None if names is None else self._exactly(key, names, caller)

    def _exactly(self, key: Key, names: tuple[bytes, ...], caller: Caller) -> Place | None:
        place = self.walk(names, caller)
        if place is not None and place.key != key:
            place.close()
            return None
        return place

    # -- by names ------------------------------------------------------------------------------------------------------

    def walk(self, names: tuple[bytes, ...], caller: Caller) -> Place | None:
        """The object that names lead to, and whether the caller may go there; None if they lead nowhere.

        Raises: `OSError`.
        """
        descriptor = os.open(self.folder, _TOP)
        try:
            facts = facts_of(descriptor)
            device = facts.device
            key = self._root = _key(facts, device)
            above: list[int] = []
            reachable = True
            for depth, name in enumerate(names):
                if not stat.S_ISDIR(facts.mode):
                    return None
                reachable = reachable and may(caller, EXECUTE, facts, descriptor)
                if depth:
                    above.append(hint(facts.ino))
                step = self.step(descriptor, name)
                os.close(descriptor)
                descriptor = step
                facts = facts_of(descriptor)
                key = _key(facts, device)
            found, descriptor = descriptor, -1
            return Place(found, facts, key, names, bytes(above), reachable)
        except OSError as error:
            if error.errno in _NO_LONGER:
                return None
            raise
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def step(self, folder: int, name: bytes) -> int:
        """Open an entry of a folder, whatever it is. Raises: `OSError`."""
        return os.open(name, _PASS, dir_fd=folder)

    def child(self, folder: Place, name: bytes) -> Place:
        """An entry of a folder, of which `Caller` may or may not see it. Raises: `OSError`."""
        descriptor = self.step(folder.descriptor, name)
        try:
            facts = facts_of(descriptor)
            key = self.key_in(folder, facts)
            return Place(descriptor, facts, key, (*folder.names, name), folder.below, True)
        except BaseException:
            os.close(descriptor)
            raise

    def look(self, folder: Place, name: bytes) -> Facts:
        """What an entry of a folder is. Raises: `OSError`."""
        return facts_at(folder.descriptor, name)

    def parent(self, folder: Place, caller: Caller) -> Place | None:
        """The folder above, as it was found; the exported folder is above itself. Raises: `OSError`."""
        return self.walk(folder.names[:-1], caller)

    def key_in(self, folder: Place, facts: Facts) -> Key:
        """Which object an entry of a folder is."""
        if facts.device == folder.facts.device:
            return Key(folder.key.system, facts.ino, facts.birth & 0xFFFF_FFFF_FFFF_FFFF)
        root = os.open(self.folder, _TOP)
        try:
            return _key(facts, facts_of(root).device)
        finally:
            os.close(root)

    def remember(self, names: tuple[bytes, ...], key: Key, handle: bytes | None = None) -> bytes:
        """The handle of an object that was found by names; where it is is remembered, and each folder above.

        Parameters:
            handle: the one that it has already, if it has.
        Raises: `Refused`, `OSError`.
        """
        folder = self.walk((), _SERVER)
        try:
            for name in names[:-1]:
                if folder is None:
                    break
                above, folder = folder, self.walk((*folder.names, name), _SERVER)
                if folder is not None:
                    self.handle_in(above, name, folder.key)
                above.close()
            if folder is None:
                raise Refused(nfsstat3.NFS3ERR_STALE)
            if not names:
                return self.handles.make(key, b"")
            below = folder.below
            return self.known.see(key, folder.key, names[-1], lambda: handle or self.handles.make(key, below))
        finally:
            if folder is not None:
                folder.close()

    def handle_in(self, folder: Place, name: bytes, key: Key) -> bytes:
        """The handle of an entry of a folder."""
        return self.known.see(key, folder.key, name, lambda: self.handles.make(key, folder.below))

    # -- by searching --------------------------------------------------------------------------------------------------

    def _at_hints(self, key: Key, hints: bytes, handle: bytes, caller: Caller) -> Place | None:
        """Look where it was when its handle was given out: in all folders that might be those above it."""
        if len(hints) == MOST_HINTS:
            return None
        until = self._clock() + _SEARCH
        folders: list[tuple[bytes, ...]] = [()]
        for one in hints:
            folders = [
                (*names, entry.name)
                for names in folders
                for entry in self._entries(names, until)
                if entry.kind in (_DIRECTORY, _UNKNOWN) and hint(entry.ino) == one
            ]
        for names in folders:
            for entry in self._entries(names, until):
                if entry.ino == key.ino and (found := self._seen(key, (*names, entry.name), handle, caller)):
                    return found
        return None

    def _anywhere(self, key: Key, handle: bytes, caller: Caller) -> Place:
        """Look everywhere. Nobody can make us do nothing else, however many handles he has of what is gone."""
        if not self._searching.acquire(blocking=False):
            raise Refused(nfsstat3.NFS3ERR_JUKEBOX)
        try:
            began = self._clock()
            if began < self._rested:
                self._waiting[key] = None
                while len(self._waiting) > _WAITING:
                    self._waiting.popitem(last=False)
                raise Refused(nfsstat3.NFS3ERR_JUKEBOX)
            self._waiting.pop(key, None)
            found = None
            for _ in range(_TRIES):
                found = found or self._everywhere(key, handle, caller, began + _SEARCH)
            took = self._clock() - began
            if took > _CHEAP:
                self._rested = began + took * (1 + _REST)
            if found is None:
                self.known.lose(key)
                raise Refused(nfsstat3.NFS3ERR_STALE)
            return found
        finally:
            self._searching.release()

    def _everywhere(self, key: Key, handle: bytes, caller: Caller, until: float) -> Place | None:
        folders: deque[tuple[bytes, ...]] = deque([()])
        while folders:
            names = folders.popleft()
            for entry in self._entries(names, until):
                way = (*names, entry.name)
                # Where something is mounted the number in the folder is of what is below that.
                if (entry.ino == key.ino or entry.kind in (_DIRECTORY, _UNKNOWN)) and (
                    found := self._seen(key, way, handle, caller)
                ):
                    return found
                if entry.kind in (_DIRECTORY, _UNKNOWN):
                    folders.append(way)
        return None

    def _entries(self, names: tuple[bytes, ...], until: float) -> Iterator[Any]:
        """What is in a folder, as far as we may read it, until the time is up."""
        try:
            place = self.walk(names, _SERVER)
            if place is None:
                return
            try:
                if not place.is_directory:
                    return
                descriptor = os.open(place.path, _LIST)
            finally:
                place.close()
            try:
                while self._clock() < until and (entries := read_entries(descriptor, _CHUNK)):
                    yield from (entry for entry in entries if entry.name not in (b".", b".."))
            finally:
                os.close(descriptor)
        except OSError:
            return

    def _seen(self, key: Key, names: tuple[bytes, ...], handle: bytes, caller: Caller) -> Place | None:
        """The object, if that is where it is; its place is remembered, and that of each folder above."""
        try:
            place = self._exactly(key, names, caller)
        except OSError:
            return None
        if place is None:
            return None
        try:
            self.remember(names, key, handle)
        except (OSError, Refused):
            # It has been moved meanwhile, and is looked for again the next time.
            pass
        return place


_SERVER: Final = Caller(0, 0, frozenset(), False)
"""Whom nothing is hidden from, but by the kernel."""


def _key(facts: Facts, device: tuple[int, int]) -> Key:
    """Which object it is, in an export on a device."""
    major, minor = facts.device
    system = 0 if facts.device == device else (major << 20 | minor) & 0xFFFF_FFFF or 1
    return Key(system, facts.ino, facts.birth & 0xFFFF_FFFF_FFFF_FFFF)
