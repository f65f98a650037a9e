from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError, ThreadingTCPServer
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_http import FilesHandler
from plugserve_http.refusal import Refusal

every_engine = pytest.mark.parametrize("engine", STREAM_ENGINES)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
NOW = 1_800_000_000.0


class Files(FilesHandler):
    """With a clock and a boundary that are known."""

    def now(self) -> float:
        return NOW

    def boundary(self) -> str:
        return "BOUNDARY"


def options(site: Path, **others: Any) -> FilesHandler.Options:
    """Options with persistent connections on every engine."""
    return FilesHandler.Options(root=site, keep_alive=10, **others)


class Answer:
    """A response, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}


def ask(site: Path, method: str = "GET", target: str = "/hallo.txt", **headers: str) -> Answer:
    """One request in memory; `_` in a header's name stands for `-`."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with hosted("memory", Files, options=options(site)) as host:
        client = host.connect()
        client.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return Answer(client.rest())


def test_http_a_file_comes_with_its_facts(site: Path) -> None:
    """Every header that the README promises."""
    answer = ask(site)
    assert (answer.status, answer.body) == (200, b"0123456789abcdef")
    etag = answer.headers.pop("etag")
    assert re.fullmatch(r'"[0-9a-f]+-10-[0-9a-f]+"', etag)
    assert answer.headers == {
        "date": "Fri, 15 Jan 2027 08:00:00 GMT",
        "server": "plugserve",
        "last-modified": DATE,
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-type": "text/plain; charset=utf-8",
        "content-length": "16",
        "connection": "close",
    }


@pytest.mark.parametrize("target", ["/hallo.txt", "/", "/folder", "/nothing", "/with%20index/"])
def test_http_head_is_get_without_the_body(site: Path, target: str) -> None:
    """The same headers, Content-Length included."""
    get, head = ask(site, "GET", target), ask(site, "HEAD", target)
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
    assert int(head.headers["content-length"]) == len(get.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "PATCH"])
def test_http_files_can_only_be_read(site: Path, method: str) -> None:
    """405 says what is allowed."""
    answer = ask(site, method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert ask(site, "BREW").status == 501


@pytest.mark.parametrize(
    "headers, status, body",
    [
        ({"Range": "bytes=0-3"}, 206, b"0123"),
        ({"Range": "bytes=-2"}, 206, b"ef"),
        ({"Range": "bytes=4-3"}, 200, b"0123456789abcdef"),
        ({"Range": "bytes=0-3", "If_Range": DATE}, 206, b"0123"),
        ({"Range": "bytes=0-3", "If_Range": '"other"'}, 200, b"0123456789abcdef"),
        ({"Range": "bytes=0-3", "If_Match": '"other"'}, 412, None),
        ({"Range": "bytes=99-", "If_None_Match": "*"}, 304, b""),
        ({"Range": "bytes=99-"}, 416, None),
        ({"If_Modified_Since": DATE}, 304, b""),
        ({"If_Unmodified_Since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 412, None),
    ],
)
def test_http_parts_and_conditions(site: Path, headers: dict[str, str], status: int, body: bytes | None) -> None:
    """Conditions first, then If-Range, then Range."""
    answer = ask(site, **headers)
    assert answer.status == status
    if body is not None:
        assert answer.body == body
    if status == 206:
        assert answer.headers["content-length"] == str(len(answer.body))
    if status == 304:
        assert "content-length" not in answer.headers
        assert "etag" in answer.headers
    if status == 416:
        assert answer.headers["content-range"] == "bytes */16"


def test_http_a_tag_that_was_given_is_known_again(site: Path) -> None:
    """Its round trip: 304 until the file changes."""
    tag = ask(site).headers["etag"]
    assert ask(site, If_None_Match=tag).status == 304
    assert ask(site, If_Range=tag, Range="bytes=0-0").status == 206
    (site / "hallo.txt").write_bytes(b"something else")
    assert ask(site, If_None_Match=tag).status == 200
    assert ask(site, If_Range=tag, Range="bytes=0-0").status == 200
    assert ask(site, If_Match=tag).status == 412


def test_http_several_parts_are_one_multipart_body_of_the_promised_length(site: Path) -> None:
    """Content-Length is right although the body is made as it is sent."""
    answer = ask(site, Range="bytes=0-1,-2")
    assert answer.status == 206
    assert answer.headers["content-type"] == "multipart/byteranges; boundary=BOUNDARY"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.body.split(b"\r\n")[3:6] == [b"", b"01", b"--BOUNDARY"]
    assert answer.body.endswith(b"\r\n\r\nef\r\n--BOUNDARY--\r\n")


def test_http_an_empty_file_is_empty(site: Path) -> None:
    """And has no range."""
    answer = ask(site, "GET", "/nothing.bin")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert ask(site, "GET", "/nothing.bin", Range="bytes=0-").status == 416


@every_engine
def test_http_several_requests_on_one_connection(engine: str, site: Path) -> None:
    """One after the other, and pipelined, on every engine; errors of a request do not end it."""
    with hosted(engine, Files, options=options(site)) as host:
        client = host.connect()
        request = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
        length = len(ask(site).body) + 291
        client.send(request % b"/hallo.txt")
        first = client.take(1)
        while not first.endswith(b"\r\n\r\n0123456789abcdef"):
            first += client.take(1)
        assert abs(len(first) - length) < 60
        client.send(request % b"/nowhere" + request % b"/folder/" + b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.send(b"GET /folder/file.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + request % b"/never")
        rest = client.rest()
        assert re.findall(rb"HTTP/1.1 ([0-9]+)", rest) == [b"404", b"200", b"200", b"200"]
        assert rest.endswith(b"in a folder")


@every_engine
def test_http_a_large_file_arrives_whole(engine: str, site: Path) -> None:
    """Larger than every buffer on the way."""
    data = os.urandom(3_000_000)
    (site / "large").write_bytes(data)
    with hosted(engine, Files, options=options(site)) as host:
        client = host.connect()
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert Answer(client.rest()).body == data


@every_engine
def test_http_a_bad_request_is_answered_and_ends_the_connection(engine: str, site: Path) -> None:
    """What follows it is not looked at."""
    with hosted(engine, Files, options=options(site)) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.1\r\n\r\nGET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = Answer(client.rest())
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert len(answer.body) == int(answer.headers["content-length"])


def test_http_a_refused_body_is_not_taken_for_a_request(site: Path) -> None:
    """POST gets 405, and what it carries is never executed."""
    with hosted("memory", Files, options=options(site)) as host:
        client = host.connect()
        client.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\nGET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = client.rest()
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close\r\n" in answer


def test_http_the_sync_engine_does_not_wait_for_a_second_request(site: Path) -> None:
    """Whoever keeps the only place open would keep everybody else out; an option allows it."""
    with hosted("sync", Files, options=FilesHandler.Options(root=site)) as host:
        for _ in range(2):
            client = host.connect()
            client.send(b"GET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            assert Answer(client.rest()).headers["connection"] == "close"


def test_http_a_connection_that_asks_for_nothing_more_is_closed_after_a_while(site: Path) -> None:
    """After keep_alive seconds, and not before."""
    with hosted("memory", Files, options=options(site)) as host:
        client = host.connect()
        client.send(b"GET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        host.server.advance(9)  # type: ignore[attr-defined]
        client.send(b"GET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        host.server.advance(11)  # type: ignore[attr-defined]
        assert client.rest().count(b"HTTP/1.1 200") == 2


def test_http_a_slow_client_does_not_make_a_threading_server_deaf(site: Path) -> None:
    """It sends half a request and waits; ten others are served meanwhile, and then it is, too."""
    with hosted("threading", Files, options=options(site)) as host:
        slow = host.connect()
        slow.send(b"GET /hallo.txt HT")
        for _ in range(10):
            client = host.connect()
            client.send(b"GET /hallo.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert Answer(client.rest()).status == 200
        slow.send(b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert Answer(slow.rest()).body == b"0123456789abcdef"


def test_http_draining_ends_idle_connections_at_once(site: Path) -> None:
    """A connection between two requests needs none of the server's patience."""
    with hosted("threading", Files, options=FilesHandler.Options(root=site, keep_alive=1000)) as host:
        client = host.connect()
        client.send(b"GET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        while not data.endswith(b"abcdef"):
            data += client.take(1)
        host.server.shutdown(drain=15)
        assert client.rest() == b""


def test_http_draining_lets_the_request_at_hand_finish(site: Path) -> None:
    """What has begun to arrive is answered, and the answer says that it was the last."""
    handlers: list[Files] = []

    class Remembered(Files):
        async def handle(self) -> None:
            handlers.append(self)
            await super().handle()

    with hosted("memory", Remembered, options=options(site)) as host:
        client = host.connect()
        client.send(b"GET /hallo.txt HTTP/1.1\r\nHo")
        handlers[0].goodbye(10)
        client.send(b"st: x\r\n\r\nGET /hallo.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.rest()
        assert answer.count(b"HTTP/1.1 200 ") == 1
        assert b"\r\nConnection: close\r\n" in answer


def test_http_the_facts_of_a_request_are_in_the_context(site: Path) -> None:
    """For a log: method, target and status."""
    seen = []

    class Noting(Files):
        async def handle(self) -> None:
            await super().handle()
            seen.append(self.context.data["http"])

    for request, fact in [
        (b"GET /hallo.txt?a HTTP/1.0\r\n\r\n", "GET /hallo.txt?a 200"),
        (b"HEAD /nowhere HTTP/1.0\r\n\r\n", "HEAD /nowhere 404"),
        (b"nonsense\r\n\r\n", "- 400"),
    ]:
        with hosted("memory", Noting, options=options(site)) as host:
            client = host.connect()
            client.send(request)
            client.rest()
        assert seen.pop() == fact


def test_http_a_file_that_shrinks_while_it_is_sent_cuts_the_connection(site: Path) -> None:
    """The length has been promised, so the client must see that it did not get all."""
    path = site / "large"
    path.write_bytes(bytes(400_000))

    class Shrinking(Files):
        def start(self, *arguments: Any, **more: Any) -> bytes:
            os.truncate(path, 100_000)
            return super().start(*arguments, **more)

    with hosted("threading", Shrinking, options=options(site)) as host:
        client = host.connect()
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            received = len(client.rest())
        except ConnectionResetError:
            received = 0
        assert received < 400_000


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"root": "/nowhere/at/all"}, "no folder"),
        ({"index": "a/b"}, "name of a file"),
        ({"index": ".."}, "name of a file"),
        ({"keep_alive": -1}, "seconds"),
        ({"keep_alive": float("nan")}, "seconds"),
        ({"keep_alive": True}, "seconds"),
    ],
)
def test_http_bad_options_refuse_to_start(bad: dict[str, Any], message: str) -> None:
    """The error says what would be right."""
    with pytest.raises(ConfigurationError, match=message):
        FilesHandler.Options(**bad)


@pytest.mark.parametrize("engine", ["sync", "threading", "forking"])
def test_http_curl_gets_files(engine: str, site: Path, tmp_path: Path, program: Callable[[str], str]) -> None:
    """A client that others wrote: whole, resumed, several on a connection, conditional, and a folder."""
    curl = [program("curl"), "-sS", "--max-time", "20", "--noproxy", "*"]
    with hosted(engine, FilesHandler, options=options(site)) as host:
        port = host.server.server_address[1]
        base = f"http://127.0.0.1:{port}"

        def run(*arguments: str) -> str:
            return subprocess.run([*curl, *arguments], capture_output=True, check=True, text=True).stdout

        assert run(f"{base}/hallo.txt", f"{base}/folder/file.txt") == "0123456789abcdefin a folder"
        assert run("-w", "%{num_connects} ", "-o", "/dev/null", "-o", "/dev/null", *[f"{base}/hallo.txt"] * 2) == "1 0 "
        assert run("-r", "2-4", f"{base}/hallo.txt") == "234"
        assert run("-L", f"{base}/with%20index") == "index"
        assert run("-o", "/dev/null", "-w", "%{http_code}", "-z", DATE, f"{base}/hallo.txt") == "304"
        assert run("-0", f"{base}/hallo.txt") == "0123456789abcdef"
        assert "405" in run("-o", "/dev/null", "-w", "%{http_code}", "-d", "x=y", f"{base}/hallo.txt")
        part = tmp_path / "part"
        part.write_bytes(b"0123")
        run("-C", "-", "-o", str(part), f"{base}/hallo.txt")
        assert part.read_bytes() == b"0123456789abcdef"


def test_http_a_server_can_be_put_together_by_hand(site: Path) -> None:
    """As the README shows."""
    with ThreadingTCPServer(("127.0.0.1", 0), FilesHandler, options=FilesHandler.Options(root=site)) as server:
        assert server.server_address[1]


@pytest.mark.parametrize("engine", ["sync", "threading", "forking"])
def test_http_the_last_piece_of_a_response_does_not_wait_for_an_acknowledgement(engine: str, site: Path) -> None:
    """Nagle's algorithm is off: with it each chunked response on a persistent connection took 40 ms."""

    class Telling(Files):
        async def respond(self, exchange: Any, request: Any) -> None:
            value = self.request.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await self.refuse(exchange, Refusal(499, str(bool(value))))

    with hosted(engine, Telling, options=options(site)) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.rest().endswith(b"True\n")
