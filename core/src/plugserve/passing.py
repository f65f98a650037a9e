"""Passing a live request to another process of the same user, over a Unix socket.

```
sender                                    receiver
  connect ------------------------------->  accept, look at the sender's user id
  record + descriptor ------------------->  look at both, make the socket
  <------------------------------------- ok | no REASON
  close the descriptor, without shutdown    begin the life of the request
```

The record is one message of a SOCK_SEQPACKET socket, with the descriptor beside it (unix(7), SCM_RIGHTS): a line of
JSON, then the unread bytes, then the state. At each moment at most one of the two takes the request for its own: a
sender that gives up shuts its receiving side down first, so that no "ok" can come any more, and looks whether one had.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn
from weakref import WeakKeyDictionary

from .connection import HANDLING, READ, WRITE, Connection
from .errors import ConfigurationError, PlugserveError
from .faults import report
from .outgoing import Outgoing, connect_to
from .unix import UnixSeqpacketServer

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MOST_RECORD", "PassedServer", "pass_on"]

_VERSION: Final = 1
MOST_RECORD: Final = 128 * 1024
"""Bytes of one record at the most, what it carries included: one message must fit into a socket buffer (unix(7))."""
_MOST_ANSWER: Final = 1024
_PATIENCE: Final = 1.0
"""Seconds that a sender which has connected may take for its record: the receiver's loop waits for it."""
_DESCRIPTORS: Final = 4
"""For how many there is room: one is taken, more are closed."""
_OK: Final = b"ok"
_NO: Final = b"no "


class Passed(NamedTuple):
    """What comes with a request.

    Parameters:
        client_address: as the sender knew it, after a PROXY header for example.
        peer_address: as accept(2) gave it there.
        identity: who the client is, if the sender knew and it is text; else None.
        listener: the name of the listener that accepted it.
        unread: bytes that the sender had received and not used.
        state: what its handler gave along.
    """

    client_address: Any
    peer_address: Any
    identity: str | None
    listener: str
    unread: bytes
    state: bytes


# -- the record ------------------------------------------------------------------------------------------------------


def encode(passed: Passed) -> bytes:
    """The record of a request.

    Errors: `PlugserveError` if it is too large, or an address is of no form that can be told.
    """
    import json

    facts = {
        "plugserve": _VERSION,
        "client_address": _plain(passed.client_address),
        "peer_address": _plain(passed.peer_address),
        "identity": passed.identity,
        "listener": passed.listener,
        "unread": len(passed.unread),
        "state": len(passed.state),
    }
    record = json.dumps(facts).encode() + b"\n" + passed.unread + passed.state
    if len(record) > MOST_RECORD:
        raise PlugserveError(
            f"pass_on: {len(passed.unread)} unread bytes and {len(passed.state)} of state make a record of "
            f"{len(record)} bytes, and {MOST_RECORD} is the most: read on, or give less state"
        )
    return record


def decode(record: bytes) -> Passed:
    """What a record says.

    Errors: `ValueError`, with the reason.
    """
    import json

    line, newline, rest = record.partition(b"\n")
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("the record is no JSON") from None
    if not newline or not isinstance(facts, dict):
        raise ValueError("the record is no line of JSON with an object in it")
    version = facts.get("plugserve")
    if version != _VERSION:
        raise ValueError(f"the record is of version {version!r:.20}, and this is version {_VERSION}")
    identity, listener = facts.get("identity"), facts.get("listener")
    unread, state = facts.get("unread"), facts.get("state")
    if not (identity is None or isinstance(identity, str)) or not isinstance(listener, str):
        raise ValueError("identity and listener must be text")
    if type(unread) is not int or type(state) is not int or min(unread, state) < 0 or unread + state != len(rest):
        raise ValueError(f"the record has {len(rest)} bytes after its line, and that speaks of others")
    client_address, peer_address = (_address(facts.get(name)) for name in ("client_address", "peer_address"))
    return Passed(client_address, peer_address, identity, listener, rest[:unread], rest[unread:])


def _plain(address: Any) -> Any:
    if isinstance(address, bytes):
        return {"bytes": address.hex()}
    if isinstance(address, tuple) and all(type(part) in (str, int) for part in address):
        return list(address)
    if address is None or isinstance(address, str):
        return address
    raise PlugserveError(f"pass_on: the address {address!r:.100} cannot be told to another process")


def _address(plain: Any) -> Any:
    if isinstance(plain, dict) and isinstance(plain.get("bytes"), str):
        return bytes.fromhex(plain["bytes"])
    if isinstance(plain, list) and all(type(part) in (str, int) for part in plain):
        return tuple(plain)
    if plain is None or isinstance(plain, str):
        return plain
    raise ValueError("an address is none")


# -- the sender ------------------------------------------------------------------------------------------------------


async def pass_on(c: Connection, path: Any, state: bytes, timeout: float) -> None:
    """See `Connection.pass_on`."""
    _check(c)
    await c.all_sent()
    identity = c.identity if isinstance(c.identity, str) else None
    name = c.server.listener_name
    record = encode(Passed(c.client_address, c.peer_address, identity, name, c._unread, bytes(state)))
    deadline = c.server.clock() + timeout
    carrier = await connect_to(c, socket.AF_UNIX, path, deadline, socket.SOCK_SEQPACKET)
    try:
        answer = await _hand_over(c, carrier, record, deadline)
    finally:
        carrier.close()
    if answer is None:
        raise TimeoutError(f"pass_on: {path!r} did not take the request within {timeout:g} seconds")
    if answer != _OK:
        reason = answer.removeprefix(_NO).decode(errors="replace") or "it closed without an answer"
        raise PlugserveError(f"pass_on: {path!r} did not take the request: {reason}")
    c.passed_on()


def _check(c: Connection) -> None:
    server = c.server
    if not server.is_stream or server.keeps_records:
        raise PlugserveError("pass_on: only a request on a stream can be passed to another process")
    if not server.real_time:
        raise PlugserveError("pass_on: the memory engine has no descriptors: test this handler on a real engine")
    if c.state != HANDLING or isinstance(c, Outgoing):
        raise PlugserveError("pass_on: only the handler of a request may do that, with its own connection")
    if c._transforms:
        raise PlugserveError(
            "pass_on: a layer changes the bytes of this connection (TLS for example), and its state cannot leave this "
            "process: relay to the other one instead"
        )
    if c.output_closed:
        raise PlugserveError("pass_on: the connection has been told to end")


async def _hand_over(c: Connection, carrier: Outgoing, record: bytes, deadline: float) -> bytes | None:
    """Send the record and the descriptor. Returns the answer, `b""` if there will be none; None out of time."""
    sock = carrier.request
    descriptor = struct.pack("i", c.request.fileno())
    sent = False
    try:
        while True:
            try:
                if not sent:
                    sock.sendmsg([record], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)], socket.MSG_DONTWAIT)
                    sent = True
                return bytes(sock.recv(_MOST_ANSWER, socket.MSG_DONTWAIT))
            except BlockingIOError:
                if c.server.clock() >= deadline:
                    break
                c.wake_at = deadline
                try:
                    await c.until_any(((carrier, READ if sent else WRITE),))
                finally:
                    c.wake_at = None
        sock.shutdown(socket.SHUT_RD)
        return bytes(sock.recv(_MOST_ANSWER, socket.MSG_DONTWAIT)) or None
    except (BrokenPipeError, ConnectionResetError):
        # It has closed, with the record unread; what it had said before is still there.
        try:
            return bytes(sock.recv(_MOST_ANSWER, socket.MSG_DONTWAIT))
        except OSError:
            return b""


# -- the receiver ----------------------------------------------------------------------------------------------------


class PassedServer(UnixSeqpacketServer):
    """A server of the requests that other processes pass to it with `Connection.pass_on`.

    Parameters: as the other servers; `server_address` is the path at which it takes them.

    A request that came lives as any other: votes, layers, the handler. What the sender had received and not used is
    its first input; `connection.passed_state` is what the sender gave along, `client_address` and `identity` are what
    it knew. The path is for its owner alone (mode 0600), and a sender of another user is refused even so.

    Errors: `ConfigurationError` where the system cannot tell who the sender is (unix(7), SO_PEERCRED: Linux can).
    """

    # What is passed is a stream, whatever brings it.
    keeps_records = False
    transport = "tcp"
    socket_mode: int | None = 0o600
    manage_path = True

    def server_bind(self) -> None:
        """Bind the socket to its path. May be overridden."""
        if not hasattr(socket, "SO_PEERCRED"):
            raise ConfigurationError(
                f"{type(self).__name__} needs SO_PEERCRED to know who passes it a request, which this system has not"
            )
        self._passed: WeakKeyDictionary[socket.socket, Passed] = WeakKeyDictionary()
        super().server_bind()

    def get_request(self) -> tuple[Any, Any]:
        """Take over one request: the socket of its client, and the client's address. May be overridden.

        Errors: `OSError` without a number where a sender did wrong; it was told, and the log as well.
        """
        carrier, _ = self.socket.accept()
        with carrier:
            request = None
            try:
                request, passed = _receive(carrier)
                carrier.sendall(_OK)
            except (ValueError, OSError) as exception:
                if request is not None:
                    request.close()
                self._refuse(carrier, exception)
        self._passed[request] = passed
        return request, passed.client_address

    def _refuse(self, carrier: socket.socket, exception: Exception) -> NoReturn:
        reason = f"{_PATIENCE:g} seconds passed" if isinstance(exception, TimeoutError) else str(exception)
        try:
            carrier.sendall(_NO + reason.encode(errors="replace")[: _MOST_ANSWER - len(_NO)])
        except OSError:
            pass  # it has given up
        report(
            f"{type(self).__name__} on {self.listener_name}",
            level="warning",
            text=f"refused what a process wanted to pass: {reason}",
        )
        raise OSError(reason)

    def _core_new_connection(self, request: Any, client_address: Any) -> Connection:
        c = super()._core_new_connection(request, client_address)
        passed = self._passed.pop(request, None)
        if passed is not None:
            c.peer_address, c.identity, c.passed_state = passed.peer_address, passed.identity, passed.state
            if passed.unread:
                c._unread = passed.unread
                c.total_in = len(passed.unread)
                c.open_channel()
        return c


def _receive(carrier: socket.socket) -> tuple[socket.socket, Passed]:
    """Take one record and its descriptor.

    Errors: `ValueError` and `OSError`; no descriptor is left open then.
    """
    credentials = struct.Struct("3i")
    _, user, _ = credentials.unpack(carrier.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size))
    if user != os.geteuid():
        raise ValueError(f"the sender is user {user}, and this is user {os.geteuid()}")
    carrier.settimeout(_PATIENCE)
    room = socket.CMSG_SPACE(_DESCRIPTORS * struct.calcsize("i"))
    record, ancillary, flags, _ = carrier.recvmsg(MOST_RECORD, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    descriptors = list(_descriptors(ancillary))
    try:
        if flags & socket.MSG_CTRUNC:
            raise ValueError("not all that came beside the record could be taken: too many descriptors, or none free")
        if flags & socket.MSG_TRUNC:
            raise ValueError(f"the record has more than {MOST_RECORD} bytes")
        if not record and not descriptors:
            raise ValueError("the sender closed without a record")
        if len(descriptors) != 1:
            raise ValueError(f"{len(descriptors)} descriptors came, and one is needed")
        passed = decode(record)
        request = socket.socket(fileno=descriptors[0])
        descriptors.clear()
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    try:
        if request.type != socket.SOCK_STREAM or request.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ValueError("the descriptor is no connected stream")
        request.getpeername()
        request.setblocking(True)
    except BaseException:
        request.close()
        raise
    return request, passed


def _descriptors(ancillary: Iterable[tuple[int, int, bytes]]) -> Iterable[int]:
    size = struct.calcsize("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            # What was cut off has no whole number at its end.
            yield from struct.unpack(f"{len(data) // size}i", data[: len(data) - len(data) % size])
