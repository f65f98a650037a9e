"""One call: who calls, what it is about, and what is said of that when it fails."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Final, Self

from plugserve_sunrpc.program import Call
from plugserve_sunrpc.protocols.nfs3 import fattr3, nfs_fh3, nfsstat3, wcc_data

from .access import EXECUTE, READ, WRITE, Caller, may
from .export import Export, before
from .failures import Refused, status_of
from .tree import Place

__all__ = ["Attempt"]

_PACKET: Final = 8192
"""Bytes of a datagram, where the listener does not say."""


class Attempt:
    """Holds the objects of a call, and lets go of them at its end.

    ```python
    with Attempt(call) as attempt:
        place = attempt.find(arguments.file)
        ...
        return READ3res(nfsstat3.NFS3_OK, ...)
    return READ3res(attempt.status, READ3resfail(attempt.after()))
    ```

    `Refused` and `OSError` end the block, and `status` has what they mean. What is said of objects then was read before
    they were let go.

    Parameters:
        call: what the program was told of the call.
    """

    def __init__(self, call: Call) -> None:
        options = call.handler.options
        self.export: Export = options.export()
        self.caller = Caller.of(call.identity, options.anonymous_uid, options.anonymous_gid)
        self.packet: int | None = (
            None if call.handler.is_stream else getattr(call.handler.server, "max_packet_size", _PACKET)
        )
        self.status = nfsstat3.NFS3ERR_SERVERFAULT
        self._places: list[Place] = []
        self._found: list[Place] = []
        self._said: list[wcc_data] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        try:
            if not isinstance(error, (Refused, OSError)):
                return False
            self.status = status_of(error)
            for place in self._found:
                try:
                    self._said.append(self.wcc(place))
                except OSError:
                    self._said.append(wcc_data(before(place.facts), None))
            return True
        finally:
            for place in self._places:
                place.close()

    # -- objects -------------------------------------------------------------------------------------------------------

    def find(self, handle: nfs_fh3, *, to_change: bool = False) -> Place:
        """An object that the call is about.

        Parameters:
            to_change: whether it is to be changed, or what is in it.
        Raises: `Refused`, `OSError`.
        """
        place = self.keep(self.export.tree.find(handle.data, self.caller))
        self._found.append(place)
        if to_change:
            self.need_writable()
        return place

    def find_directory(self, handle: nfs_fh3, *, to_change: bool = False) -> Place:
        """The same, of a folder; to change it needs permission to write and search."""
        place = self.find(handle, to_change=to_change)
        if not place.is_directory:
            raise Refused(nfsstat3.NFS3ERR_NOTDIR)
        if to_change:
            self.need(place, WRITE | EXECUTE)
        return place

    def keep(self, place: Place) -> Place:
        """An object that is let go at the end."""
        self._places.append(place)
        return place

    def need_writable(self) -> None:
        """Raises: `Refused` unless the export may be changed."""
        if not self.export.writable:
            raise Refused(nfsstat3.NFS3ERR_ROFS)

    # -- what may be done ----------------------------------------------------------------------------------------------

    def may(self, place: Place, wanted: int) -> bool:
        """Whether the caller may."""
        return may(self.caller, wanted, place.facts, place.descriptor)

    def need(self, place: Place, wanted: int) -> None:
        """Raises: `Refused` unless he may."""
        if not self.may(place, wanted):
            raise Refused(nfsstat3.NFS3ERR_ACCES)

    def need_contents(self, place: Place, wanted: int) -> None:
        """The same for what is in a file. Its owner always may: he may have opened it on his machine before its mode
        changed, which the server cannot know (RFC 1813, section 4.4). Who may execute it may read it: that takes
        reading."""
        if place.facts.uid == self.caller.uid:
            return
        if not self.may(place, wanted) and not (wanted == READ and self.may(place, EXECUTE)):
            raise Refused(nfsstat3.NFS3ERR_ACCES)

    # -- what is said of them ------------------------------------------------------------------------------------------

    def attributes(self, place: Place) -> fattr3:
        """As it is now. Raises: `OSError`."""
        return self.export.attributes(place.now(), place.key)

    def wcc(self, place: Place) -> wcc_data:
        """Before the change, and now. Raises: `OSError`."""
        return wcc_data(before(place.facts), self.attributes(place))

    def changed(self, which: int = 0) -> wcc_data:
        """After a failure: of the first object that was found, or the second."""
        return self._said[which] if which < len(self._said) else wcc_data(None, None)

    def after(self) -> fattr3 | None:
        """After a failure: of the first object that was found."""
        return self.changed().after

    # -- on the disk ---------------------------------------------------------------------------------------------------

    def settle(self, place: Place) -> None:
        """Bring a changed folder, or the attributes of a file, to the disk, if the export says so."""
        if not self.export.sync or not (place.is_directory or place.is_file):
            return
        try:
            descriptor = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except PermissionError:
            # A server that is no root may write a file that it may not read. The next COMMIT settles it.
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
