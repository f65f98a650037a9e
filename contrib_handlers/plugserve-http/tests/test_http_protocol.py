from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugserve_http.protocol import FIELD_LIMIT, HEAD_LIMIT, LINE_LIMIT, Exchange, Request
from plugserve_http.refusal import Refusal

HOST = b"Host: example.org\r\n"


def talk(data: bytes, *, pieces: int | None = None, max_body: int = 1000) -> list[object]:
    """What a server sees of these bytes and the end: heads and whole bodies, and the status of a refusal."""
    exchange = Exchange(max_body)
    seen: list[object] = []
    size = pieces or max(1, len(data))
    portions = [data[at : at + size] for at in range(0, len(data), size)] + [b""]

    def more() -> None:
        exchange.receive(portions.pop(0))

    try:
        while True:
            while (request := exchange.head()) is None:
                if exchange.ended:
                    return seen
                more()
            seen.append((request.method, request.path, request.query, request.host, request.version))
            body = b""
            while (part := exchange.body()) != b"":
                if part is None:
                    more()
                else:
                    body += part
            seen.append(body)
            exchange.start(200, [("Content-Length", "0")])
            exchange.end()
            if not exchange.proceed():
                return [*seen, "close"]
    except Refusal as refusal:
        return [*seen, refusal.status]


VALID: dict[str, tuple[bytes, object]] = {
    "origin form": (
        b"GET /a?b=c HTTP/1.1\r\n" + HOST + b"\r\n",
        [("GET", "/a", "b=c", "example.org", "HTTP/1.1"), b""],
    ),
    "absolute form, whose host goes first": (
        b"GET http://other.example:81/a?b HTTP/1.1\r\n" + HOST + b"\r\n",
        [("GET", "/a", "b", "other.example:81", "HTTP/1.1"), b""],
    ),
    "absolute form without a path": (
        b"GET http://other.example HTTP/1.1\r\n" + HOST + b"\r\n",
        [("GET", "/", None, "other.example", "HTTP/1.1"), b""],
    ),
    "asterisk form": (
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        [("OPTIONS", "*", None, "example.org", "HTTP/1.1"), b""],
    ),
    "an empty query": (
        b"GET /? HTTP/1.1\r\n" + HOST + b"\r\n",
        [("GET", "/", "", "example.org", "HTTP/1.1"), b""],
    ),
    "HTTP/1.0 needs no host, and closes": (
        b"GET / HTTP/1.0\r\n\r\n",
        [("GET", "/", None, "", "HTTP/1.0"), b"", "close"],
    ),
    "a later minor version is 1.1": (
        b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
        [("GET", "/", None, "example.org", "HTTP/1.1"), b""],
    ),
    "Connection: close": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
        [("GET", "/", None, "example.org", "HTTP/1.1"), b"", "close"],
    ),
    "one empty line in front": (
        b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
        [("GET", "/", None, "example.org", "HTTP/1.1"), b""],
    ),
    "a body with a length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhallo",
        [("POST", "/", None, "example.org", "HTTP/1.1"), b"hallo"],
    ),
    "a body in chunks, with an extension and a trailer": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nhal\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
        [("POST", "/", None, "example.org", "HTTP/1.1"), b"hallo"],
    ),
    "several requests, pipelined behind bodies": (
        b"POST /1 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        b"POST /2 HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nb"
        b"GET /3 HTTP/1.1\r\n" + HOST + b"\r\n",
        [
            ("POST", "/1", None, "example.org", "HTTP/1.1"),
            b"a",
            ("POST", "/2", None, "example.org", "HTTP/1.1"),
            b"b",
            ("GET", "/3", None, "example.org", "HTTP/1.1"),
            b"",
        ],
    ),
    "an upgrade that is not taken up": (
        b"GET / HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\n"
        + HOST
        + b"\r\n",
        [
            ("GET", "/", None, "example.org", "HTTP/1.1"),
            b"",
            ("GET", "/2", None, "example.org", "HTTP/1.1"),
            b"",
        ],
    ),
    "nothing": (b"", []),
}

CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
GET = b"GET / HTTP/1.1\r\n" + HOST

INVALID: dict[str, tuple[bytes, object]] = {
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "an SSH greeting and the end": (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "the HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/3.0": (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 505),
    "no version": (b"GET / HTTP\r\n\r\n", 400),
    "a version in small letters": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a space in the target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a tab in the request line": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a space in front": (b" GET / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two empty lines in front": (b"\r\n\r\n" + GET + b"\r\n", 400),
    "a method that is no token": (b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target of 8-bit characters": (b"GET /\xe4 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without a slash": (b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target with a fragment": (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target of another scheme": (b"GET ftp://x/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target with a user": (b"GET http://a@b/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without a host": (b"GET http:///a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an asterisk that is not of OPTIONS": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT": (b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no host in a later minor version": (b"GET / HTTP/1.2\r\n\r\n", 400),
    "two hosts": (GET + b"Host: b\r\n\r\n", 400),
    "a host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a host with a blank": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "a host with a user": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    "a line that ends with LF alone": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "a CR within a line": (GET + b"A: b\rc\r\n\r\n", 400),
    "a NUL in a header": (GET + b"A: b\0c\r\n\r\n", 400),
    "a folded header": (GET + b"A: b\r\n c\r\n\r\n", 400),
    "a folded first header": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "a blank before the colon": (GET + b"Content-Length : 5\r\n\r\nhallo", 400),
    "a header without a colon": (GET + b"A\r\n\r\n", 400),
    "a header without a name": (GET + b": a\r\n\r\n", 400),
    "both framings (CL.TE)": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "both framings (TE.CL)": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two equal lengths": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhallo", 400),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhallo!", 400),
    "a list of lengths": (POST + b"Content-Length: 5, 5\r\n\r\nhallo", 400),
    "a length with a sign": (POST + b"Content-Length: +5\r\n\r\nhallo", 400),
    "a negative length": (POST + b"Content-Length: -5\r\n\r\nhallo", 400),
    "a hexadecimal length": (POST + b"Content-Length: 0x5\r\n\r\nhallo", 400),
    "an empty length": (POST + b"Content-Length:\r\n\r\n", 400),
    "a length of digits that are not ASCII": (POST + b"Content-Length: \xb2\r\n\r\nha", 400),
    "a length beyond every disk": (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "another transfer coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "another transfer coding before chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    "a transfer coding in disguise": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "another expectation": (POST + b"Expect: 200-ok\r\n\r\n", 417),
    "a long request line": (b"GET /" + b"a" * LINE_LIMIT, 414),
    "long headers": (GET + b"A: " + b"a" * HEAD_LIMIT, 431),
    "many headers": (GET + b"A: b\r\n" * FIELD_LIMIT + b"\r\n", 431),
    "a stream that ends in the request line": (b"GET / HT", 400),
    "a stream that ends in the headers": (GET, 400),
}

INVALID_BODIES: dict[str, tuple[bytes, object]] = {
    "a stream that ends in the body": (POST + b"Content-Length: 5\r\n\r\nhal", 400),
    "a stream that ends in a chunk": (CHUNKED + b"5\r\nhal", 400),
    "a stream that ends between chunks": (CHUNKED + b"3\r\nhal\r\n", 400),
    "a stream that ends in the trailer": (CHUNKED + b"0\r\nA: b\r\n", 400),
    "a chunk with a sign": (CHUNKED + b"+3\r\nhal\r\n0\r\n\r\n", 400),
    "a chunk with 0x": (CHUNKED + b"0x3\r\nhal\r\n0\r\n\r\n", 400),
    "a chunk with a blank": (CHUNKED + b" 3\r\nhal\r\n0\r\n\r\n", 400),
    "a chunk that ends with LF alone": (CHUNKED + b"3\nhal\r\n0\r\n\r\n", 400),
    "a chunk that is longer than it says": (CHUNKED + b"3\r\nhallo\r\n0\r\n\r\n", 400),
    "a chunk of no size": (CHUNKED + b"\r\n\r\n", 400),
    "a chunk of 2**80 bytes": (CHUNKED + b"1" + b"0" * 20 + b"\r\n", 400),
    "a long extension (CVE-2023-39326)": (CHUNKED + b"3;" + b"a" * 10_000 + b"\r\nhal\r\n0\r\n\r\n", 400),
    "an extension with a LF (TERM.EXT)": (CHUNKED + b"3;\nxx\r\nhal\r\n0\r\n\r\n", 400),
    "a bad end of a chunk (CVE-2025-43859)": (CHUNKED + b"3\r\nhalXX0\r\n\r\n", 400),
    "a trailer that is folded": (CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", 400),
    "more than may be, with a length": (POST + b"Content-Length: 1001\r\n\r\n", 413),
    "more than may be, in chunks": (CHUNKED + b"3e8\r\n" + b"a" * 1000 + b"\r\n1\r\na\r\n0\r\n\r\n", 413),
}


@pytest.mark.parametrize("case", VALID)
def test_http_requests_are_read(case: str) -> None:
    """What RFC 9112 allows is understood, and the next request is found behind it."""
    data, expected = VALID[case]
    assert talk(data) == expected


@pytest.mark.parametrize("case", INVALID | INVALID_BODIES)
def test_http_what_is_no_request_is_refused_with_the_right_status(case: str) -> None:
    """Each of these was read as something else by some server once."""
    data, status = (INVALID | INVALID_BODIES)[case]
    assert talk(data)[-1] == status
    assert len(talk(data)) == (2 if case in INVALID_BODIES else 1)


@pytest.mark.parametrize("case", VALID | INVALID | INVALID_BODIES)
def test_http_bytes_in_any_portions_mean_the_same(case: str) -> None:
    """A byte at a time equals all at once, refusals and limits included."""
    data = (VALID | INVALID | INVALID_BODIES)[case][0]
    for size in (1, 2, 7):
        assert talk(data, pieces=size) == talk(data), f"{size} bytes at a time"


def test_http_limits_are_exact() -> None:
    """A request line and a head of just the size that is allowed are served; one more byte is not."""
    line = b"GET /" + b"a" * (LINE_LIMIT - len(b"GET / HTTP/1.1")) + b" HTTP/1.1"
    assert len(line) == LINE_LIMIT
    assert len(talk(line + b"\r\n" + HOST + b"\r\n")) == 2
    assert talk(line.replace(b"/a", b"/aa", 1) + b"\r\n" + HOST + b"\r\n") == [414]
    room = HEAD_LIMIT - len(GET + b"A: \r\n\r\n")
    assert len(talk(GET + b"A: " + b"a" * room + b"\r\n\r\n")) == 2
    assert talk(GET + b"A: " + b"a" * (room + 1) + b"\r\n\r\n") == [431]
    assert len(talk(GET + b"A: b\r\n" * (FIELD_LIMIT - 1) + b"\r\n")) == 2


FRAGMENTS = st.sampled_from(
    [
        *(data for data, _ in (VALID | INVALID | INVALID_BODIES).values() if len(data) < 300),
        b"GET / HTTP/1.1\r\n",
        HOST,
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"0\r\n\r\n",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=20), max_size=6).map(b"".join), st.integers(1, 5))
@example(b"\r", 1)
@example(b"\r\n\r", 1)
def test_http_any_bytes_are_requests_or_a_refusal(data: bytes, size: int) -> None:
    """No other exception, whatever is sent; and the verdict does not depend on the portions."""
    whole = talk(data)
    assert talk(data, pieces=size) == whole


@given(st.binary(max_size=200))
def test_http_random_bytes_are_refused(data: bytes) -> None:
    """Nobody speaks HTTP by accident."""
    seen = talk(data)
    assert seen in ([], [400], [414], [431], [505])


def asked(data: bytes) -> tuple[Exchange, Request]:
    """An exchange that has got this head."""
    exchange = Exchange(100)
    exchange.receive(data)
    request = exchange.head()
    assert request is not None
    return exchange, request


def test_http_a_client_that_waits_for_100_is_told_once_to_go_on() -> None:
    """Expect: 100-continue is answered when the body is wanted, and only if it has not come anyway."""
    exchange, _ = asked(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert exchange.body() is None
    assert exchange.interim().startswith(b"HTTP/1.1 100 ")
    assert exchange.interim() == b""
    eager, _ = asked(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhallo")
    assert eager.body() == b"hallo"
    assert eager.interim() == b""


def test_http_an_unread_body_ends_the_connection() -> None:
    """Otherwise what the client sent as a body would be the next request."""
    exchange, _ = asked(POST + b"Content-Length: 18\r\n\r\nGET / HTTP/1.0\r\n\r\n")
    assert b"Connection: close\r\n" in exchange.start(200, [("Content-Length", "0")])
    exchange.end()
    assert not exchange.proceed()


def test_http_a_response_of_unknown_length_is_chunked_or_ended_by_the_end() -> None:
    """HTTP/1.1 clients get chunks, HTTP/1.0 clients the end of the connection."""
    exchange, _ = asked(GET + b"\r\n")
    sent = exchange.start(200, []) + exchange.data(b"hallo") + exchange.end()
    assert sent.lower().endswith(b"transfer-encoding: chunked\r\n\r\n5\r\nhallo\r\n0\r\n\r\n")
    assert exchange.proceed()
    exchange, _ = asked(b"GET / HTTP/1.0\r\n\r\n")
    sent = exchange.start(200, []) + exchange.data(b"hallo") + exchange.end()
    assert sent.lower().endswith(b"connection: close\r\n\r\nhallo")
    assert not exchange.proceed()
