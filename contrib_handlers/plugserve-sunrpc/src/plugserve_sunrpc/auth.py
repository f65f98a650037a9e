"""Flavours of authentication (RFC 5531, section 8): from a credential to a `plugserve.Identity`.

A flavour is a class with a number, found by its name in the entry-point group `plugserve.rpc_flavours`; so a package
may add one. It is asked for every call of its number.

What the flavours here are worth: AUTH_SYS proves nothing. The caller says which user he is, and where the network or
its machines cannot be trusted that is no more than a word (RFC 5531, section 14). The rule of privileged ports and
squashing limit what such a word can do.
"""

from __future__ import annotations

import array
import secrets
import socket
import sys
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, get_args

from plugserve import ConfigurationError, Identity, PlugserveError

from .message import NO_AUTH, AuthStatus, CallMessage, FlavourNumber, OpaqueAuth
from .program import Call
from .xdr import Packer, Unpacker, XDRError

__all__ = [
    "ALPN",
    "GROUP",
    "STARTTLS",
    "AuthNone",
    "AuthSys",
    "AuthTLS",
    "Authenticated",
    "AuthenticationFailed",
    "Flavour",
    "Squash",
    "SysCredential",
    "flavour_class",
]

GROUP: Final = "plugserve.rpc_flavours"
"""The entry-point group of flavours."""

STARTTLS: Final = b"STARTTLS"
"""What the verifier says of a server that speaks TLS (RFC 9289, section 4.1)."""

ALPN: Final = "sunrpc"
"""What the two sides agree to speak inside TLS (RFC 9289, section 5; registered in section 7.2)."""

Squash = Literal["none", "root", "all"]
"""Whose numbers are replaced by the anonymous ones: nobody's, those that are 0, or all."""

_MACHINE: Final = 255
_GROUPS: Final = 16
_KNOWN: Final = 1024
"""How many credentials are kept with their identities, and how many AUTH_SHORT handles."""
_PRIVILEGED: Final = 1024
"""Below it only root may bind a port, on systems that keep to that."""
_NO_ID: Final = 0xFFFF_FFFF
"""-1 of uid_t and gid_t, which is nobody's number: chown(2) and setreuid(2) take it for "leave it as it is". A server
that makes a file as root for this user would leave it to root."""
_PEER_GROUPS: Final = 59
"""SO_PEERGROUPS of Linux, <asm-generic/socket.h>: the groups of who connected. The module socket has no name for it."""
_PEER_GROUPS_SIZE: Final = 1024
"""The most bytes that the module socket asks the kernel for: 256 groups."""


class AuthenticationFailed(PlugserveError):
    """The call is denied with AUTH_ERROR. A flavour raises it, and a procedure may: AUTH_TOOWEAK, for one.

    Parameters:
        status: what the caller is told.
        reason: for people.
    """

    def __init__(self, status: AuthStatus, reason: str = "") -> None:
        super().__init__(reason or status.name)
        self.status = status


@dataclass(frozen=True, slots=True)
class Authenticated:
    """What a flavour makes of a call.

    Parameters:
        identity: who calls.
        verifier: goes back with the reply.
        arguments: the arguments, where they were protected; None: they are as they came.
        wrap: protects the packed results.
        results: if not None, the call was the flavour's own, and this is the answer; no procedure is called.
        start_tls: whether the stream is to be encrypted behind this answer.
    """

    identity: Identity | None = None
    verifier: OpaqueAuth = NO_AUTH
    arguments: bytes | None = None
    wrap: Callable[[bytes], bytes] | None = None
    results: bytes | None = None
    start_tls: bool = False


class Flavour(ABC):
    """A flavour of authentication. One instance serves a listener, from several threads at once."""

    number: ClassVar[int]
    """By which calls say it."""

    @abstractmethod
    def authenticate(self, message: CallMessage, call: Call, data: bytes) -> Authenticated:
        """Judge a call.

        Parameters:
            message: the call as it was read.
            call: what the procedure will be given; `handler` leads to the connection.
            data: the whole message, for flavours that prove its header.
        Raises: `AuthenticationFailed`; `NoReply` where not even a denial is due.
        """


class AuthNone(Flavour):
    """AUTH_NONE: nobody says who he is. The identity is that of the connection, such as a TLS certificate's."""

    number = FlavourNumber.AUTH_NONE

    def authenticate(self, message: CallMessage, call: Call, data: bytes) -> Authenticated:
        """Both bodies are empty (RFC 5531, section 10.1)."""
        if message.credential.body:
            raise AuthenticationFailed(AuthStatus.AUTH_BADCRED, "AUTH_NONE with a body")
        return _NOBODY


_NOBODY: Final = Authenticated()


@dataclass(frozen=True, slots=True)
class SysCredential:
    """The body of AUTH_SYS: RFC 5531, appendix A.

    Parameters:
        stamp: any number.
        machine: the caller's machine, as he calls it: at most 255 bytes.
        uid, gid: his user and group, from 0 to 2**32 - 1.
        gids: more groups, at most 16.
    """

    stamp: int
    machine: bytes
    uid: int
    gid: int
    gids: tuple[int, ...] = ()

    def encode(self) -> OpaqueAuth:
        """As a credential. Raises: `XDRError` for what does not fit."""
        packer = Packer()
        packer.pack_uint(self.stamp)
        packer.pack_opaque(self.machine, _MACHINE)
        packer.pack_uint(self.uid)
        packer.pack_uint(self.gid)
        packer.pack_numbers(self.gids, "I", _GROUPS)
        return OpaqueAuth(FlavourNumber.AUTH_SYS, packer.data())

    @classmethod
    def decode(cls, body: bytes) -> SysCredential:
        """From a credential's body. Raises: `XDRError`."""
        unpacker = Unpacker(body)
        stamp, machine = unpacker.unpack_uint(), unpacker.unpack_opaque(_MACHINE)
        uid, gid = unpacker.unpack_uint(), unpacker.unpack_uint()
        gids = unpacker.unpack_numbers("I", _GROUPS)
        unpacker.done()
        return cls(stamp, machine, uid, gid, gids)


class _Recent:
    """What was seen lately, by key: the one that was not asked for longest goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
            return found

    def put(self, key: Hashable, value: Any) -> None:
        with self._lock:
            self._items[key] = value
            while len(self._items) > self._most:
                self._items.popitem(last=False)

    def drop(self, key: Hashable) -> Any:
        with self._lock:
            return self._items.pop(key, None)


class AuthSys(Flavour):
    """AUTH_SYS, once AUTH_UNIX: the caller's word for his user and groups.

    The identity's name is the user's number; `claims` has `uid`, `gid`, `gids` and `machine`, after squashing. On a
    Unix stream the kernel knows the user, and on Linux his groups, and anybody but root who says others is refused.
    With a datagram of a Unix socket the kernel says nothing here, so it is the caller's word, as from the network.

    Parameters:
        privileged_port: whether root must vouch for callers: those of the network by a port below 1024, those behind a
            proxy by the port that the proxy tells, those of a Unix socket by what the kernel knows. Whom nobody
            vouches for, such as a client of a proxy's Unix socket, is refused.
        squash: whose numbers are replaced. The number 4294967295, -1, stands for nobody, and always is.
        anonymous_uid, anonymous_gid: by these.
        short: whether callers are given an AUTH_SHORT handle.
    """

    number = FlavourNumber.AUTH_SYS

    def __init__(
        self,
        *,
        privileged_port: bool = False,
        squash: Squash = "root",
        anonymous_uid: int = 65534,
        anonymous_gid: int = 65534,
        short: bool = False,
    ) -> None:
        if squash not in get_args(Squash):
            raise ConfigurationError(f"option 'squash' is {squash!r}: choose 'none', 'root' or 'all'", option="squash")
        for name, value in (("anonymous_uid", anonymous_uid), ("anonymous_gid", anonymous_gid)):
            number: object = value  # from code anything may come
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _NO_ID:
                raise ConfigurationError(
                    f"option {name.replace('_', '-')!r} is {value!r}: give a number from 0 to 4294967294", option=name
                )
        self.privileged_port = privileged_port
        self.squash = squash
        self.anonymous_uid = anonymous_uid
        self.anonymous_gid = anonymous_gid
        self._identities = _Recent(_KNOWN)
        self.short = AuthShort(self) if short else None

    def authenticate(self, message: CallMessage, call: Call, data: bytes) -> Authenticated:
        """Believe it, as far as the rules go."""
        if message.verifier.flavour or message.verifier.body:
            raise AuthenticationFailed(AuthStatus.AUTH_BADVERF, "AUTH_SYS with a verifier")
        body = message.credential.body
        known = self._identities.get(body)
        if known is None:
            try:
                said = SysCredential.decode(body)
            except XDRError as error:
                raise AuthenticationFailed(AuthStatus.AUTH_BADCRED, f"AUTH_SYS: {error}") from None
            known = (said, Authenticated(self.identity(said)))
            self._identities.put(body, known)
        said, verdict = known
        self.check_peer(said, call)
        if self.short is not None:
            return Authenticated(verdict.identity, self.short.handle_for(said, verdict.identity, call))
        authenticated: Authenticated = verdict
        return authenticated

    def identity(self, said: SysCredential) -> Identity:
        """Who it is, after squashing."""
        uid, gid, gids = said.uid, said.gid, said.gids
        if self.squash == "all":
            uid, gid, gids = self.anonymous_uid, self.anonymous_gid, ()
        else:
            replaced = (0, _NO_ID) if self.squash == "root" else (_NO_ID,)
            uid = self.anonymous_uid if uid in replaced else uid
            gid = self.anonymous_gid if gid in replaced else gid
            gids = tuple(self.anonymous_gid if one in replaced else one for one in gids)
        machine = said.machine.decode("utf-8", "backslashreplace")
        return Identity(
            str(uid),
            "auth-sys",
            frozenset(str(one) for one in (gid, *gids)),
            {"uid": uid, "gid": gid, "gids": gids, "machine": machine},
        )

    def check_peer(self, said: SysCredential, call: Call) -> None:
        """Hold what is known of the peer against what the caller says.

        Parameters:
            said: as which user and groups he calls.
        Raises: `AuthenticationFailed`.
        """
        address = call.client_address
        if isinstance(address, tuple):
            # A proxy that was not told a port says 0.
            if self.privileged_port and not 0 < address[1] < _PRIVILEGED:
                raise AuthenticationFailed(AuthStatus.AUTH_TOOWEAK, "not from a privileged port")
            return
        context = call.context
        # Behind a proxy the kernel knows the proxy, which says nothing about its client.
        direct = context is not None and context.peer_address == address
        credentials = context.peer_credentials if direct else None
        if credentials is None:
            if self.privileged_port:
                raise AuthenticationFailed(AuthStatus.AUTH_TOOWEAK, "nobody vouches for the user")
            return
        if credentials.uid == 0:
            return
        if credentials.uid != said.uid:
            raise AuthenticationFailed(AuthStatus.AUTH_REJECTEDCRED, "the kernel knows the user as another one")
        groups = {said.gid, *said.gids} - {credentials.gid}
        if groups:
            known = _peer_groups(call.handler.connection.request)
            if known is not None and not groups <= known:
                raise AuthenticationFailed(AuthStatus.AUTH_REJECTEDCRED, "the kernel knows the user without the group")


def _peer_groups(sock: Any) -> frozenset[int] | None:
    """The supplementary groups of who connected to a Unix socket; None where the system does not tell, and for more
    than 256."""
    if not sys.platform.startswith("linux") or not isinstance(sock, socket.socket):
        return None
    try:
        return frozenset(array.array("I", sock.getsockopt(socket.SOL_SOCKET, _PEER_GROUPS, _PEER_GROUPS_SIZE)))
    except (OSError, ValueError):
        return None


class AuthShort(Flavour):
    """AUTH_SHORT: a handle that stands for an AUTH_SYS credential of the same client (RFC 5531, appendix A).

    One that was forgotten is AUTH_REJECTEDCRED, whereupon the client comes with the whole one. So it is no more than
    that one, and what is asked of the peer is asked with each call. The table has 1024 of them; that which was not used
    for longest goes. With the engine forking each child has a table of its own.

    Parameters:
        sys: the flavour whose credentials it stands for.
    """

    number = FlavourNumber.AUTH_SHORT

    def __init__(self, sys: AuthSys) -> None:
        self._sys = sys
        self._handles = _Recent(_KNOWN)
        self._by_credential = _Recent(_KNOWN)

    def handle_for(self, said: SysCredential, identity: Identity | None, call: Call) -> OpaqueAuth:
        """The verifier with a client's handle."""
        host = _host(call)
        # All but the stamp, which is new in each credential of some clients.
        key = (host, said.machine, said.uid, said.gid, said.gids)
        handle = self._by_credential.get(key)
        if handle is None or self._handles.get(handle) is None:
            handle = secrets.token_bytes(16)
            self._by_credential.put(key, handle)
            self._handles.put(handle, (host, said, identity))
        return OpaqueAuth(FlavourNumber.AUTH_SHORT, handle)

    def authenticate(self, message: CallMessage, call: Call, data: bytes) -> Authenticated:
        """Look it up."""
        if message.verifier.flavour or message.verifier.body:
            raise AuthenticationFailed(AuthStatus.AUTH_BADVERF, "AUTH_SHORT with a verifier")
        known = self._handles.get(message.credential.body)
        if known is None or known[0] != _host(call):
            raise AuthenticationFailed(AuthStatus.AUTH_REJECTEDCRED, "AUTH_SHORT of an unknown handle")
        _, said, identity = known
        self._sys.check_peer(said, call)
        return Authenticated(identity)


def _host(call: Call) -> Hashable:
    """The client's machine: a handle is no use to others. The port changes with each connection. A link-local address
    is that of a machine with its scope only (RFC 4007, section 6)."""
    address = call.client_address
    return (address[0], *address[3:]) if isinstance(address, tuple) else None


class AuthTLS(Flavour):
    """AUTH_TLS: the client asks by a NULL call whether the server speaks TLS (RFC 9289, section 4.1).

    It does on a stream whose listener has a plugin with `start_tls`. Then the answer's verifier says STARTTLS, and the
    TLS handshake follows on the same connection; otherwise the verifier is empty, as over UDP, since there is no DTLS
    here. Refused are the credential with another procedure, or with a body (AUTH_BADCRED), one with a verifier
    (AUTH_BADVERF), and the question on a connection that is encrypted already (AUTH_BADCRED): there can be one session
    of TLS only on it (section 5.1.1).
    """

    number = FlavourNumber.AUTH_TLS

    def authenticate(self, message: CallMessage, call: Call, data: bytes) -> Authenticated:
        """Offer it, or not."""
        if message.procedure or message.credential.body or message.arguments:
            raise AuthenticationFailed(AuthStatus.AUTH_BADCRED, "AUTH_TLS with more than a question")
        if message.verifier != NO_AUTH:
            raise AuthenticationFailed(AuthStatus.AUTH_BADVERF, "AUTH_TLS with a verifier")
        handler = call.handler
        if handler is None or not handler.is_stream or not handler.connection.offers_tls:
            if handler is not None and handler.is_stream and handler.connection.tls is not None:
                # It has been answered already: whoever asks again is confused, or somebody's victim.
                raise AuthenticationFailed(AuthStatus.AUTH_BADCRED, "AUTH_TLS below TLS")
            return Authenticated(results=b"")
        return Authenticated(verifier=OpaqueAuth(FlavourNumber.AUTH_NONE, STARTTLS), results=b"", start_tls=True)


def flavour_class(name: str) -> Callable[..., Flavour]:
    """The class of a flavour of another package, by its name in the entry-point group.

    Errors: `ConfigurationError`, naming those that there are.
    """
    from importlib_metadata import entry_points

    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in entries:
        known = ", ".join(sorted({"none", "sys", "tls", *entries}))
        raise ConfigurationError(f"option 'flavours' has {name!r}: there are {known}", option="flavours")
    found: Callable[..., Flavour] = entries[name].load()
    return found
