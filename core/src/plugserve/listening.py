"""Listening sockets: made, found and given back.

Unix paths are the delicate part. A socket's permissions must never be looser than asked for, not even for a moment; a
path left behind by a process that was killed must not keep the next one from starting; and nothing may be removed that
is alive or is no socket. See `bind_unix`.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from .address import Address
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "bind",
    "bind_unix",
    "claim_release",
    "from_descriptor",
    "from_systemd",
    "release_unix",
    "transport_of",
]

_MOST_PATH = 107
"""Bytes of a Unix path: sun_path has 108 with the NUL on Linux (unix(7)), and fewer elsewhere."""
_FIRST_SYSTEMD_FD = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""

_releases: weakref.WeakKeyDictionary[socket.socket, Callable[[], None]] = weakref.WeakKeyDictionary()
_given_out: set[int] = set()


def bind(address: Address) -> socket.socket:
    """A socket on an address: bound, not yet listening.

    Errors: `OSError` as the kernel says (EADDRINUSE, EACCES ...); `ConfigurationError` for what is refused or not to
        be had on this platform.
    """
    if address.transport in ("tcp", "udp"):
        return _bind_internet(address)
    if address.transport == "fd":
        return from_descriptor(int(address.name))
    if address.transport == "systemd":
        return from_systemd(address.name)
    if address.transport == "vsock":
        return _bind_vsock(address)
    return _bind_unix_address(address)


def transport_of(sock: socket.socket) -> str:
    """What kind of socket this is, in the words of `Context.transport`.

    Errors: `ConfigurationError` for a kind that no server class serves.
    """
    kinds = {
        (socket.AF_INET, socket.SOCK_STREAM): "tcp",
        (socket.AF_INET6, socket.SOCK_STREAM): "tcp",
        (socket.AF_INET, socket.SOCK_DGRAM): "udp",
        (socket.AF_INET6, socket.SOCK_DGRAM): "udp",
    }
    if hasattr(socket, "AF_UNIX"):
        kinds[(socket.AF_UNIX, socket.SOCK_STREAM)] = "unix"
        kinds[(socket.AF_UNIX, socket.SOCK_DGRAM)] = "unix-dgram"
        kinds[(socket.AF_UNIX, socket.SOCK_SEQPACKET)] = "unix-seqpacket"
    if hasattr(socket, "AF_VSOCK"):
        kinds[(socket.AF_VSOCK, socket.SOCK_STREAM)] = "vsock"
    found = kinds.get((sock.family, sock.type))
    if found is None:
        raise ConfigurationError(f"descriptor {sock.fileno()} is a socket of a kind that cannot be served: {sock!r}")
    return found


def claim_release(sock: socket.socket) -> Callable[[], None] | None:
    """What to call right before a socket made here is closed for good; None if there is nothing to give back."""
    return _releases.pop(sock, None)


# -- internet ----------------------------------------------------------------------------------------------------------


def _bind_internet(address: Address) -> socket.socket:
    kind = socket.SOCK_STREAM if address.transport == "tcp" else socket.SOCK_DGRAM
    if address.host == "*":
        places: list[tuple[int, Any]] = [(socket.AF_INET6, ("::", address.port))] if socket.has_ipv6 else []
        places.append((socket.AF_INET, ("0.0.0.0", address.port)))
    else:
        try:
            found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
        except socket.gaierror as error:
            raise ConfigurationError(f"address {str(address)!r}: {address.host}: {error.strerror}") from error
        places = [(family, where) for family, _, _, _, where in found]
    failure: OSError | None = None
    for family, where in places:
        try:
            return _bind_one(address, family, kind, where)
        except OSError as error:
            # A machine may name addresses of a family that it has been configured without.
            failure = failure or error
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
    assert failure is not None, "getaddrinfo gives at least one place"
    raise failure


def _bind_one(address: Address, family: int, kind: int, where: Any) -> socket.socket:
    sock = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM and sys.platform != "win32":
            # A server that was stopped must start again although its old connections are in TIME_WAIT (tcp(7)). On
            # Windows the option would let two servers share a port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.flag("reuseport"):
            if not hasattr(socket, "SO_REUSEPORT"):
                raise ConfigurationError(f"address {str(address)!r}: this platform has no SO_REUSEPORT")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # Said either way, since the system's default differs (RFC 3493 section 5.3): only * is both families.
            v6only = address.flag("v6only") if "v6only" in address.options else address.host not in ("*", "::")
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        sock.bind(where)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_vsock(address: Address) -> socket.socket:
    if not hasattr(socket, "AF_VSOCK"):
        raise ConfigurationError(f"address {str(address)!r}: this platform has no VM sockets")
    cid = socket.VMADDR_CID_ANY if address.host == "*" else int(address.host)
    # In the kernel's terms 0 is a port; any free one is VMADDR_PORT_ANY (vsock(7)).
    port = address.port or socket.VMADDR_PORT_ANY
    sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    try:
        sock.bind((cid, port))
    except BaseException:
        sock.close()
        raise
    return sock


# -- Unix --------------------------------------------------------------------------------------------------------------


def _bind_unix_address(address: Address) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigurationError(f"address {str(address)!r}: this platform has no Unix sockets")
    kinds = {"unix": "SOCK_STREAM", "unix-dgram": "SOCK_DGRAM", "unix-seqpacket": "SOCK_SEQPACKET"}
    sock = socket.socket(socket.AF_UNIX, getattr(socket, kinds[address.transport]))
    try:
        if address.path.startswith("@"):
            sock.bind("\0" + address.path[1:])
            return sock
        identity = bind_unix(
            sock,
            address.path,
            mode=int(address.options.get("mode", "0600"), 8),
            owner=address.options.get("owner"),
            group=address.options.get("group"),
            remove_stale=True,
        )
        _releases[sock] = partial(release_unix, address.path, identity)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_unix(
    sock: socket.socket,
    path: str,
    *,
    mode: int | None = 0o600,
    owner: str | int | None = None,
    group: str | int | None = None,
    remove_stale: bool = False,
) -> tuple[int, int]:
    """Bind a Unix socket to a path.

    Parameters:
        sock: of any type, unbound.
        path: where; its folder must exist.
        mode: the permissions of the path; None leaves them to the umask. Connecting needs write permission (unix(7)).
        owner: whose it is, by name or number; None does not change it.
        group: its group, likewise.
        remove_stale: whether to remove a socket on this path that nobody listens on any more.

    Returns: the identity of what was made, for `release_unix`.

    No moment with loose permissions: the socket comes into being with no permission at all, is given away, and only
    then opened. On Linux the mode of the path is that of the socket's own inode, set before bind; elsewhere the socket
    is bound in a folder that nobody else may enter, and moved to its place.

    What is alive, or no socket, is never removed: the probe is a connect, which only a dead socket refuses; two
    processes that probe at once are kept apart by a lock on the folder.

    Errors: `ConfigurationError` for a path that is too long, or taken by something that is no socket, or an unknown
        owner; `OSError` with EADDRINUSE for one that is alive, and others as the kernel says.
    """
    if len(os.fsencode(path)) > _MOST_PATH:
        raise ConfigurationError(f"unix path {path!r} has {len(os.fsencode(path))} bytes, the most is {_MOST_PATH}")
    if path.startswith("\0"):
        raise ConfigurationError(
            f"unix path {path!r} is an abstract name, which has no permissions: use a path, or set allow_abstract"
        )
    uid, gid = _user(path, owner), _group(path, group)
    with _locked_folder(path):
        if remove_stale:
            _remove_stale(sock, path)
        if mode is None:
            sock.bind(path)
        elif sys.platform == "linux":
            os.fchmod(sock.fileno(), 0)
            sock.bind(path)
        else:
            _bind_in_private(sock, path)
        made = os.lstat(path)
        try:
            if uid != -1 or gid != -1:
                os.chown(path, uid, gid, follow_symlinks=False)
            if mode is not None:
                os.chmod(path, mode)
        except OSError:
            os.unlink(path)
            raise
    return made.st_dev, made.st_ino


def release_unix(path: str, identity: tuple[int, int]) -> None:
    """Remove the path of a socket, if it is still the one that was made.

    Called while the socket is open: afterwards its inode number may be given to something else.
    """
    try:
        with _locked_folder(path):
            now = os.lstat(path)
            if (now.st_dev, now.st_ino) == identity:
                os.unlink(path)
    except OSError:
        pass  # gone with its folder, or not ours to remove any more


def _remove_stale(sock: socket.socket, path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigurationError(f"unix path {path!r} is taken by something that is no socket: remove it yourself")
    with socket.socket(socket.AF_UNIX, sock.type) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            pass  # a full backlog (EAGAIN), another type (EPROTOTYPE): somebody is there
    raise OSError(errno.EADDRINUSE, f"somebody listens on {path}")


def _bind_in_private(sock: socket.socket, path: str) -> None:
    import tempfile

    if os.path.lexists(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path) or ".", prefix=".") as folder:
        private = os.path.join(folder, "s")
        sock.bind(private)
        os.chmod(private, 0)
        os.rename(private, path)


@contextmanager
def _locked_folder(path: str) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _user(path: str, owner: str | int | None) -> int:
    if owner is None:
        return -1
    if isinstance(owner, int) or owner.isdigit():
        return int(owner)
    import pwd

    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise ConfigurationError(f"unix path {path!r}: there is no user {owner!r}") from None


def _group(path: str, group: str | int | None) -> int:
    if group is None:
        return -1
    if isinstance(group, int) or group.isdigit():
        return int(group)
    import grp

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigurationError(f"unix path {path!r}: there is no group {group!r}") from None


# -- inherited ---------------------------------------------------------------------------------------------------------


def from_descriptor(number: int) -> socket.socket:
    """The socket behind an inherited descriptor, bound by whoever passed it; not inherited further.

    Errors: `ConfigurationError` if there is no such descriptor or it is no socket.
    """
    try:
        os.set_inheritable(number, False)
        sock = socket.socket(fileno=number)
    except OSError as error:
        raise ConfigurationError(f"descriptor {number} cannot be served: {error.strerror or error}") from error
    return sock


def from_systemd(name: str = "") -> socket.socket:
    """A socket that systemd passed (sd_listen_fds(3)): `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`.

    Parameters:
        name: its `FileDescriptorName=`, or its number counted from 0; empty if only one was passed.

    Each is given out once. The variables stay in the environment: they name this process, so no child takes them for
    its own.

    Errors: `ConfigurationError`: nothing was passed to this process, or no such socket, or it has been given out.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise ConfigurationError(
            f"systemd://{name}: systemd has passed no sockets to this process (LISTEN_PID is "
            f"{os.environ.get('LISTEN_PID', 'not set')}): start it from a .socket unit"
        )
    try:
        count = int(os.environ.get("LISTEN_FDS", ""))
    except ValueError:
        raise ConfigurationError(f"systemd://{name}: LISTEN_FDS is no number") from None
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    names = (names + ["unknown"] * count)[:count]
    numbers = [index for index in range(count) if names[index] == name]
    if not numbers and name.isdigit() and int(name) < count:
        numbers = [int(name)]
    if not name:
        numbers = list(range(count))
    free = [index for index in numbers if index not in _given_out]
    if not free or (not name and count != 1):
        why = "each has been taken" if numbers and not free else "there is no such socket"
        raise ConfigurationError(
            f"systemd://{name}: {why}; passed were {', '.join(f'{i} ({n})' for i, n in enumerate(names)) or 'none'}"
        )
    _given_out.add(free[0])
    return from_descriptor(_FIRST_SYSTEMD_FD + free[0])
