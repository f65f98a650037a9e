"""The handler: NFS and MOUNT on one port."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugserve import BaseServer, ConfigurationError
from plugserve_sunrpc import RPCHandler

from .export import Export
from .facts import missing_here
from .mounting import Mounting
from .writing import Writing

__all__ = ["NFSHandler"]


class NFSHandler(RPCHandler):
    """Serves a folder: NFS version 3 and MOUNT version 3 (RFC 1813), over streams and datagrams.

    ```python
    with MultiplexingTCPServer(("127.0.0.1", 2049), NFSHandler, options=NFSHandler.Options(root="public")) as server:
        server.serve_forever()
    ```
    """

    programs = (Writing(), Mounting())

    @dataclass(frozen=True, kw_only=True)
    class Options(RPCHandler.Options):
        """Options of `nfs`, beside those of every RPC service.

        Parameters:
            root: the folder that is exported, as `/`.
            writable: whether anything may be changed.
            sync: whether a change of a folder or of attributes is on the disk before it is answered, as RFC 1813 asks;
                what is written to files is as the client says, always.
            key: the file with the key of the file handles, which is made if there is none; None: `nfs.key` in the
                folder for state of the service or user.

        Errors: `ConfigurationError` for a root that is no folder, a system without what this takes, and values out of
            range.
        """

        root: Path | str
        writable: bool = False
        sync: bool = True
        key: Path | str | None = None
        folder: str = field(init=False, repr=False)
        exported: list[Export] = field(init=False, repr=False, compare=False, default_factory=list)
        exporting: Any = field(init=False, repr=False, compare=False, default_factory=threading.Lock)

        def __post_init__(self) -> None:
            super().__post_init__()
            if missing := missing_here():
                raise ConfigurationError(f"handler 'nfs' needs {missing}, which this system does not have")
            # Made absolute now: a program may change its folder later, as a daemon does.
            folder = os.path.abspath(self.root)
            if not os.path.isdir(folder):
                raise ConfigurationError(f"option 'root': {folder} is no folder: give the path of one", option="root")
            object.__setattr__(self, "folder", folder)

        def export(self) -> Export:
            """What is exported, which is made when a listener begins, or with the first call.

            Errors: `ConfigurationError` for a key that cannot be read or made.
            """
            if not self.exported:
                with self.exporting:
                    if not self.exported:
                        key = None if self.key is None else Path(os.path.abspath(self.key))
                        self.exported.append(
                            Export(self.folder, key=key, writable=self.writable, sync=self.sync, record=self.record)
                        )
            return self.exported[0]

    options: Options

    @classmethod
    def server_activate(cls, server: BaseServer) -> None:
        """The key is read now, so that what is wrong with it is told at the start, and children have the same."""
        super().server_activate(server)
        server.options.export()
