from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from plugserve import ConfigurationError
from plugserve.testing import STREAM_ENGINES, Recorder, hosted
from plugserve_http import WSGIHandler
from plugserve_http.wsgi import AppError, Call

every_engine = pytest.mark.parametrize("engine", STREAM_ENGINES)
TEXT = [("Content-Type", "text/plain")]
App = Callable[..., Iterable[bytes]]


def ask(
    app: App, data: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", *, engine: str = "memory", **options: Any
) -> bytes:
    """Everything that comes back for these bytes and the end."""
    with hosted(engine, WSGIHandler, options=WSGIHandler.Options(app=app, keep_alive=10, **options)) as host:
        client = host.connect()
        client.send(data)
        client.end()
        return client.rest()


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Sends the body of the request back."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def head_of(answer: bytes) -> str:
    """The head of a response in small letters."""
    return answer.partition(b"\r\n\r\n")[0].decode("latin-1").lower()


@every_engine
@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD"])
def test_http_wsgi_keeps_the_rules_that_wsgiref_checks(engine: str, method: bytes) -> None:
    """`wsgiref.validate` looks at both sides of every call."""
    data = (
        method + b" /a%20b/c?d=e HTTP/1.1\r\nHost: x:80\r\nContent-Type: text/plain\r\nCookie: a=b\r\nCookie: c=d\r\n"
    )
    data += b"Content-Length: 5\r\n\r\nhallo" if method == b"POST" else b"\r\n"
    answer = ask(validator(echo), data, engine=engine)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhallo" if method == b"POST" else b"\r\n\r\n")


def test_http_wsgi_the_environ_is_what_pep_3333_says() -> None:
    """Every variable, from a request that has a bit of everything."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        return echo(environ, start_response)

    ask(
        app,
        b"POST http://example.org:81/shop/%C3%A4/%2Fb?q=%20&r HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\n"
        b"X-One: 1\r\nX-One: 2\r\nX_One: 3\r\nProxy: evil\r\nCookie: a=b\r\nCookie: c=d\r\nUser-Agent: t\xe4st\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nha\r\n3\r\nllo\r\n0\r\nX-Two: no\r\n\r\n",
        script_name="/shop",
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/shop",
        "PATH_INFO": "/\xc3\xa4//b",
        "QUERY_STRING": "q=%20&r",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "5",
        "HTTP_HOST": "example.org:81",
        "HTTP_X_ONE": "1, 2",
        "HTTP_COOKIE": "a=b; c=d",
        "HTTP_USER_AGENT": "t\xe4st",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.run_once": False,
        "body": b"hallo",
    }
    assert {key: seen[key] for key in expected} == expected
    assert {key for key in seen if key.startswith("HTTP_")} == {
        "HTTP_HOST",
        "HTTP_X_ONE",
        "HTTP_COOKIE",
        "HTTP_USER_AGENT",
    }
    assert seen["REMOTE_ADDR"] == "127.0.0.1"


def test_http_wsgi_other_paths_than_its_own_are_not_the_applications() -> None:
    """`/shop` and what is below it, and not `/shopping`."""
    for target, status in [("/shop", 200), ("/shop/", 200), ("/shop/a", 200), ("/shopping", 404), ("/", 404)]:
        answer = ask(echo, f"GET {target} HTTP/1.0\r\n\r\n".encode(), script_name="/shop")
        assert int(answer.split()[1]) == status


@every_engine
def test_http_wsgi_requests_follow_one_another(engine: str) -> None:
    """Pipelined, chunked and with a length, on one connection."""
    one = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
    two = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
    answer = ask(echo, one + two, engine=engine)
    assert re.findall(rb"\r\n\r\n(\w{3})", answer) == [b"one", b"two"]


def test_http_wsgi_a_body_of_unknown_length_is_chunked() -> None:
    """A generator's; a list of one piece has a length, as PEP 3333 suggests."""

    def generator(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b""
        yield b"hal"
        yield b"lo"

    def single(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [b"hallo"]

    answer = ask(generator)
    assert "transfer-encoding: chunked" in head_of(answer)
    assert answer.endswith(b"\r\n\r\n3\r\nhal\r\n2\r\nlo\r\n0\r\n\r\n")
    answer = ask(generator, b"GET / HTTP/1.0\r\n\r\n")
    assert "connection: close" in head_of(answer)
    assert answer.endswith(b"\r\n\r\nhallo")
    assert "content-length: 5" in head_of(ask(single))


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_http_wsgi_some_responses_have_no_body(status: str) -> None:
    """Whatever the application gives; the next request is answered all the same."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Length", "5")])
        return [b"hallo"]

    answer = ask(app, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert answer.count(b"HTTP/1.1 " + status[:3].encode()) == 2
    assert b"hallo" not in answer
    assert "content-length" not in head_of(answer)


def test_http_wsgi_head_has_the_headers_of_get() -> None:
    """Also where the length is known from the body only."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [b"hallo"]

    answer = ask(app, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert answer.count(b"\r\nContent-Length: 5\r\n") == 2
    assert b"hallo" not in answer


def test_http_wsgi_write_comes_before_the_iterable() -> None:
    """The callable that start_response returns, mixed with an iterable."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [*TEXT, ("Content-Length", "6")])
        write(b"ab")
        write(b"cd")
        return [b"ef"]

    def only(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [*TEXT, ("Content-Length", "2")])(b"ab")
        return []

    assert ask(app).endswith(b"\r\n\r\nabcdef")
    assert ask(only, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2).count(b"\r\n\r\nab") == 2


def test_http_wsgi_a_file_is_wrapped() -> None:
    """wsgi.file_wrapper, which is closed in the end."""
    file = io.BytesIO(b"x" * 200_000)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [*TEXT, ("Content-Length", "200000")])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped

    assert ask(app).endswith(b"\r\n\r\n" + b"x" * 200_000)
    assert file.closed


class Closing:
    """An iterable that knows whether it has been closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed += 1


@every_engine
@pytest.mark.parametrize("where", ["call", "first", "later"])
def test_http_wsgi_an_error_of_the_application_is_a_500_and_is_reported(engine: str, where: str) -> None:
    """Before anything was sent the client is told; afterwards the connection ends early; both times the core learns."""
    recorder = Recorder()
    result = Closing(*([RuntimeError("broken")] if where == "first" else [b"hallo", RuntimeError("broken")]))

    def app(environ: dict[str, Any], start_response: Any) -> Closing:
        if where == "call":
            raise RuntimeError("broken")
        start_response("200 OK", TEXT)
        return result

    try:
        handler_options = WSGIHandler.Options(app=app, keep_alive=10)
        with hosted(engine, WSGIHandler, options=handler_options, plugins=[recorder]) as host:
            client = host.connect()
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = client.rest()
        if where == "later":
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"5\r\nhallo\r\n")  # and no end of the body
        else:
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"broken" not in answer
        assert ["handle_error", {"exception": "RuntimeError"}] in recorder.events
        if engine != "forking" and where != "call":
            assert result.closed == 1
    finally:
        recorder.close()


def test_http_wsgi_the_iterable_is_closed_when_the_client_goes_away() -> None:
    """PEP 3333: close() is called whatever happened."""
    result = Closing(*[b"x" * 60_000] * 1000)

    def app(environ: dict[str, Any], start_response: Any) -> Closing:
        start_response("200 OK", TEXT)
        return result

    with hosted("threading", WSGIHandler, options=WSGIHandler.Options(app=app)) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.take(10)
        client.reset()
    assert result.closed == 1


BAD: dict[str, tuple[Any, Any, list[Any]]] = {
    "a status without a phrase": ("200", TEXT, [b""]),
    "a status of bytes": (b"200 OK", TEXT, [b""]),
    "a status with a line end": ("200 OK\r\nX: y", TEXT, [b""]),
    "an interim status": ("100 Continue", TEXT, [b""]),
    "a switch of protocols": ("101 Switching", TEXT, [b""]),
    "headers in a tuple": ("200 OK", tuple(TEXT), [b""]),
    "a header of bytes": ("200 OK", [(b"A", b"b")], [b""]),
    "a header of three": ("200 OK", [("A", "b", "c")], [b""]),
    "a name with a colon": ("200 OK", [("A:", "b")], [b""]),
    "an empty name": ("200 OK", [("", "b")], [b""]),
    "a value with CR LF": ("200 OK", [("A", "b\r\nSet-Cookie: evil")], [b""]),
    "a value with LF": ("200 OK", [("A", "b\n")], [b""]),
    "a value with NUL": ("200 OK", [("A", "b\0")], [b""]),
    "a value beyond latin-1": ("200 OK", [("A", "\u20ac")], [b""]),
    "Connection": ("200 OK", [("Connection", "keep-alive")], [b""]),
    "Transfer-Encoding": ("200 OK", [("Transfer-Encoding", "chunked")], [b""]),
    "a length that is none": ("200 OK", [("Content-Length", "x")], [b""]),
    "two lengths": ("200 OK", [("Content-Length", "1"), ("Content-Length", "1")], [b"a"]),
    "a body of str": ("200 OK", TEXT, ["hallo"]),
}


@pytest.mark.parametrize("case", BAD)
def test_http_wsgi_what_pep_3333_forbids_is_a_500_that_says_why(case: str) -> None:
    """Nothing of it reaches the client; above all no header within a header."""
    status, headers, body = BAD[case]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, headers)
        return body

    answer = ask(app)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"evil" not in answer
    with pytest.raises(AppError):
        Call(app, {}).advance()


def test_http_wsgi_start_response_must_be_called_once_or_with_an_error() -> None:
    """Missing, twice, and twice with exc_info before and after something was sent."""

    def never(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return [b"hallo"]

    def twice(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        start_response("200 OK", TEXT)
        return [b"hallo"]

    def replaced(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            start_response("503 Sorry", TEXT, sys.exc_info())
        return [b"sorry"]

    def late(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"hallo"
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            start_response("503 Sorry", TEXT, sys.exc_info())

    assert ask(never).startswith(b"HTTP/1.1 500 ")
    assert ask(twice).startswith(b"HTTP/1.1 500 ")
    assert ask(replaced).startswith(b"HTTP/1.1 503 Sorry\r\n")
    assert ask(replaced).endswith(b"sorry")
    assert ask(late).endswith(b"5\r\nhallo\r\n")


@pytest.mark.parametrize("length, sent", [(3, b"hal"), (9, b"hallo")])
def test_http_wsgi_a_wrong_length_ends_the_connection(length: int, sent: bytes) -> None:
    """Never more than was promised, and never the next response in place of what is missing."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [*TEXT, ("Content-Length", str(length))])
        return [b"hal", b"lo"]

    answer = ask(app, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"\r\n\r\n" + sent)


@pytest.mark.parametrize("framing", ["Content-Length: 11\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nb\r\n"])
def test_http_wsgi_a_body_that_is_too_long_never_reaches_the_application(framing: str) -> None:
    """413, and the connection ends."""
    called = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        called.append(environ)
        return echo(environ, start_response)

    answer = ask(app, f"POST / HTTP/1.1\r\nHost: x\r\n{framing}hallo welt!".encode(), max_body=10)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert "connection: close" in head_of(answer)
    assert not called


@every_engine
def test_http_wsgi_a_client_may_wait_for_100(engine: str) -> None:
    """Expect: 100-continue; a refusal comes in its place."""
    with hosted(engine, WSGIHandler, options=WSGIHandler.Options(app=echo, max_body=10)) as host:
        client = host.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.take(25).startswith(b"HTTP/1.1 100 Continue\r\n")
        client.send(b"hallo")
        client.end()
        assert client.rest().endswith(b"\r\n\r\nhallo")
        client = host.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n")
        assert client.rest().startswith(b"HTTP/1.1 413 ")


@every_engine
def test_http_wsgi_a_large_body_goes_both_ways(engine: str) -> None:
    """Larger than what stays in memory."""
    body = bytes(range(256)) * 12_000
    with hosted(engine, WSGIHandler, options=WSGIHandler.Options(app=echo)) as host:
        client = host.connect()
        client.send(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert client.rest().partition(b"\r\n\r\n")[2] == body


def test_http_wsgi_an_application_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`module:name`, also in the current folder; what is wrong with it is said when the server starts."""
    (tmp_path / "http_example_app.py").write_text("class holder:\n    def app(environ, start_response): ...\nx = 1\n")
    (tmp_path / "http_broken_app.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert callable(WSGIHandler.Options(app="http_example_app:holder.app").call)
    for app, message in [
        ("http_example_app", "module:name"),
        (":app", "module:name"),
        ("http_example_app:y", "has no 'y'"),
        ("http_example_app:x", "is a int"),
        ("http_missing_app:x", "there is no module 'http_missing_app'"),
        ("http_broken_app:x", "cannot be imported"),
        (3, "a callable"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            WSGIHandler.Options(app=app)
    for name in ("http_example_app", "http_broken_app"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "bad", [{"script_name": "shop"}, {"script_name": "/shop/"}, {"max_body": -1}, {"max_body": 1.5}]
)
def test_http_wsgi_bad_options_refuse_to_start(bad: dict[str, Any]) -> None:
    """The error says what would be right."""
    with pytest.raises(ConfigurationError, match="give a"):
        WSGIHandler.Options(app=echo, **bad)


@pytest.mark.parametrize("engine", ["sync", "threading", "forking"])
def test_http_wsgi_curl_talks_to_an_application(engine: str, tmp_path: Path, program: Callable[[str], str]) -> None:
    """A client that others wrote: a form, a large upload with Expect, and chunks."""
    curl = [program("curl"), "-sS", "--max-time", "20", "--noproxy", "*"]
    large = tmp_path / "large"
    large.write_bytes(b"x" * 2_000_000)
    with hosted(engine, WSGIHandler, options=WSGIHandler.Options(app=echo, keep_alive=10)) as host:
        url = f"http://127.0.0.1:{host.server.server_address[1]}/"

        def run(*arguments: str) -> bytes:
            return subprocess.run([*curl, *arguments, url], capture_output=True, check=True).stdout

        assert run("-d", "a=b") == b"a=b"
        assert run("-T", str(large)) == b"x" * 2_000_000
        assert run("-H", "Transfer-Encoding: chunked", "-T", str(large)) == b"x" * 2_000_000
        assert run("-I").startswith(b"HTTP/1.1 200 OK\r\n")
