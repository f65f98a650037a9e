"""The blocking client, over TCP, UDP and Unix sockets. For several threads, and for several calls in flight.

There is no thread of its own: whoever waits for a reply reads what comes, for himself and for the others.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from plugserve import ConfigurationError, ProtocolError
from plugserve.address import Address, parse_address

from .client_auth import ClientAuth
from .client_tls import ClientTLS, SecureSocket, readable
from .failures import CallTimeout, ConnectionLost, RPCError, results_of
from .message import NO_AUTH, ReplyMessage, decode_reply, encode_call
from .program import Stub
from .record import RecordReader, encode_record
from .xdr import Packer, Unpacker

__all__ = ["Pending", "RPCClient"]

T = TypeVar("T")
S = TypeVar("S", bound=Stub)

LONGEST_WAIT: Final = 15.0
"""Seconds between two times that a call is sent over UDP, at the most."""


def no_results(unpacker: Unpacker) -> Any:
    """Unpack void."""


class Pending(Generic[T]):
    """A call that is in flight. Made by `RPCClient.begin`."""

    def __init__(
        self,
        client: RPCClient,
        call: tuple[int, int, int, int, bytes],
        unpack: Callable[[Unpacker], T],
        deadline: float,
    ) -> None:
        self._client = client
        self._unpack = unpack
        self.call = call
        self.deadline = deadline
        self.reply: ReplyMessage | None = None
        self.failure: Exception | None = None
        self.sent = False
        # The same each time that it is sent over UDP: by its bytes the server knows a duplicate.
        self.credential = NO_AUTH
        self.message = b""

    @property
    def xid(self) -> int:
        """The number of the call."""
        return self.call[0]

    @property
    def done(self) -> bool:
        """Whether there is a reply, or none will come."""
        return self.reply is not None or self.failure is not None

    def result(self) -> T:
        """Wait for the reply, and return the results.

        Raises: those of `RPCClient.call`.
        """
        return self._client._result(self)


class RPCClient:
    """A client of a server.

    ```python
    with RPCClient("tcp://127.0.0.1:2049") as client:
        oracle = client.stub(ORACLE_V1Client)
        oracle.oracle_ask(question)
    ```

    Over UDP a call is sent again with the same xid, after `first_wait` seconds, then after twice as long each time,
    until `timeout` is over: so a procedure may be done more than once, where the server does not know its duplicates.
    On a stream it is sent once. A connection that the server has ended meanwhile, as for idleness, is made anew before
    the next call.

    Parameters:
        address: `tcp://host:port`, `udp://host:port` or `unix:///path`.
        timeout: seconds that a call may take, connecting included.
        first_wait: see above.
        auth: what it says of itself; None: AUTH_NONE.
        limit: the most bytes of a reply.
        privileged_port: whether to come from a port below 1024, which takes root.
        tls: whether and how connections are encrypted (RFC 9289); not over UDP.

    Errors: `ConfigurationError` for another address. The first call connects, and raises `ConnectionLost`, and with TLS
        `TLSRefused`, `ssl.SSLError` and `ProtocolError`.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 25.0,
        first_wait: float = 0.5,
        auth: ClientAuth | None = None,
        limit: int = 16 * 1024 * 1024,
        privileged_port: bool = False,
        tls: ClientTLS | None = None,
    ) -> None:
        self.address = client_address(address, tls)
        self.timeout = timeout
        self.first_wait = first_wait
        self.auth = auth or ClientAuth()
        self.limit = limit
        self.privileged_port = privileged_port
        self.tls = tls
        self._socket: socket.socket | SecureSocket | None = None
        self._reader = RecordReader(limit)
        self._xid = random.getrandbits(32)
        self._pending: dict[int, Pending[Any]] = {}
        self._reading = False
        self._sending = threading.Lock()
        self._changed = threading.Condition()

    @property
    def is_stream(self) -> bool:
        """Whether it speaks over a stream."""
        return self.address.transport != "udp"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; calls in flight fail. The next call would make a new one."""
        self._lose(ConnectionLost("the client was closed"))

    def stub(self, kind: type[S]) -> S:
        """A client class that `plugserve-rpcgen` wrote, over this client."""
        client = self

        def call(self: Any, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], T]) -> T:
            return client.call(kind.program, kind.version, procedure, pack, unpack)

        made: S = type(kind.__name__, (kind,), {"_call": call, "__doc__": kind.__doc__})()
        return made

    def call(
        self,
        program: int,
        version: int,
        procedure: int,
        pack: Callable[[Packer], object] = lambda packer: None,
        unpack: Callable[[Unpacker], T] = no_results,
        *,
        timeout: float | None = None,
    ) -> T:
        """Call a procedure and wait for its results.

        Parameters:
            program, version, procedure: their numbers.
            pack: packs the arguments.
            unpack: unpacks the results.
            timeout: seconds; None: the client's.

        Raises: `CallTimeout`; `ConnectionLost`; `CallFailed`, by the state of the reply; `ProtocolError` for a reply,
            or results, that are not what they should be.
        """
        return self.begin(program, version, procedure, pack, unpack, timeout=timeout).result()

    def begin(
        self,
        program: int,
        version: int,
        procedure: int,
        pack: Callable[[Packer], object] = lambda packer: None,
        unpack: Callable[[Unpacker], T] = no_results,
        *,
        timeout: float | None = None,
    ) -> Pending[T]:
        """Send a call, and do not wait: several may be in flight. The parameters are those of `call`."""
        packer = Packer()
        pack(packer)
        deadline = monotonic() + (self.timeout if timeout is None else timeout)
        with self._changed:
            self._xid = (self._xid + 1) & 0xFFFF_FFFF
            call = (self._xid, program, version, procedure, packer.data())
            pending = Pending(self, call, unpack, deadline)
            self._pending[pending.xid] = pending
        try:
            self._send(self._encoded(pending), deadline, call, pending)
        except BaseException:
            self._forget(pending)
            raise
        return pending

    def send(
        self, program: int, version: int, procedure: int, pack: Callable[[Packer], object] = lambda packer: None
    ) -> None:
        """Send a call that gets no reply (batching, RFC 5531, section 8.4.1), and do not wait."""
        packer = Packer()
        pack(packer)
        with self._changed:
            self._xid = (self._xid + 1) & 0xFFFF_FFFF
            call = (self._xid, program, version, procedure, packer.data())
        self._send(encode_call(*call, *self.auth.credential()), monotonic() + self.timeout, call)

    # -- sending -------------------------------------------------------------------------------------------------------

    def _encoded(self, pending: Pending[Any]) -> bytes:
        """The message of a call, with a credential as it is now."""
        credential, verifier = self.auth.credential()
        pending.credential = credential
        pending.message = encode_call(*pending.call, credential, verifier)
        return pending.message

    def _send(
        self,
        message: bytes,
        deadline: float,
        call: tuple[int, int, int, int, bytes],
        pending: Pending[Any] | None = None,
    ) -> None:
        with self._sending:
            sock = self._connected(deadline, *call[1:3])
            try:
                sock.settimeout(_left(deadline))
                if pending is not None:
                    pending.sent = True
                if self.is_stream:
                    sock.sendall(encode_record(message))
                elif isinstance(sock, socket.socket):
                    sock.send(message)
            except TimeoutError:
                failure = CallTimeout(f"{self.address} takes no calls")
                self._lose(ConnectionLost("a call was sent in part"), sock)
                raise failure from None
            except OSError as error:
                lost = ConnectionLost(f"{self.address}: {error}")
                if self.is_stream:
                    self._lose(lost, sock)
                raise lost from error

    def _connected(self, deadline: float, program: int, version: int) -> socket.socket | SecureSocket:
        """The socket; called by the one who sends, and to whom."""
        sock = self._socket
        if sock is not None and self.is_stream:
            with self._changed:
                # Whoever reads finds out by himself; and meanwhile nobody begins to.
                ended = not self._reading and _has_ended(sock)
            if ended:
                self._lose(ConnectionLost(f"{self.address} has ended the connection"), sock)
                sock = None
        if sock is None:
            try:
                sock = self._secured(
                    connect(self.address, _left(deadline), privileged_port=self.privileged_port),
                    program,
                    version,
                    deadline,
                )
            except TimeoutError:
                raise CallTimeout(f"{self.address} does not answer") from None
            except (ssl.SSLError, RPCError):
                raise
            except OSError as error:
                raise ConnectionLost(f"{self.address}: {error}") from error
            self._reader = RecordReader(self.limit)
            self._socket = sock
        return sock

    def _secured(
        self, sock: socket.socket, program: int, version: int, deadline: float
    ) -> socket.socket | SecureSocket:
        """A new connection, encrypted if it is to be."""
        if self.tls is None:
            return sock
        try:
            xid = random.getrandbits(32)
            secured: socket.socket | SecureSocket = self.tls.secure(
                sock, xid, program, version, self.address.host, str(self.address), deadline
            )
        except BaseException:
            sock.close()
            raise
        return secured

    # -- receiving -----------------------------------------------------------------------------------------------------

    def _result(self, pending: Pending[T]) -> T:
        try:
            reply = self._reply(pending)
            if self.auth.replied(reply, pending.credential):
                # The server has forgotten the short form.
                with self._changed:
                    pending.reply = None
                    self._pending[pending.xid] = pending
                self._send(self._encoded(pending), pending.deadline, pending.call, pending)
                reply = self._reply(pending)
                self.auth.replied(reply, pending.credential)
            return results_of(reply, pending._unpack)
        finally:
            self._forget(pending)

    def _reply(self, pending: Pending[Any]) -> ReplyMessage:
        wait, again = self.first_wait, pending.deadline
        if not self.is_stream:
            again = monotonic() + wait
        while not pending.done:
            now = monotonic()
            if now >= pending.deadline:
                raise CallTimeout(f"{self.address} has not answered in time")
            if now >= again:
                self._send(pending.message, pending.deadline, pending.call)
                wait = min(2 * wait, LONGEST_WAIT)
                again = now + wait
            until = min(again, pending.deadline)
            with self._changed:
                if pending.done:
                    break
                if self._reading:
                    self._changed.wait(max(0.0, until - monotonic()))
                    continue
                self._reading = True
            try:
                self._receive(until)
            finally:
                with self._changed:
                    self._reading = False
                    self._changed.notify_all()
        if pending.failure is not None:
            raise pending.failure
        assert pending.reply is not None, "it is done"
        return pending.reply

    def _receive(self, until: float) -> None:
        """Receive something, at most until then, and give it to whom it is for."""
        sock = self._socket
        if sock is None:
            self._lose(ConnectionLost(f"{self.address}: there is no connection"))
            return
        try:
            # The timeout of the socket is the sender's.
            if not (isinstance(sock, SecureSocket) and sock.pending) and not readable(sock, _left(until)):
                return
            data = sock.recv(65536)
        except TimeoutError:
            return
        except (OSError, ValueError) as error:
            self._lose(ConnectionLost(f"{self.address}: {error}"), sock)
            return
        if not self.is_stream:
            try:
                self._deliver(decode_reply(data))
            except ProtocolError:
                pass  # anybody may send a datagram
            return
        if not data:
            self._lose(ConnectionLost(f"{self.address} has ended the connection"), sock)
            return
        try:
            self._reader.feed(data)
            while (record := self._reader.next_record()) is not None:
                self._deliver(decode_reply(record))
        except ProtocolError as error:
            self._lose(error, sock)

    def _deliver(self, reply: ReplyMessage) -> None:
        with self._changed:
            # That of a call that was given up, or sent twice, is nobody's.
            pending = self._pending.pop(reply.xid, None)
            if pending is not None:
                pending.reply = reply
                self._changed.notify_all()

    def _forget(self, pending: Pending[Any]) -> None:
        with self._changed:
            if self._pending.get(pending.xid) is pending:
                del self._pending[pending.xid]

    def _lose(self, failure: Exception, sock: socket.socket | SecureSocket | None = None) -> None:
        """End the connection, and tell those who wait for a reply on it.

        Parameters:
            failure: what they are told.
            sock: the one that is over; None: whichever there is. If there is a new one by now, that goes on.
        """
        with self._changed:
            if sock is None:
                sock = self._socket
            if sock is self._socket:
                self._socket = None
                for pending in [one for one in self._pending.values() if one.sent]:
                    del self._pending[pending.xid]
                    pending.failure = failure
            self._changed.notify_all()
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # which wakes who waits for it
            except OSError:
                pass
            sock.close()


def _has_ended(sock: socket.socket | SecureSocket) -> bool:
    """Whether the server is known to have ended the connection."""
    try:
        if isinstance(sock, SecureSocket):
            return sock.ended
        return readable(sock, 0) and not sock.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


def client_address(address: str, tls: ClientTLS | None = None) -> Address:
    """An address that a client can call, encrypted if that is given.

    Errors: `ConfigurationError`.
    """
    parsed = parse_address(address)
    if tls is not None and parsed.transport != "tcp":
        raise ConfigurationError(f"address {address!r}: TLS is for tcp://HOST:PORT (RFC 9289, section 5.1)")
    if parsed.transport not in ("tcp", "udp", "unix") or parsed.host == "*":
        raise ConfigurationError(
            f"address {address!r}: a client calls tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH of a server"
        )
    return parsed


def _left(deadline: float) -> float:
    # Zero would mean: do not wait, and tell it by another exception.
    return max(0.001, deadline - monotonic())


def connect(address: Address, timeout: float, *, privileged_port: bool = False) -> socket.socket:
    """A socket that is connected to a server; one for datagrams takes them from it only.

    Errors: `OSError`.
    """
    if address.transport == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            path = address.path
            sock.connect("\0" + path[1:] if path.startswith("@") else path)
        except BaseException:
            sock.close()
            raise
        return sock
    kind = socket.SOCK_STREAM if address.transport == "tcp" else socket.SOCK_DGRAM
    failure: OSError | None = None
    for family, _, _, _, where in socket.getaddrinfo(address.host, address.port, type=kind):
        sock = socket.socket(family, kind)
        try:
            sock.settimeout(timeout)
            if privileged_port:
                _bind_privileged(sock, family)
            sock.connect(where)
            if kind == socket.SOCK_STREAM:
                # Calls are small, and each waits for its reply.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure or OSError(f"{address.host} has no address")


def _bind_privileged(sock: socket.socket, family: int) -> None:
    """Take a free port from 665 to 1023, as bindresvport(3) does; those below belong to well-known services."""
    host = "::" if family == socket.AF_INET6 else ""
    ports = list(range(665, 1024))
    random.shuffle(ports)
    for port in ports:
        try:
            sock.bind((host, port))
            return
        except PermissionError:
            raise
        except OSError:
            continue
    raise OSError("no port below 1024 is free")
