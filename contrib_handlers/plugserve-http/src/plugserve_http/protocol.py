"""HTTP/1.1 (RFC 9112) as bytes in and bytes out, on h11. Imports no socket.

Rules of this file:

1. Limits are about what was sent, never about how it was cut into pieces: `framing.py` sees to that before h11.
2. Where two programs could read a message in two ways, it is refused. That is what request smuggling lives on.
3. Whatever the peer sends, the only exception is `Refusal`, which carries the response to give.
4. After a refusal, and after a response to a request whose body was not read to its end, the connection ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import h11

from .framing import Framing
from .refusal import Refusal, phrase
from .target import check_host, split_target

__all__ = ["FIELD_LIMIT", "HEAD_LIMIT", "LINE_LIMIT", "METHODS", "Exchange", "Header", "Request"]

LINE_LIMIT: Final = 8000
"""Bytes of a request line, without its end: what RFC 9112, section 3, asks for at least."""

HEAD_LIMIT: Final = 32768
"""Bytes of request line and headers together: twice what servers commonly take, for long cookies."""

FIELD_LIMIT: Final = 100
"""Headers of a request, as in Python's own http.client and in Apache's LimitRequestFields."""

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""The methods of RFC 9110, section 9, and RFC 5789: others are not known (501), these may be not allowed (405)."""

Header = tuple[str, str]
Headers = Sequence[Header]

_REQUEST_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP/([0-9])\.([0-9])")
_LENGTHS: Final = re.compile(rb"\ncontent-length:[ \t]*([^\r]*?)[ \t]*\r", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request.

    Attributes:
        method: as sent; methods are case-sensitive.
        target: as sent; visible ASCII.
        path: the path of the target, percent-encoded as sent; begins with `/`, or is `*` (of OPTIONS).
        query: what follows the `?`, percent-encoded as sent; None if there is none.
        version: `"HTTP/1.0"` or `"HTTP/1.1"`; a later minor version is treated as 1.1 (RFC 9110, section 6.2).
        host: host and port that the client means, from the target or the header; `""` if it did not say.
        headers: in order, names in small letters, values as latin-1.
        length: of the body, in bytes; None: not said (chunked).
    """

    method: str
    target: str
    path: str
    query: str | None
    version: str
    host: str
    headers: tuple[Header, ...]
    length: int | None

    def all(self, name: str) -> list[str]:
        """The values of all headers of that name (in small letters)."""
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str | None:
        """The headers of that name (in small letters) as one list (RFC 9110, section 5.3); None if there is none."""
        values = self.all(name)
        return ", ".join(values) if values else None


class Exchange:
    """The server's side of one connection: requests and bodies out of bytes, and bytes of responses.

    For each request: `head()` until it gives one, `body()` until it gives `b""` (or not at all), `start()`, `data()`,
    `end()`, `proceed()`. Where `head()` or `body()` give None, they need more: `receive()`.

    Parameters:
        max_body: bytes that the body of a request may have.
    """

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._framing = Framing(max_line=LINE_LIMIT, max_head=HEAD_LIMIT, max_fields=FIELD_LIMIT)
        self._eof = False
        self._refused = False
        self._renew()
        self.ended = False
        """Whether the peer ended its stream between two requests."""

    def _renew(self) -> None:
        # A new one for each request, which is cheap: nothing of one request can be left over for the next.
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * HEAD_LIMIT)
        self._request: Request | None = None
        self._body_begun = False
        self._body_read = False
        self._left: int | None = None
        self.started = False
        """Whether the head of the response has been made."""

    # -- in ------------------------------------------------------------------------------------------------------------

    @property
    def fresh(self) -> bool:
        """Whether nothing of the next request has arrived."""
        return self._request is None and not self._framing.buffered

    def receive(self, data: bytes) -> None:
        """Bytes from the peer, in any portions; `b""` is the end of its stream."""
        if data:
            self._framing.feed(data)
        else:
            self._eof = True

    def head(self) -> Request | None:
        """The next request; None: needs more, unless `ended`.

        Errors: `Refusal`.
        """
        assert self._request is None, "the request before is not finished"
        try:
            head = self._framing.take_head()
        except Refusal:
            self._refused = True
            raise
        if head is None:
            if self._eof and self._framing.buffered:
                self._refuse(400, "the stream ended within a request")
            self.ended = self._eof
            return None
        match = _REQUEST_LINE.fullmatch(head[: head.index(b"\r\n")])
        if match is None:
            self._refuse(400, "the request line is not a method, a target and a version with one space between each")
        if match[1] != b"1":
            self._refuse(505, "this server speaks HTTP/1.1")
        self._h11.receive_data(head)
        event = self._next_event()
        assert isinstance(event, h11.Request)
        self._request = request = self._checked(event, head)
        if request.length == 0:
            self._body_read = isinstance(self._next_event(), h11.EndOfMessage)
            assert self._body_read, "h11 sees a body where we see none"
        return request

    def body(self) -> bytes | None:
        """The next part of the request's body; `b""` at its end; None: needs more.

        Errors: `Refusal`.
        """
        assert self._request is not None, "there is no request"
        if self._body_read:
            return b""
        try:
            if not self._body_begun:
                self._framing.begin_body(self._request.length, self._max_body)
                self._body_begun = True
            while True:
                event = self._next_event()
                if isinstance(event, h11.Data):
                    return bytes(event.data)
                if isinstance(event, h11.EndOfMessage):
                    if not self._framing.complete or self._h11.trailing_data[0]:
                        self._refuse(400, "it is not clear where the body ends")
                    self._body_read = True
                    return b""
                taken = b"" if self._framing.complete else self._framing.take_body()
                if taken:
                    self._h11.receive_data(taken)
                elif self._eof or self._framing.complete:
                    self._refuse(400, "the stream ended within a body")
                else:
                    return None
        except Refusal:
            self._refused = True
            raise

    def _next_event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            hint = error.error_status_hint
            self._refuse(hint, "this transfer coding is not known" if hint == 501 else "the request is malformed")

    def _refuse(self, status: int, explanation: str, headers: Headers = ()) -> NoReturn:
        self._refused = True
        raise Refusal(status, explanation, headers)

    def _checked(self, event: h11.Request, head: bytes) -> Request:
        """What h11 lets pass and must not be served."""
        headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers)
        method = event.method.decode("ascii")
        length: int | None = 0
        names = [name for name, _ in headers]
        version = "HTTP/1.0" if event.http_version == b"1.0" else "HTTP/1.1"
        if "transfer-encoding" in names:
            # RFC 9112, section 6.1: both may be an attempt at request smuggling, and HTTP/1.0 has no such header.
            if "content-length" in names:
                self._refuse(400, "there are both Content-Length and Transfer-Encoding")
            if version == "HTTP/1.0":
                self._refuse(400, "HTTP/1.0 has no Transfer-Encoding")
            length = None
        elif "content-length" in names:
            # h11 takes a list of equal numbers for one; whoever sends one was put together from two messages.
            values = _LENGTHS.findall(head)
            if len(values) != 1 or not _LENGTH.fullmatch(values[0]):
                self._refuse(400, "Content-Length is not one number")
            length = int(values[0])
        hosts = [value for name, value in event.headers if name == b"host"]
        # h11 asks for it in 1.1 only, but a higher minor version is spoken to as 1.1.
        if len(hosts) > 1 or (not hosts and version != "HTTP/1.0") or (hosts and not check_host(hosts[0])):
            self._refuse(400, "Host is not one host, with a port or without")
        try:
            target = split_target(method, event.target)
        except Refusal:
            self._refused = True
            raise
        expectations = [value.lower() for name, value in headers if name == "expect"]
        if expectations and version != "HTTP/1.0" and expectations != ["100-continue"]:
            self._refuse(417, "the only expectation that is known here is 100-continue")
        return Request(
            method=method,
            target=event.target.decode("ascii"),
            path=target.path.decode("ascii"),
            query=None if target.query is None else target.query.decode("ascii"),
            version=version,
            # That of the target goes first (RFC 9112, section 3.2.2).
            host=(target.authority or (hosts[0] if hosts else b"")).decode("ascii"),
            headers=headers,
            length=length,
        )

    # -- out -------------------------------------------------------------------------------------------------------

    def interim(self) -> bytes:
        """`100 Continue`, if the client waits for it before it sends its body (RFC 9110, section 10.1.1)."""
        if not self._h11.they_are_waiting_for_100_continue:
            return b""
        event = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
        return self._h11.send(event) or b""

    def start(self, status: int, headers: Iterable[Header], *, reason: str | None = None, close: bool = False) -> bytes:
        """The head of the response.

        Parameters:
            status: 200 to 599.
            headers: without those about the connection. Without Content-Length the body is chunked, or ended by the
                end of the connection where the client knows no better.
            reason: the reason phrase; None: the usual one.
            close: end the connection afterwards.
        """
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if close or self._refused or not self._body_read:
            fields.append((b"Connection", b"close"))
        text = phrase(status) if reason is None else reason
        self.started = True
        self._left = next((int(value) for name, value in fields if name.lower() == b"content-length"), None)
        if not self.sends_body(status):
            self._left = 0
        event = h11.Response(status_code=status, headers=fields, reason=text.encode("latin-1"))
        return self._h11.send(event) or b""

    def sends_body(self, status: int) -> bool:
        """Whether a response of this status has a body (RFC 9112, section 6.3)."""
        head = self._request is not None and self._request.method == "HEAD"
        return not head and status not in (204, 304)

    @property
    def left(self) -> int | None:
        """Bytes of body still to be sent; None: any number."""
        return self._left

    def data(self, chunk: bytes) -> bytes:
        """A part of the body; more than `left` is a mistake."""
        if not chunk:
            return b""
        if self._left is not None:
            self._left -= len(chunk)
        return self._h11.send(h11.Data(data=chunk)) or b""

    def end(self) -> bytes:
        """The end of the body."""
        return self._h11.send(h11.EndOfMessage()) or b""

    def proceed(self) -> bool:
        """Go on to the next request. Returns False if the connection has to end."""
        if self._h11.our_state is not h11.DONE or self._refused or not self._body_read:
            return False
        self._renew()
        return True
