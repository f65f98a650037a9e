"""The servers of Unix sockets; not on platforms without them."""

from __future__ import annotations

import socket
from typing import Any

from .errors import ConfigurationError
from .internet import TCPServer, UDPServer

__all__ = ["UnixDatagramServer", "UnixSeqpacketServer", "UnixStreamServer"]


class _OnPath(TCPServer):
    """How a Unix socket gets its path. Without a word from the class it is as in `socketserver`: permissions by the
    umask, an existing path refused, the path left behind."""

    address_family = socket.AF_UNIX
    socket_mode: int | None = None
    """Permissions of the path, from its first moment on; None leaves them to the umask."""
    socket_owner: str | int | None = None
    socket_group: str | int | None = None
    """Whose the path is, by name or number."""
    manage_path = False
    """Whether to remove the path of a dead socket before binding, and ours at `server_close()`."""
    allow_abstract = False
    """Whether to bind an abstract name, to which everybody on the machine may connect (CVE-2022-42919)."""

    def server_bind(self) -> None:
        """Bind the socket to its path. May be overridden."""
        path: Any = self.server_address
        if not path or _is_abstract(path):
            # An empty name is one, too: Linux then chooses it (unix(7), "Autobind feature").
            if not self.allow_abstract:
                raise ConfigurationError(
                    f"{path!r} is an abstract name, to which everybody on this machine may connect: use a path, or "
                    f"set allow_abstract = True"
                )
        elif self.manage_path or (self.socket_mode, self.socket_owner, self.socket_group) != (None, None, None):
            from .listening import bind_unix, socket_name

            bound = bind_unix(
                self.socket,
                path,
                mode=self.socket_mode,
                owner=self.socket_owner,
                group=self.socket_group,
                remove_stale=self.manage_path,
            )
            self.server_address = socket_name(self.socket)
            if self.manage_path:
                self.release_listener = bound.release
            return
        super().server_bind()


class UnixStreamServer(_OnPath):
    """A stream server on a path; see `socketserver.UnixStreamServer`."""

    transport = "unix"

    accept_descriptors: int = 0
    """How many open descriptors one message of a peer may bring (unix(7), SCM_RIGHTS); `connection.take_descriptors()`
    gives them. With 0 the kernel closes what comes. Not for classic handlers, which have the real socket."""

    def _core_set_policies(self) -> None:
        super()._core_set_policies()
        if self.accept_descriptors:
            from .ancillary import channel_maker

            self._core_make_channel = channel_maker(self.accept_descriptors)


class UnixSeqpacketServer(UnixStreamServer):
    """A server of connected, record-keeping Unix sockets (unix(7), SOCK_SEQPACKET): a `read` gives one record."""

    socket_type = socket.SOCK_SEQPACKET
    transport = "unix-seqpacket"
    keeps_records = True


class UnixDatagramServer(_OnPath, UDPServer):
    """A datagram server on a path; see `socketserver.UnixDatagramServer`."""

    transport = "unix-dgram"


def _is_abstract(path: Any) -> bool:
    return bool(path) and path[:1] in ("\0", b"\0")
