"""The client for asyncio, over TCP, UDP and Unix sockets. Any number of calls may be in flight."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from plugserve import ProtocolError

from .client import LONGEST_WAIT, client_address, no_results
from .client_auth import ClientAuth
from .client_tls import ClientTLS
from .failures import CallTimeout, ConnectionLost, results_of
from .message import OpaqueAuth, ReplyMessage, decode_reply, encode_call
from .program import AsyncStub
from .record import RecordReader, encode_record
from .xdr import Packer, Unpacker

__all__ = ["AsyncRPCClient"]

T = TypeVar("T")
S = TypeVar("S", bound=AsyncStub)


class AsyncRPCClient:
    """A client of a server; see `RPCClient`, whose parameters and exceptions these are.

    ```python
    async with AsyncRPCClient("tcp://127.0.0.1:2049") as client:
        oracle = client.stub(ORACLE_V1AsyncClient)
        await asyncio.gather(*(oracle.oracle_ask(question) for question in questions))
    ```
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 25.0,
        first_wait: float = 0.5,
        auth: ClientAuth | None = None,
        limit: int = 16 * 1024 * 1024,
        tls: ClientTLS | None = None,
    ) -> None:
        self.address = client_address(address, tls)
        self.timeout = timeout
        self.first_wait = first_wait
        self.auth = auth or ClientAuth()
        self.limit = limit
        self.tls = tls
        self._xid = random.getrandbits(32)
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()

    @property
    def is_stream(self) -> bool:
        """Whether it speaks over a stream."""
        return self.address.transport != "udp"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; calls in flight fail. The next call would make a new one."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.lose(ConnectionLost("the client was closed"))
            await wire.gone.wait()

    def stub(self, kind: type[S]) -> S:
        """A client class that `plugserve-rpcgen` wrote, over this client."""
        client = self

        async def call(
            self: Any, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], T]
        ) -> T:
            return await client.call(kind.program, kind.version, procedure, pack, unpack)

        made: S = type(kind.__name__, (kind,), {"_call": call, "__doc__": kind.__doc__})()
        return made

    async def call(
        self,
        program: int,
        version: int,
        procedure: int,
        pack: Callable[[Packer], object] = lambda packer: None,
        unpack: Callable[[Unpacker], T] = no_results,
        *,
        timeout: float | None = None,
    ) -> T:
        """Call a procedure and await its results; see `RPCClient.call`."""
        packer = Packer()
        pack(packer)
        self._xid = (self._xid + 1) & 0xFFFF_FFFF
        call = (self._xid, program, version, procedure, packer.data())
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                reply, sent = await self._reply(call)
                if self.auth.replied(reply, sent):
                    reply, sent = await self._reply(call)
                    self.auth.replied(reply, sent)
        except CallTimeout:
            raise
        except TimeoutError:
            raise CallTimeout(f"{self.address} has not answered in time") from None
        return results_of(reply, unpack)

    async def send(
        self, program: int, version: int, procedure: int, pack: Callable[[Packer], object] = lambda packer: None
    ) -> None:
        """Send a call that gets no reply (batching, RFC 5531, section 8.4.1), and do not wait."""
        packer = Packer()
        pack(packer)
        self._xid = (self._xid + 1) & 0xFFFF_FFFF
        try:
            async with asyncio.timeout(self.timeout):
                wire = await self._connected(program, version)
        except CallTimeout:
            raise
        except TimeoutError:
            raise CallTimeout(f"{self.address} does not answer") from None
        wire.send(encode_call(self._xid, program, version, procedure, packer.data(), *self.auth.credential()))

    async def _reply(self, call: tuple[int, int, int, int, bytes]) -> tuple[ReplyMessage, OpaqueAuth]:
        """The reply, and the credential that the call was sent with."""
        wire = await self._connected(*call[1:3])
        answer: asyncio.Future[ReplyMessage] = asyncio.get_running_loop().create_future()
        xid = call[0]
        wire.waiting[xid] = answer
        try:
            await wire.writable.wait()
            credential, verifier = self.auth.credential()
            # The same each time that it is sent over UDP: by its bytes the server knows a duplicate.
            message = encode_call(*call, credential, verifier)
            wire.send(message)
            wait = self.first_wait
            while not self.is_stream:
                done, _ = await asyncio.wait([answer], timeout=wait)
                if done:
                    break
                wait = min(2 * wait, LONGEST_WAIT)
                wire.send(message)
            return await answer, credential
        finally:
            wire.waiting.pop(xid, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # it may have failed while nobody looked
            answer.cancel()

    async def _connected(self, program: int, version: int) -> _Wire:
        async with self._connecting:
            wire = self._wire
            if wire is not None and not wire.lost:
                return wire
            loop = asyncio.get_running_loop()
            address = self.address

            def make() -> _Wire:
                return _Wire(self.limit if self.is_stream else None, str(address))

            made: Any
            try:
                if address.transport == "unix":
                    path = address.path
                    path = "\0" + path[1:] if path.startswith("@") else path
                    _, made = await loop.create_unix_connection(make, path)
                elif address.transport == "tcp":
                    _, made = await loop.create_connection(make, address.host, address.port)
                else:
                    _, made = await loop.create_datagram_endpoint(make, remote_addr=(address.host, address.port))
            except TimeoutError:
                raise
            except OSError as error:
                raise ConnectionLost(f"{address}: {error}") from error
            wire = cast("_Wire", made)
            if self.tls is not None:
                await self._secure(self.tls, wire, program, version)
            self._wire = wire
            return wire

    async def _secure(self, tls: ClientTLS, wire: _Wire, program: int, version: int) -> None:
        """Ask for TLS on a new connection, and encrypt it if that is the answer (RFC 9289, section 4.1)."""
        name = str(self.address)
        try:
            xid = random.getrandbits(32)
            reply, more = await wire.ask(xid, tls.question(xid, program, version))
            if tls.answered(reply, more, name):
                await wire.encrypt(tls.context, tls.server_name or self.address.host)
                tls.agreed(wire.session, name)
        except BaseException as error:
            wire.lose(error if isinstance(error, Exception) else ConnectionLost("it was given up"))
            raise


class _Wire(asyncio.Protocol, asyncio.DatagramProtocol):
    """The connection.

    Parameters:
        limit: the most bytes of a reply on a stream; None: datagrams.
        name: of the server, for messages.
    """

    def __init__(self, limit: int | None, name: str) -> None:
        self._reader = None if limit is None else RecordReader(limit)
        self._name = name
        self._transport: Any = None
        self.waiting: dict[int, asyncio.Future[ReplyMessage]] = {}
        self.writable = asyncio.Event()
        self.writable.set()
        self.gone = asyncio.Event()
        self.lost = False
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, xid: int, record: bytes) -> tuple[ReplyMessage, bool]:
        """Send a question, alone: the reply, and whether something came behind it."""
        assert self._reader is not None, "a stream has one"
        answer: asyncio.Future[ReplyMessage] = asyncio.get_running_loop().create_future()
        self.waiting[xid] = answer
        self._asked = True
        self._transport.write(record)
        reply = await answer
        self._asked = False
        return reply, self._reader.amid or bool(self._reader.rest())

    async def encrypt(self, context: ssl.SSLContext, server_name: str) -> None:
        """Put TLS around everything from here on."""
        loop = asyncio.get_running_loop()
        try:
            self._transport = await loop.start_tls(self._transport, self, context, server_hostname=server_name)
        except ssl.SSLError:
            raise
        except OSError as error:
            raise ConnectionLost(f"{self._name}: the connection ended in the TLS handshake") from error
        if self._transport is None or self.lost:
            raise ConnectionLost(f"{self._name} has ended the connection in the TLS handshake")

    @property
    def session(self) -> Any:
        """The facts of TLS."""
        return self._transport.get_extra_info("ssl_object")

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def send(self, message: bytes) -> None:
        if self.lost:
            raise ConnectionLost(f"{self._name} has ended the connection")
        if self._reader is None:
            self._transport.sendto(message)
        else:
            self._transport.write(encode_record(message))

    def data_received(self, data: bytes) -> None:
        assert self._reader is not None, "a stream has one"
        try:
            self._reader.feed(data)
            # Behind the answer to a question for TLS nothing may come; what does is left for `ask` to see.
            while not (self._asked and not self.waiting) and (record := self._reader.next_record()) is not None:
                self._deliver(decode_reply(record))
        except ProtocolError as error:
            self.lose(error)

    def datagram_received(self, data: bytes, address: Any) -> None:
        try:
            self._deliver(decode_reply(data))
        except ProtocolError:
            pass  # anybody may send a datagram

    def _deliver(self, reply: ReplyMessage) -> None:
        answer = self.waiting.pop(reply.xid, None)
        if answer is not None and not answer.done():
            answer.set_result(reply)

    def error_received(self, error: Exception) -> None:
        self.fail(ConnectionLost(f"{self._name}: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self.fail(ConnectionLost(f"{self._name}: {error or 'the server has ended the connection'}"))
        self.writable.set()
        self.gone.set()

    def fail(self, failure: Exception) -> None:
        """Tell all who wait."""
        waiting, self.waiting = self.waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(failure)

    def lose(self, failure: Exception) -> None:
        """End the connection, and tell those who wait."""
        self.lost = True
        self.fail(failure)
        self._transport.abort()
