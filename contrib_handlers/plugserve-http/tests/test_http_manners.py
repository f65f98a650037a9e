"""Slow clients, hosts that are out of something, and what applications may expect beyond the letter."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_http import FilesHandler, WSGIHandler
from plugserve_http.files import Opening

every_engine = pytest.mark.parametrize("engine", STREAM_ENGINES)
HEAD = b"GET /hallo.txt HTTP/1.1\r\nHost: x\r\n"
TEXT = [("Content-Type", "text/plain")]


def options(site: Path, **others: Any) -> FilesHandler.Options:
    """Options with persistent connections on every engine."""
    return FilesHandler.Options(root=site, keep_alive=10, **others)


def ask(app: Any, data: bytes, *, engine: str = "memory", **others: Any) -> bytes:
    """Everything that an application says to these bytes and the end."""
    with hosted(engine, WSGIHandler, options=WSGIHandler.Options(app=app, keep_alive=10, **others)) as host:
        client = host.connect()
        client.send(data)
        client.end()
        return client.rest()


# -- slow clients --------------------------------------------------------------------------------------------------


def test_http_a_head_that_drips_is_given_up(site: Path) -> None:
    """A byte every ten seconds would never break an idle limit; after its time the client gets 408, and no place."""
    with hosted("memory", FilesHandler, options=options(site, request_timeout=20)) as host:
        server: Any = host.server
        client = host.connect()
        for byte in HEAD[:3]:
            client.send(bytes([byte]))
            server.advance(10)
        answer = client.rest()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_http_a_body_that_drips_is_given_up() -> None:
    """The same for a body; a client that sends 500 bytes a second has all the time it needs."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [b"%d" % len(environ["wsgi.input"].read())]

    given = WSGIHandler.Options(app=app, keep_alive=10, request_timeout=20)
    for step, status, said in [(100, b"408", None), (5000, b"200", b"50000")]:
        with hosted("memory", WSGIHandler, options=given) as host:
            server: Any = host.server
            client = host.connect()
            client.send(b"POST / HTTP/1.0\r\nContent-Length: 50000\r\n\r\n")
            try:
                for _ in range(0, 50_000, step):
                    client.send(bytes(step))
                    server.advance(9.9)
            except OSError:
                pass  # it has been given up
            answer = client.rest()
        assert answer.startswith(b"HTTP/1.1 %s " % status)
        assert said is None or answer.endswith(b"\r\n\r\n" + said)


def test_http_each_request_has_its_own_time(site: Path) -> None:
    """What a connection has lived through before does not count; nor does the wait between two requests."""
    with hosted("memory", FilesHandler, options=options(site, request_timeout=3)) as host:
        server: Any = host.server
        client = host.connect()
        for _ in range(5):
            client.send(HEAD)
            server.advance(2)
            client.send(b"\r\n")
            server.advance(9)
        client.end()
        assert client.rest().count(b"HTTP/1.1 200 OK\r\n") == 5


@every_engine
def test_http_a_client_that_sends_nothing_more_is_given_up_on_every_engine(engine: str, site: Path) -> None:
    """At a place that blocks, too: the client is answered, though it neither sends nor ends."""
    with hosted(engine, FilesHandler, options=options(site, request_timeout=0.05)) as host:
        client = host.connect()
        client.send(HEAD)
        assert client.rest().startswith(b"HTTP/1.1 408 ")


# -- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [b"/hallo.txt", b"*", b"/nothing"])
def test_http_options_tells_the_methods(site: Path, target: bytes) -> None:
    """For any path and for the server as a whole; there is no body."""
    with hosted("memory", FilesHandler, options=options(site)) as host:
        client = host.connect()
        client.send(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        client.end()
        head, _, body = client.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nAllow: GET, HEAD, OPTIONS" in head
    assert b"Content-Length" not in head
    assert body == b""


def test_http_the_first_index_that_is_there_is_taken(site: Path) -> None:
    """`index` is a list; a folder of such a name is no index."""
    (site / "deep").mkdir()
    (site / "deep" / "a.html").mkdir()
    (site / "deep" / "c.html").write_bytes(b"index c")
    (site / "deep" / "d.html").write_bytes(b"index d")
    given = options(site, index=("a.html", "b.html", "c.html", "d.html"))
    with hosted("memory", FilesHandler, options=given) as host:
        client = host.connect()
        client.send(b"GET /deep/ HTTP/1.0\r\n\r\n")
        assert client.rest().endswith(b"\r\n\r\nindex c")
    assert options(site, index="x.html").index == ("x.html",)


def test_http_a_host_without_descriptors_says_that_it_will_be_better(
    site: Path, monkeypatch: pytest.MonkeyPatch, no_drift: list[str]
) -> None:
    """503, and the error is reported: it is the host's, neither the client's nor the file's."""

    def no_more(self: Opening, *arguments: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Opening, "open", no_more)
    with hosted("memory", FilesHandler, options=options(site)) as host:
        host.server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # or it prints
        client = host.connect()
        client.send(HEAD + b"\r\n")
        answer = client.rest()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nConnection: close\r\n" in answer
    no_drift.clear()


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "O_PATH"), reason="needs O_PATH")
def test_http_a_folder_may_be_passed_through_without_being_read(site: Path) -> None:
    """As the system has it: the right to search a folder is enough to open what is in it."""
    folder = site / "through"
    folder.mkdir()
    (folder / "x.txt").write_bytes(b"passed")
    folder.chmod(0o311)
    opening = Opening(str(site))
    try:
        assert opening.open(["through", "x.txt"], False, ()).size == 6
    finally:
        opening.close()
        folder.chmod(0o755)


def test_http_while_links_are_switched_nothing_from_outside_is_sent(site: Path) -> None:
    """A folder and a symlink out of the root take turns under one name, while it is asked for."""
    inside, outside, name = site / "inside", site.parent / "elsewhere", site / "name"
    inside.mkdir()
    outside.mkdir()
    (inside / "x.txt").write_bytes(b"inside")
    (outside / "x.txt").write_bytes(b"OUTSIDE")
    stop = threading.Event()

    def switch() -> None:
        while not stop.is_set():
            for target in ("inside", str(outside), "../elsewhere"):
                (site / "next").symlink_to(target)
                os.replace(site / "next", name)
            name.unlink()
            os.rename(inside, name)
            os.rename(name, inside)

    thread = threading.Thread(target=switch)
    thread.start()
    found = set()
    try:
        for _ in range(300):
            for names in (["name", "x.txt"], ["inside", "x.txt"]):
                opening = Opening(str(site))
                try:
                    opening.open(names, False, ())
                    found.add(opening.read(0, 100))
                except Exception as error:
                    found.add(type(error).__name__.encode())
                finally:
                    opening.close()
    finally:
        stop.set()
        thread.join()
    assert found <= {b"inside", b"Missing"}


# -- applications --------------------------------------------------------------------------------------------------


def test_http_wsgi_what_is_written_is_on_its_way_before_the_application_goes_on() -> None:
    """Where the application may block, `write()` sends at once: the client reads it while the application waits."""
    read = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"first")
        assert read.wait(20), "the client got nothing"
        return [b", second"]

    with hosted("threading", WSGIHandler, options=WSGIHandler.Options(app=app)) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while not data.endswith(b"first"):
            data += client.take(1)
        read.set()
        assert client.rest() == b", second"


@every_engine
def test_http_wsgi_much_can_be_written(engine: str) -> None:
    """Megabytes in small pieces, then what the iterable gives, in this order and on every engine."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", TEXT)
        for number in range(30_000):
            write(b"%08d" % number * 10)
        return iter([b"the", b" end"])

    answer = ask(app, b"GET / HTTP/1.0\r\n\r\n", engine=engine)
    body = answer.partition(b"\r\n\r\n")[2]
    assert body == b"".join(b"%08d" % number * 10 for number in range(30_000)) + b"the end"


def test_http_wsgi_what_was_written_cannot_be_taken_back() -> None:
    """After `write()` an error is too late for another head, on an engine that keeps what was written, too."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"some")
        try:
            raise ValueError("late")
        except ValueError as error:
            with pytest.raises(ValueError, match="late"):
                start_response("500 Oops", TEXT, (type(error), error, error.__traceback__))
        return [b" more"]

    assert ask(app, b"GET / HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\nsome more")


@pytest.mark.parametrize("pieces", [[], [b"", b""], [b"one"], [b"one", b"", b"two"], (b"one", b"two")])
def test_http_wsgi_the_length_of_a_list_is_told(pieces: Any) -> None:
    """All of it is known before the first byte, so the client is told, and the connection goes on."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return pieces

    answer = ask(app, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"\r\nContent-Length: %d\r\n" % len(b"".join(pieces)) in answer
    assert b"Transfer-Encoding" not in answer
    assert answer.endswith(b"\r\n\r\n" + b"".join(pieces))


def test_http_wsgi_a_name_that_could_be_taken_for_another_is_left_out() -> None:
    """`X_Real_IP` and `X.Real.IP` are not `X-Real-IP`, which a proxy in front has checked; nor is `Proxy` a setting."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("204 No Content", [])
        return []

    fields = b"X-Real-IP: good\r\nX_Real_IP: bad\r\nX.Real.IP: bad\r\nX!: bad\r\nProxy: http://bad\r\n"
    assert ask(app, b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n").startswith(b"HTTP/1.1 204 ")
    assert seen["HTTP_X_REAL_IP"] == "good"
    assert [key for key in seen if key.startswith("HTTP_")] == ["HTTP_HOST", "HTTP_X_REAL_IP"]
    assert "REMOTE_USER" not in seen


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), "5", True])
def test_http_a_wrong_request_timeout_is_refused(site: Path, seconds: Any) -> None:
    """The message names the option and says what would be right."""
    with pytest.raises(ConfigurationError, match=r"'request-timeout' is .*: give a number of seconds above 0"):
        options(site, request_timeout=seconds)
