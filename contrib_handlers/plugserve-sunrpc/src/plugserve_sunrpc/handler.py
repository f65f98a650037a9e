"""The handler: programs over streams and datagrams, on every engine."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final

from plugserve import BaseServer, ConfigurationError, ProtocolError, ProtocolHandler
from plugserve.faults import report

from .auth import ALPN, Authenticated, AuthNone, AuthSys, AuthTLS, Flavour, Squash, flavour_class
from .message import AcceptStatus, MessageError, RefusedCall, encode_accepted
from .program import NoReply, Program
from .record import RecordError, RecordReader, encode_record
from .reply_cache import UNDERWAY, ReplyCache
from .service import Job, Service, do

__all__ = ["RPCHandler", "rpc_handler"]

_BATCH: Final = 64 * 1024
"""Bytes of replies that are made before they are sent: who calls for much at once gets the rest when he has taken that,
and meanwhile others have their turn."""

_RATE: Final = 500
"""Bytes a second that a record must come at, once its time is up."""

_LONGEST_DATAGRAM: Final = 65507
"""Bytes of a UDP datagram over IPv4 (RFC 768, RFC 791)."""

_OLD_TLS: Final = frozenset({"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"})
_UNSAID: Final = object()
_KNOWN_FLAVOURS: Final = frozenset({0, 1, 2, 3, 6, 7})


class RPCHandler(ProtocolHandler):
    """Serves programs. `rpc_handler` makes a subclass for some, or a subclass says `programs`:

    ```python
    class Oracle(RPCHandler):
        programs = (OracleV1(), OracleV2())
    ```

    On a stream calls may be pipelined; they are done one after the other, and answered in that order. Of a datagram
    each is one call.

    `reply_ratio` is left to the program. The header of a call has 40 bytes and that of a reply 24, so where results are
    no longer than arguments the usual limit, as long a reply as its call, holds for RPC as it is. Where they are longer
    every call is an offer to whoever forges source addresses: the program says how much is right,
    `rpc_handler(..., reply_ratio=8.0)`. A call whose reply would be longer is answered with SYSTEM_ERR, which always
    fits, instead of being sent again and again. Callers on this host are exempt: no loopback address comes from
    outside.
    """

    speaks_first = False

    programs: ClassVar[Sequence[Program]] = ()
    """The programs, one object a version. The same objects may serve several listeners and transports."""
    service: ClassVar[Service]
    """The same, by number."""

    @dataclass(frozen=True, kw_only=True)
    class Options:
        """Options of every RPC service.

        Parameters:
            record: the most bytes of a call on a stream.
            fragment: the most bytes of a fragment of it; None: those of a record.
            fragments: the most fragments of it.
            record_timeout: seconds within which a call on a stream must have arrived once it began; a second more for
                every 500 bytes of it.
            flavours: those of authentication that are taken: `none`, `sys`, `tls`, or one that a package brings.
                Procedure 0 may be called with any that are known.
            require_tls: whether calls that come in clear are refused, with AUTH_TOOWEAK; but for procedure 0, which is
                how clients ask for TLS (RFC 9289, section 4.1). It takes a plugin that encrypts.
            require_alpn: whether clients that have asked for TLS have to agree inside on the protocol `sunrpc` (ALPN),
                as RFC 9289, section 5, has it. Some ask for none; tlshd, which does it for Linux's kernel, has not
                always.
            privileged_port: with `sys`, whether callers must have a port below 1024.
            squash: with `sys`, whose numbers are replaced by the anonymous ones: `none`, `root` (0) or `all`.
            anonymous_uid: the user that others are squashed to.
            anonymous_gid: the group.
            short: with `sys`, whether callers get a handle to use instead of it (AUTH_SHORT).
            cache_entries: how many replies over UDP are kept, to be sent again if the call comes again; 0: none.
            cache_bytes: the most bytes of them all.
            cache_seconds: how long.

        Errors: `ConfigurationError` for a value that is out of range, and for a flavour that nobody has.
        """

        record: int = 2 * 1024 * 1024
        fragment: int | None = None
        fragments: int = 1024
        record_timeout: float = 20.0
        flavours: tuple[str, ...] = ("none", "sys", "tls")
        require_tls: bool = False
        require_alpn: bool = True
        privileged_port: bool = False
        squash: Squash = "root"
        anonymous_uid: int = 65534
        anonymous_gid: int = 65534
        short: bool = False
        cache_entries: int = 1024
        cache_bytes: int = 4 * 1024 * 1024
        cache_seconds: float = 120.0
        by_number: Mapping[int, Flavour] = field(init=False, repr=False, compare=False)
        # Made with the first datagram, when the server and its clock are there.
        kept: list[ReplyCache] = field(init=False, repr=False, compare=False, default_factory=list)
        lock: Any = field(init=False, repr=False, compare=False, default_factory=threading.Lock)

        def __post_init__(self) -> None:
            for name, least in (("record", 40), ("fragment", 4), ("fragments", 1), ("cache_entries", 0)):
                value = getattr(self, name)
                if name == "fragment" and value is None:
                    continue
                if isinstance(value, bool) or not isinstance(value, int) or value < least:
                    raise ConfigurationError(
                        f"option {name.replace('_', '-')!r} is {value!r}: give a whole number, {least} or more",
                        option=name,
                    )
            for name in ("record_timeout", "cache_bytes", "cache_seconds"):
                value = getattr(self, name)
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                    raise ConfigurationError(
                        f"option {name.replace('_', '-')!r} is {value!r}: give a number above 0", option=name
                    )
            object.__setattr__(self, "by_number", MappingProxyType(self._flavours()))

        def _flavours(self) -> dict[int, Flavour]:
            names: object = self.flavours  # from code anything may come
            found: dict[int, Flavour] = {}
            for name in (names,) if isinstance(names, str) else self.flavours:
                flavour: Flavour
                if name == "none":
                    flavour = AuthNone()
                elif name == "tls":
                    flavour = AuthTLS()
                elif name == "sys":
                    flavour = sys = AuthSys(
                        privileged_port=self.privileged_port,
                        squash=self.squash,
                        anonymous_uid=self.anonymous_uid,
                        anonymous_gid=self.anonymous_gid,
                        short=self.short,
                    )
                    if sys.short is not None:
                        found[sys.short.number] = sys.short
                else:
                    flavour = flavour_class(name)()
                found[flavour.number] = flavour
            return found

    options: Options

    _reader: RecordReader | None = None
    _due: float | None = None
    """When the record that has begun must be complete."""
    _start_tls = False

    @classmethod
    def server_activate(cls, server: BaseServer) -> None:
        """Refuse a service that could serve nobody."""
        options = server.options
        if not isinstance(options, cls.Options):
            return
        if options.require_alpn and "tls" in options.flavours:
            for plugin in server.plugins.values():
                agrees_on = getattr(plugin, "alpn", None)
                if getattr(plugin, "start_tls", None) and isinstance(agrees_on, tuple) and ALPN not in agrees_on:
                    raise ConfigurationError(
                        f'TLS must agree on the protocol {ALPN!r} (RFC 9289, section 5): add alpn = ["{ALPN}"] to the '
                        "plugin that encrypts, or have require-alpn = false",
                        option="require_alpn",
                    )
        if options.require_tls:
            encrypts = [
                plugin
                for plugin in server.plugins.values()
                if getattr(plugin, "start_tls", None) or getattr(plugin, "phase", "") == "encryption"
            ]
            if not server.is_stream or not encrypts:
                what = (
                    "a plugin that encrypts, such as tls" if server.is_stream else "tcp: there is no TLS over UDP here"
                )
                raise ConfigurationError(f"require-tls needs {what}", option="require_tls")

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "programs" in vars(cls):
            cls.service = Service(cls.programs)

    # -- what flavours ask ---------------------------------------------------------------------------------------------

    @property
    def is_stream(self) -> bool:
        """Whether calls come on a stream."""
        # Of a datagram there may be no connection, and asking for it would make one.
        server = vars(self).get("server")
        return server is None or bool(server.is_stream)

    @property
    def refuses_clear(self) -> bool:
        """Whether a call that comes now is one in clear, and such are not taken."""
        return self.options.require_tls and not (self.is_stream and self.connection.tls is not None)

    @property
    def connection_identity(self) -> Any:
        """Who the connection says the client is."""
        return getattr(self.connection, "identity", None) if self.is_stream else None

    def tls_started(self) -> bytes | None:
        """Hold what was negotiated against RFC 9289, section 5: TLS 1.3 at least, and the protocol `sunrpc`.

        Raises: `ProtocolError`, which ends the connection.
        """
        facts = self.connection.tls
        version = getattr(facts, "version", None)
        if version in _OLD_TLS:
            raise ProtocolError(f"RPC with TLS needs TLS 1.3, and the client has negotiated {version}")
        if self.options.require_alpn and getattr(facts, "alpn", ALPN) != ALPN:
            raise ProtocolError(
                f"the client has not agreed to speak {ALPN!r} inside TLS (ALPN): if it never does, have "
                "require-alpn = false"
            )
        return None

    def told(self, authenticated: Authenticated) -> None:
        """A flavour has answered a call of its own."""
        self._start_tls = authenticated.start_tls

    # -- streams -------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> bytes | None:
        """Calls, in part or several at once."""
        if not self.is_stream:
            return self._datagram(data)
        reader = self._reader
        if reader is None:
            options = self.options
            reader = self._reader = RecordReader(
                options.record, fragment_limit=options.fragment, fragments=options.fragments
            )
        reader.feed(data)
        replies: list[bytes] = []
        size = 0
        try:
            while (record := reader.next_record()) is not None:
                reply = self._reply(record)
                if reply is not None:
                    replies.append(encode_record(reply))
                    size += len(reply)
                if self._start_tls:
                    self._start_tls = False
                    if rest := reader.rest():
                        replies.pop()
                        # Section 5.1.1 of RFC 9289: dropped without an answer, and the connection with it. An honest
                        # client waits for ours before its handshake. What comes later is the handshake's input, which
                        # it can break, and nothing that came in clear is ever taken for a call.
                        raise RecordError(f"{len(rest)} bytes in clear behind the question for TLS")
                    self.start_tls()
                    break
                if size > _BATCH or self._beside is not None:
                    if rest := reader.rest():
                        self.put_back(rest)
                    break
        except (MessageError, RecordError):
            # The calls before it were in order, and are answered.
            if replies:
                self.send(b"".join(replies))
            raise
        if reader.amid or self._due is not None:
            self._watch(reader, len(data))
        return b"".join(replies) if replies else None

    def _watch(self, reader: RecordReader, received: int) -> None:
        """A record that takes for ever to arrive is an attack on the table of connections."""
        if not reader.amid:
            self._due = None
            self.set_timer(None)
            return
        now = self.connection.server.clock()
        if self._due is None:
            self._due = now + self.options.record_timeout
        else:
            self._due += received / _RATE
        self.set_timer(max(0.0, self._due - now))

    def timer_expired(self) -> bytes | None:
        """A record has not come in time."""
        raise RecordError("a call took too long to arrive")

    def goodbye(self, deadline: float) -> None:
        """What has arrived is still answered; nothing more is read."""
        if self.is_stream:
            self.connection.end_input()

    def _reply(self, record: bytes) -> bytes | None:
        """The reply to a call, if there is one by now."""
        try:
            job = self.service.take(record, self.options.by_number, _KNOWN_FLAVOURS, self)
        except RefusedCall as refused:
            return refused.reply
        except NoReply:
            return None
        if not isinstance(job, Job):
            return job
        if job.entry.beside:
            self.offload(do, job, then=self._done)
            return None
        return do(job)

    def _done(self, reply: bytes | None) -> bytes | None:
        return None if reply is None else encode_record(reply)

    # -- datagrams -----------------------------------------------------------------------------------------------------

    def _datagram(self, data: bytes) -> bytes | None:
        """One call."""
        try:
            job = self.service.take(data, self.options.by_number, _KNOWN_FLAVOURS, self)
        except RefusedCall as refused:
            return self._fitting(data, refused.reply)
        except (MessageError, NoReply):
            return None
        if not isinstance(job, Job):
            return self._fitting(data, job)
        call = job.call
        if job.entry.idempotent or not self.options.cache_entries:
            if job.entry.beside:
                self.offload(do, job, then=lambda reply: self._fitting(data, reply))
                return None
            return self._fitting(data, do(job))
        # The hash, keyed in each process, covers the credential, so that nobody is given another one's reply.
        key = (self.client_address, call.xid, call.program, call.version, call.procedure, hash(data))
        cache = self._cache()
        reply = cache.begin(key)
        if reply is UNDERWAY:
            return None
        if reply is not None:
            return self._fitting(data, reply)
        if job.entry.beside:
            self.offload(_do_once, job, cache, key, then=lambda reply: self._fitting(data, reply))
            return None
        return self._fitting(data, _do_once(job, cache, key))

    def _cache(self) -> ReplyCache:
        options = self.options
        if not options.kept:
            with options.lock:
                if not options.kept:
                    options.kept.append(
                        ReplyCache(options.cache_entries, options.cache_bytes, options.cache_seconds, self.server.clock)
                    )
        return options.kept[0]

    def _fitting(self, data: bytes, reply: bytes | None) -> bytes | None:
        """The reply, or SYSTEM_ERR instead of one that is too long for a datagram, or for its source."""
        if reply is None:
            return None
        size = len(reply)
        if size <= len(data):
            return reply
        server = self.server
        transport = type(server).transport
        ratio: Any = getattr(type(self), "reply_ratio", _UNSAID)
        if ratio is _UNSAID:
            ratio = 1.0 if server.limits is None else server.limits.reply_ratio
        if transport == "unix-dgram" or ratio is None or size <= ratio * len(data):
            fits = True
        else:
            fits = _is_loopback(self.client_address)
            if fits:
                self.connection.confirm_peer()
        if fits and (size <= _LONGEST_DATAGRAM or transport != "udp"):
            return reply
        why = "is too long for a datagram" if fits else "may not be sent to a source that may be forged"
        report(
            f"{type(self).__name__}",
            level="warning",
            text=f"a reply of {size} bytes to a datagram of {len(data)} {why}: use TCP, or look at reply_ratio",
        )
        return encode_accepted(int.from_bytes(data[:4]), AcceptStatus.SYSTEM_ERR)


def _do_once(job: Job, cache: ReplyCache, key: Any) -> bytes | None:
    """Do a call of a datagram, and keep what was answered."""
    reply = None
    try:
        reply = do(job)
    finally:
        cache.end(key, reply)
    return reply


def _is_loopback(address: Any) -> bool:
    """Whether a client is on this host. Linux takes no packet with such a source from a network (RFC 1122, 3.2.1.3)."""
    try:
        host = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except (ValueError, TypeError, IndexError):
        return False
    mapped = getattr(host, "ipv4_mapped", None)
    return host.is_loopback if mapped is None else bool(mapped.is_loopback)


def rpc_handler(
    *programs: Program, name: str = "RPC", reply_ratio: float | object | None = _UNSAID
) -> type[RPCHandler]:
    """A handler class that serves programs.

    ```python
    handler = rpc_handler(OracleV1(), OracleV2())
    MultiplexingTCPServer(("", 2049), handler)
    MultiplexingUDPServer(("", 2049), handler)
    ```

    Parameters:
        programs: the programs, one object a version.
        name: of the class, for logs.
        reply_ratio: how long a reply over UDP may be, as a multiple of its call; None: any length. See `RPCHandler`.

    Errors: `ConfigurationError` for what is no program, or the same version twice.
    """
    members: dict[str, Any] = {"programs": programs, "__doc__": f"Serves {', '.join(one.name for one in programs)}."}
    if reply_ratio is not _UNSAID:
        members["reply_ratio"] = reply_ratio
    return type(name, (RPCHandler,), members)
