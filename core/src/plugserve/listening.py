"""Listening sockets: made, found and given back.

Unix paths are the delicate part. Rules:

1. A path is never looser than asked for, not even for a moment. Connecting needs write permission on the path (unix(7),
   "Pathname socket ownership and permissions"), so what is opened up later has been open too early. The umask would do
   it, but belongs to the whole process and all its threads (umask(2)).
2. A path that a killed process left behind does not keep the next one from starting.
3. Nothing is removed that is alive or is no socket, whoever else is at work on the same path.
4. At the end our own path is removed and no other.

On Linux a path gets the permissions of the socket's own inode, narrowed by the umask (`unix_bind_bsd` in the kernel's
net/unix/af_unix.c), so fchmod(2) before bind(2) decides. unix(7) only speaks of the umask, so a test holds the kernel
to it. Elsewhere the socket is bound and dressed in a folder that nobody else may enter, and then linked to its place.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import weakref
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .address import Address

__all__ = [
    "BoundPath",
    "bind",
    "bind_unix",
    "check_unix_path",
    "claim_release",
    "discard",
    "from_descriptor",
    "from_systemd",
    "max_backlog",
    "release_unix",
    "resolve",
    "socket_name",
    "transport_of",
]

_BACKLOG: Final = 1024
"""Connections that may wait to be accepted: a burst of clients, not the 5 of the standard module."""
_FIRST_SYSTEMD_FD: Final = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""
_MOST_SYSTEMD_FDS: Final = 1 << 16
_MOST_ID: Final = (1 << 32) - 2
"""The greatest uid; the next one means "no change" to chown(2)."""
_SOMAXCONN: Final = "/proc/sys/net/core/somaxconn"

_fchmod_decides = sys.platform == "linux"
"""Whether the permissions of a socket before bind become those of its path."""
_bound: weakref.WeakKeyDictionary[socket.socket, BoundPath] = weakref.WeakKeyDictionary()
_taken_over: weakref.WeakSet[socket.socket] = weakref.WeakSet()
_given_out: set[int] = set()
_warned = False


def bind(address: Address) -> socket.socket:
    """A socket on an address: bound, not yet listening.

    A host name with several addresses gives a socket on the first that this machine has; `resolve` gives them all.

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


def socket_name(sock: socket.socket) -> Any:
    """The address of a socket as clients use it: `getsockname()`, but for a path that was bound elsewhere and moved."""
    bound = _bound.get(sock)
    return sock.getsockname() if bound is None else bound.given


def claim_release(sock: socket.socket) -> Callable[[], None] | None:
    """What to call right before a socket made here is closed for good; None if there is nothing to give back.

    It works in the process that claims it and in none that is forked from it later: a child that closes its copy of
    a server must not take the path from its parent.
    """
    bound = _bound.get(sock)
    if bound is None:
        return None
    bound.process = os.getpid()
    return bound.release


def discard(sock: socket.socket) -> None:
    """Close a socket made here that will not be served after all, and give back what it would leave behind."""
    release = claim_release(sock)
    if release is not None:
        release()
    sock.close()


def max_backlog(wanted: int = _BACKLOG) -> int:
    """How many connections may really wait to be accepted.

    Parameters:
        wanted: how many should.

    Returns: `wanted`, or the kernel's limit if that is less (listen(2), "Notes": it would be cut silently). The first
        time it is less, a warning says so in the log. Only Linux tells its limit without running a program.
    """
    global _warned
    try:
        with open(_SOMAXCONN, encoding="ascii") as file:
            limit = int(file.read())
    except (OSError, ValueError):
        return wanted
    if limit < wanted and not _warned:
        _warned = True
        from .faults import report

        report(
            "the queue of new connections",
            level="warning",
            text=f"holds {limit}, not {wanted}: raise the sysctl net.core.somaxconn, or clients of a burst are refused",
        )
    return min(limit, wanted)


# -- internet ----------------------------------------------------------------------------------------------------------


def resolve(address: Address) -> list[Address]:
    """The addresses that a host name stands for, each with a numeric host; any other address is its own only one.

    `localhost` may be 127.0.0.1, ::1 or both: who wants to be reached under a name binds all of them.

    Errors: `ConfigurationError`: the name is not known.
    """
    from dataclasses import replace

    if address.transport not in ("tcp", "udp") or address.host == "*":
        return [address]
    hosts = []
    for family, where in _places(address):
        # It knows how to write a zone, which `where` holds as a number.
        host, _ = socket.getnameinfo(where, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
        if family in (socket.AF_INET, socket.AF_INET6) and host not in hosts:
            hosts.append(host)
    return [replace(address, host=host) for host in hosts]


def _bind_internet(address: Address) -> socket.socket:
    failure: OSError | None = None
    for family, where in _places(address):
        try:
            return _bind_one(address, family, where)
        except OSError as error:
            # A machine may name addresses of a family that it has been configured without.
            failure = failure or error
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
    assert failure is not None, "there is at least one place"
    raise failure


def _places(address: Address) -> list[tuple[int, Any]]:
    """Where an internet address may be bound: families and socket addresses, the preferred first."""
    if address.host == "*":
        places: list[tuple[int, Any]] = [(socket.AF_INET6, ("::", address.port))] if socket.has_ipv6 else []
        places.append((socket.AF_INET, ("0.0.0.0", address.port)))
    else:
        kind = _kind(address)
        try:
            found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
        except (socket.gaierror, UnicodeError) as error:
            # A label of more than 63 bytes fails in Python's own IDNA codec, with a UnicodeError.
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"address {str(address)!r}: {address.host}: {reason}") from error
        places = [(family, where) for family, _, _, _, where in found]
    if address.flag("v6only"):
        places = [(family, where) for family, where in places if family == socket.AF_INET6]
        if not places:
            raise ConfigurationError(f"address {str(address)!r}: v6only=yes leaves nothing, this is IPv4: remove it")
    return places


def _kind(address: Address) -> socket.SocketKind:
    return socket.SOCK_STREAM if address.transport == "tcp" else socket.SOCK_DGRAM


def _bind_one(address: Address, family: int, where: Any) -> socket.socket:
    sock = socket.socket(family, _kind(address))
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let any program take the port over while we serve it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif address.transport == "tcp":
            # A server that was stopped must start again although its old connections are in TIME_WAIT (tcp(7)). Not
            # for UDP, where it would share the port with a thief (socket(7)).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.flag("reuseport"):
            if not hasattr(socket, "SO_REUSEPORT"):
                raise ConfigurationError(f"address {str(address)!r}: this platform has no SO_REUSEPORT")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # Said either way, since the system's default differs (RFC 3493, 5.3).
            both = where[0] == "::" and not address.flag("v6only")
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
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


def check_unix_path(path: str | bytes, *, allow_abstract: bool = False) -> None:
    """Refuse what must not, or cannot, be bound as a Unix socket's path.

    Parameters:
        path: as it would be given to `bind`; a leading NUL makes it an abstract name.
        allow_abstract: whether an abstract name is wanted. It has no permissions: everybody on the machine, and in
            containers that share its network, may connect (CVE-2022-42919 was one).

    Errors: `ConfigurationError`: an abstract name that nobody asked for; an empty path, for which Linux makes up an
        abstract name (unix(7), "Autobind feature"); a NUL byte, where the kernel would end the path silently; one that
        is too long.
    """
    raw = os.fsencode(path)
    if not raw:
        raise ConfigurationError("the path of a Unix socket is empty: write one, such as /run/NAME.sock")
    # sun_path has 108 bytes on Linux and 104 on BSD and macOS, for a path with its NUL (unix(7), unix(4)).
    most = 108 if sys.platform == "linux" else 104
    if raw[0] == 0:
        if not allow_abstract:
            raise ConfigurationError(
                f"{path!r} is an abstract name, to which everybody on this machine may connect: use a path, or set "
                f"allow_abstract = True"
            )
        if sys.platform != "linux":
            raise ConfigurationError(f"{path!r} is an abstract name, which only Linux has: use a path")
    else:
        most -= 1
        if 0 in raw:
            raise ConfigurationError(f"unix path {path!r} holds a NUL byte: remove it")
    if len(raw) > most:
        raise ConfigurationError(
            f"unix path {path!r} has {len(raw)} bytes, the most is {most}: use a shorter one, or one relative to the "
            f"working folder"
        )


def bind_unix(
    sock: socket.socket,
    path: str,
    *,
    mode: int | None = 0o600,
    owner: str | int | None = None,
    group: str | int | None = None,
    remove_stale: bool = False,
) -> BoundPath:
    """Bind a Unix socket to a path.

    Parameters:
        sock: of any type, unbound.
        path: where; its folder must exist.
        mode: the permissions of the path, whatever the umask; None leaves them to the umask. Connecting needs write
            permission (unix(7)).
        owner: whose it is, by name or number; None does not change it.
        group: its group, likewise.
        remove_stale: whether to remove a socket on this path that is dead: no process has it open any more.

    Returns: what was made; its `release()` removes it.

    Races: a path that is to be given away has no permissions at all until it is. The probe is a connect with a socket
    of another type, which disturbs nobody: a dead socket refuses it (ECONNREFUSED), a living one has the wrong type
    (EPROTOTYPE), even before it listens. What is removed is first taken aside and looked at again, so that a living
    socket put there since the probe is put back. Those that do the same at once are kept apart by a lock file beside
    the path, which only exists meanwhile.

    Errors: `ConfigurationError` for a path that is refused (`check_unix_path`) or taken by something that is no
        socket, or an unknown owner; `OSError` with EADDRINUSE for one that is alive, and others as the kernel says.
    """
    check_unix_path(path)
    uid, gid = _user(path, owner), _group(path, group)
    if mode is None or _fchmod_decides:
        at_first = 0o777 if mode is None else mode if (uid, gid) == (-1, -1) else 0
        if mode is not None:
            os.fchmod(sock.fileno(), at_first)
        _put(path, partial(sock.bind, path), remove_stale)
        with closing(_File(path)) as made:
            if not made.is_socket or made.mode & ~at_first:
                why = "the new socket was replaced, or its folder keeps no permissions"
                raise OSError(errno.EADDRINUSE, why, path)
            bound = BoundPath(sock, made, path)
            try:
                made.dress(uid, gid, mode, path)
            except OSError:
                bound.release()
                raise
    else:
        with _private_folder(path) as folder:
            private = os.path.join(folder, "s")
            check_unix_path(private)
            sock.bind(private)
            try:
                with closing(_File(private)) as made:
                    made.dress(uid, gid, mode, path)
                    bound = BoundPath(sock, made, path)
                    # Unlike a rename, a link never replaces what is there.
                    _put(path, partial(os.link, private, path, follow_symlinks=False), remove_stale)
            finally:
                os.unlink(private)
    _bound[sock] = bound
    return bound


def release_unix(path: str, identity: BoundPath) -> None:
    """Remove the path of a socket, if it is still the one that was made: `identity.release()`.

    Called while the socket is open.
    """
    identity.release()


class BoundPath:
    """A path that a socket was bound to, and which file it was: another may have its name by now.

    Parameters:
        sock: the socket. Call `release` while it is open, since that keeps the number of its inode from being given to
            the next file; afterwards nothing is removed on which a living socket is found.
        made: the file that was made.
        given: the path for clients, as it was asked for.
    """

    __slots__ = ("__weakref__", "_key", "_path", "_sock", "given", "process")

    def __init__(self, sock: socket.socket, made: _File, given: str) -> None:
        self._sock = weakref.ref(sock)
        self._key = made.key
        self._path = os.path.abspath(given)  # the working folder may be another by the time it is released
        self.given = given
        self.process = os.getpid()

    def release(self) -> None:
        """Remove the path if it still names the file that was made; in the process that bound or claimed it. Never
        raises."""
        if self.process != os.getpid():
            return
        sock = self._sock()
        try:
            with closing(_File(self._path)) as file:
                if file.key == self._key and ((sock is not None and sock.fileno() >= 0) or not _lives(self._path)):
                    file.remove(self._path)
        except OSError:
            pass  # gone already, or not ours to remove any more


class _File:
    """What a path names, and not what it may name a moment later.

    On Linux the file is held by a descriptor that opens nothing (open(2), O_PATH): the number of an inode is given to
    the next file as soon as its last user is gone, so a number alone could soon mean a newcomer. Elsewhere the time
    of birth tells them apart.
    """

    __slots__ = ("_fd", "_path", "key", "mode")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        if sys.platform == "linux":
            self._fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        found = os.lstat(path) if self._fd < 0 else os.fstat(self._fd)
        self.key = _key(found)
        self.mode = stat.S_IMODE(found.st_mode)

    @property
    def is_socket(self) -> bool:
        """Whether it is one: a link to a socket is none."""
        return stat.S_ISSOCK(self.key[0])

    def dress(self, uid: int, gid: int, mode: int | None, given: str) -> None:
        """Give it away and set its permissions, whatever has its name by now. Errors name the path that was `given`."""
        handle = f"/proc/self/fd/{self._fd}"
        held = self._fd >= 0 and os.path.exists(handle)
        target = handle if held else self._path

        def still_there() -> None:
            # Without /proc, as in a bare chroot, there is only the path, where somebody may have put a link.
            if not held and not self.has_name(target):
                raise OSError(errno.EADDRINUSE, "the new socket was replaced")

        try:
            if (uid, gid) != (-1, -1):
                still_there()
                os.chown(target, uid, gid, follow_symlinks=held)
            if mode is not None and mode != self.mode:
                still_there()
                os.chmod(target, mode)
        except OSError as error:
            raise OSError(error.errno, error.strerror, given) from error

    def has_name(self, path: str) -> bool:
        """Whether a path names it."""
        try:
            return _key(os.lstat(path)) == self.key
        except FileNotFoundError:
            return False

    def remove(self, path: str) -> None:
        """Unlink a path that names it. What else got the name, even a moment ago, keeps it."""
        if not self.has_name(path):
            return
        aside = f"{path}.{os.urandom(8).hex()}"
        os.rename(path, aside)
        if self.has_name(aside):
            os.unlink(aside)
            return
        try:
            os.link(aside, path, follow_symlinks=False)
        except FileExistsError:
            return  # a third took the place: nothing that may be alive is unlinked, it stays aside
        except OSError:
            # A folder, or a socket of somebody else (proc(5), protected_hardlinks), has no second link.
            if not os.path.lexists(path):
                os.rename(aside, path)
        else:
            os.unlink(aside)

    def close(self) -> None:
        """Let go of it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _key(found: os.stat_result) -> tuple[int, int, int, object]:
    return stat.S_IFMT(found.st_mode), found.st_dev, found.st_ino, getattr(found, "st_birthtime", None)


def _bind_unix_address(address: Address) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigurationError(f"address {str(address)!r}: this platform has no Unix sockets")
    kinds = {"unix": "SOCK_STREAM", "unix-dgram": "SOCK_DGRAM", "unix-seqpacket": "SOCK_SEQPACKET"}
    sock = socket.socket(socket.AF_UNIX, getattr(socket, kinds[address.transport]))
    try:
        if address.path.startswith("@"):
            name = "\0" + address.path[1:]
            check_unix_path(name, allow_abstract=address.flag("abstract"))
            sock.bind(name)
            return sock
        bind_unix(
            sock,
            address.path,
            mode=int(address.options.get("mode", "0600"), 8),
            owner=address.options.get("owner"),
            group=address.options.get("group"),
            remove_stale=True,
        )
    except BaseException:
        sock.close()
        raise
    return sock


def _put(path: str, publish: Callable[[], None], remove_stale: bool) -> None:
    """Give a path to a socket, once what is dead on it is out of the way."""
    try:
        try:
            publish()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EEXIST) or not remove_stale:
                raise
            with _lock(path):
                _remove_dead(path)
                publish()
    except OSError as error:
        # The kernel's own words do not say which path, and bind and link have two for the same.
        number = errno.EADDRINUSE if error.errno == errno.EEXIST else error.errno
        if error.filename is not None and error.errno != errno.EEXIST:
            raise
        raise OSError(number, os.strerror(number or 0), path) from error


def _remove_dead(path: str) -> None:
    try:
        file = _File(path)
    except FileNotFoundError:
        return
    with closing(file):
        if not file.is_socket:
            raise ConfigurationError(f"unix path {path!r} is taken by something that is no socket: remove it yourself")
        if _lives(path):
            raise OSError(errno.EADDRINUSE, "somebody listens there, or may", path)
        file.remove(path)


def _lives(path: str) -> bool:
    """Whether any process has the socket on this path open; True also if nobody may know."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # EPROTOTYPE: another type; EPERM: a datagram socket with one peer; EACCES: not for us to know
    return True


@contextmanager
def _lock(path: str) -> Iterator[None]:
    """Alone with a path, among those that ask for this lock.

    Not on the folder: whoever may read a folder may lock it, for ever. The lock file is ours alone (mode 0600).
    """
    import fcntl

    name = f"{path}.lock"
    while True:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise ConfigurationError(f"the lock file {name!r} is somebody else's: remove it yourself")
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                ours = os.path.samestat(os.lstat(name), found)
            except FileNotFoundError:
                ours = False
            if ours:
                try:
                    yield
                finally:
                    os.unlink(name)
                return
        finally:
            os.close(fd)
        # Whoever had it before us has removed it: this one locks nothing any more.


@contextmanager
def _private_folder(path: str) -> Iterator[str]:
    folder = os.path.join(os.path.dirname(path), f".{os.urandom(4).hex()}")
    os.mkdir(folder, 0o700)
    os.chmod(folder, 0o700)  # a umask may keep even us out
    try:
        yield folder
    finally:
        os.rmdir(folder)


def _user(path: str, owner: str | int | None) -> int:
    number = _id(path, owner)
    if number is not None:
        return number
    import pwd

    try:
        return pwd.getpwnam(str(owner)).pw_uid
    except KeyError:
        raise ConfigurationError(f"unix path {path!r}: there is no user {owner!r}") from None


def _group(path: str, group: str | int | None) -> int:
    number = _id(path, group)
    if number is not None:
        return number
    import grp

    try:
        return grp.getgrnam(str(group)).gr_gid
    except KeyError:
        raise ConfigurationError(f"unix path {path!r}: there is no group {group!r}") from None


def _id(path: str, who: str | int | None) -> int | None:
    """The number of a user or group that is given as one; -1, which changes nothing, for None; None for a name."""
    if who is None:
        return -1
    if isinstance(who, str) and not (who.isascii() and who.isdecimal()):
        return None
    if len(str(who)) > 10 or not 0 <= int(who) <= _MOST_ID:
        raise ConfigurationError(f"unix path {path!r}: {who} is no number of a user or group")
    return int(who)


# -- inherited ---------------------------------------------------------------------------------------------------------


def from_descriptor(number: int) -> socket.socket:
    """The socket behind an inherited descriptor, bound by whoever passed it; not inherited further, given out once.

    Errors: `ConfigurationError` if there is no such descriptor, it is no socket that can be served, or it was opened by
        this program itself: the number of a descriptor that was not passed may by now be that of another listener.
    """
    return _take_over(number, inherited=True)


def _take_over(number: int, *, inherited: bool) -> socket.socket:
    if any(sock.fileno() == number for sock in _taken_over):
        raise ConfigurationError(f"descriptor {number} has been taken already: name it once")
    try:
        sock = socket.socket(fileno=number)
    except OSError as error:
        raise ConfigurationError(f"descriptor {number} cannot be served: {error.strerror or error}") from error
    try:
        # What came through exec(2) had no FD_CLOEXEC then; what Python opens has it (PEP 446).
        if inherited and not sock.get_inheritable() and sys.platform != "win32":
            raise ConfigurationError(
                f"descriptor {number} was not passed to this program, which has opened it itself: pass one, or listen "
                f"on an address"
            )
        _check_passed(sock)
        sock.set_inheritable(False)
    except BaseException:
        sock.detach()  # it stays whoever's it was
        raise
    _taken_over.add(sock)
    return sock


def _check_passed(sock: socket.socket) -> None:
    if transport_of(sock) in ("tcp", "unix", "unix-seqpacket", "vsock"):
        try:
            sock.getpeername()
        except OSError:
            pass
        else:
            raise ConfigurationError(
                f"descriptor {sock.fileno()} is a connection, not a listener: systemd passes those with Accept=yes, "
                f"inetd with nowait; set Accept=no, or wait"
            )
    name = sock.getsockname()
    if not name or (sock.family in (socket.AF_INET, socket.AF_INET6) and name[1] == 0):
        raise ConfigurationError(f"descriptor {sock.fileno()} is a socket without address: bind it before passing it")


def from_systemd(name: str = "") -> socket.socket:
    """A socket that systemd passed (sd_listen_fds(3)): `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`.

    Parameters:
        name: its `FileDescriptorName=`, or its number counted from 0; empty if only one was passed. Of several with
            one name, which is what a unit with several `ListenStream=` passes, each call gives the next.

    Each is given out once. From the first call on none of them is inherited by children. The variables stay in the
    environment: they name this process, so no child takes them for its own.

    Errors: `ConfigurationError`: nothing was passed to this process, or no such socket, or it has been given out.
    """
    wanted = f"systemd://{name}"
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise ConfigurationError(
            f"{wanted}: systemd has passed no sockets to this process (LISTEN_PID is "
            f"{os.environ.get('LISTEN_PID', 'not set')}): start it from a .socket unit"
        )
    text = os.environ.get("LISTEN_FDS", "")
    count = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    if not 0 < count < _MOST_SYSTEMD_FDS:
        raise ConfigurationError(f"{wanted}: LISTEN_FDS is {text!r}, which is no number of sockets")
    names = os.environ["LISTEN_FDNAMES"].split(":") if "LISTEN_FDNAMES" in os.environ else []
    names = (names + ["unknown"] * count)[:count]  # as systemd calls what has no name
    if not name:
        fitting = list(range(count))
        if count > 1:
            raise ConfigurationError(f"{wanted}: say which; {_passed(names)}")
    else:
        fitting = [index for index in range(count) if names[index] == name]
        if not fitting and name in map(str, range(count)):
            fitting = [int(name)]
    if not fitting:
        raise ConfigurationError(f"{wanted}: there is no such socket; {_passed(names)}")
    free = [index for index in fitting if index not in _given_out]
    if not free:
        raise ConfigurationError(f"{wanted}: each has been taken; {_passed(names)}")
    if not _given_out and sys.platform != "win32":
        for index in range(count):
            try:
                os.set_inheritable(_FIRST_SYSTEMD_FD + index, False)
            except OSError:
                pass  # closed by somebody: told when it is asked for
    sock = _take_over(_FIRST_SYSTEMD_FD + free[0], inherited=False)
    _given_out.add(free[0])
    return sock


def _passed(names: list[str]) -> str:
    return f"passed were {', '.join(f'{index} ({name})' for index, name in enumerate(names))}"
