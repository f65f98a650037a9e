"""Basic and Bearer, with an authenticator that stands for a plugin's."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError, Identity, hookimpl
from plugserve.errors import PeerError
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_http import FilesHandler, WSGIHandler


class Failed(PeerError):
    """As an authenticator raises it."""

    def __init__(self, retry_after: float | None = None, proved: bool = False, busy: bool = False) -> None:
        super().__init__("authentication failed")
        self.busy = busy
        self.retry_after = retry_after
        self.proved = proved


class Guard:
    """A plugin with an authenticator: alice's password is open:sesame, her token is token."""

    plugin_name = "guard"
    checks_passwords = checks_tokens = True
    checks_peers = settled = False
    private = True

    def __init__(self, **facts: Any) -> None:
        self.asked = 0
        self.seen: list[tuple[str, Any]] = []
        self.authenticator = self
        vars(self).update(facts)

    def takes_secrets(self, context: Any) -> bool:
        return self.private

    def check_password(self, name: str, password: str, context: Any, *, method: str) -> Identity:
        self.asked += 1
        if name in ("hasty", "busy"):
            raise Failed(retry_after=1.5, busy=name == "busy")
        if password == "open:sesame":
            if name == "eve":
                raise Failed(proved=True)
            return Identity(name, method)
        raise Failed

    def check_token(self, token: str, context: Any) -> Identity:
        self.asked += 1
        if token != "token":
            raise Failed
        return Identity("alice", "token")

    def check_peer(self, context: Any) -> Identity:
        return Identity("peer", "tls")

    @hookimpl
    def connection_closed(self, context: Any) -> None:
        self.seen.append((context.data.get("http", ""), str(context.identity)))


def basic(name: str = "alice", password: str = "open:sesame") -> str:
    """The value of a header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def get(*credentials: str, more: str = "") -> bytes:
    """A request."""
    fields = "".join(f"Authorization: {value}\r\n" for value in credentials)
    return f"GET /hallo.txt HTTP/1.1\r\nHost: x\r\n{fields}{more}\r\n".encode()


def ask(site: Path, guard: Guard, data: bytes, *, engine: str = "memory", **options: Any) -> bytes:
    """What a server with the guard says to these bytes and the end."""
    chosen = FilesHandler.Options(root=site, keep_alive=10, **options)
    with hosted(engine, FilesHandler, options=chosen, plugins=[guard]) as host:
        client = host.connect()
        client.send(data)
        client.end()
        return client.rest()


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_http_credentials(engine: str, site: Path) -> None:
    """The right password or token opens the door on every engine; without, the client is asked."""
    guard = Guard()
    for credentials, status in (
        ([basic()], b"200 "),
        (["bearer  token"], b"200 "),
        ([], b"401 "),
        ([basic(password="x")], b"401 "),
        (["Bearer x"], b"401 "),
        (["Basic ???"], b"401 "),
        (["Basic " + base64.b64encode(b"no colon").decode()], b"401 "),
        (["Basic " + base64.b64encode(b"\xff:\xff").decode()], b"401 "),
        (["Digest x"], b"401 "),
        ([""], b"401 "),
        ([basic("eve")], b"403 "),
        ([basic("hasty")], b"429 "),
        ([basic("busy")], b"503 "),
        ([basic(), basic()], b"400 "),
    ):
        answer = ask(site, guard, get(*credentials), engine=engine)
        assert answer.startswith(b"HTTP/1.1 " + status), (credentials, answer)
        assert answer.endswith(b"0123456789abcdef") == (status == b"200 ")
        assert (b"WWW-Authenticate:" in answer) == (status == b"401 ")
        assert (b"Retry-After: 2\r\n" in answer) == (status in (b"429 ", b"503 "))


def test_http_challenges(site: Path) -> None:
    """The challenges name the realm, and only what can be checked."""
    answer = ask(site, Guard(), get(), authenticate='the "realm"')
    assert b'\r\nWWW-Authenticate: Bearer realm="the \\"realm\\""\r\n' in answer
    assert b'\r\nWWW-Authenticate: Basic realm="the \\"realm\\"", charset="UTF-8"\r\n' in answer
    answer = ask(site, Guard(checks_tokens=False), get())
    assert b'\r\nWWW-Authenticate: Basic realm="plugserve", charset="UTF-8"\r\n' in answer
    assert b"Bearer" not in answer


def test_http_bad_token(site: Path) -> None:
    """A client whose token is not good learns that, and not that from one that was only asked (RFC 6750, section 3)."""
    told = b'Bearer realm="plugserve", error="invalid_token"\r\n'
    assert told in ask(site, Guard(), get("bearer x"))
    for credentials in ([], [basic(password="x")], ["Basic ???"], ["Bearerx"]):
        answer = ask(site, Guard(), get(*credentials))
        assert b'Bearer realm="plugserve"\r\n' in answer


def test_http_goes_on_after_a_refusal(site: Path) -> None:
    """Behind a 401 the same connection serves the right credentials, and nothing of the one before helps the next."""
    guard = Guard()
    answers = ask(site, guard, get() + get(basic(password="x")) + get(basic()) + get("Bearer x") + get())
    found = [answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]]
    assert found == [b"401", b"401", b"200", b"401", b"401"]
    assert guard.seen[-1][1] == "None"


@pytest.mark.parametrize(
    "name, password, known",
    [
        ("alice", "open:sesame", True),
        ("j\u00f6rg", "open:sesame", True),
        ("alice", "open:sesame\0", False),
        ("alice\0", "open:sesame", False),
        ("", "open:sesame", False),
        ("alice", "", False),
        ("alice", "x" * 20000, False),
    ],
)
def test_http_strange_credentials(name: str, password: str, known: bool, site: Path) -> None:
    """Colons in a password, UTF-8, empty parts, NUL and length reach the authenticator as they are, in one piece."""
    asked = []

    class Exact(Guard):
        def check_password(self, name: str, password: str, context: Any, *, method: str) -> Identity:
            asked.append((name, password))
            if known:
                return Identity(name, method)
            raise Failed

    answer = ask(site, Exact(), get(basic(name, password)))
    assert answer.startswith(b"HTTP/1.1 200 " if known else b"HTTP/1.1 401 ")
    assert asked == [(name, password)]


def test_http_in_clear(site: Path) -> None:
    """Where everybody can read along nobody is asked for a password, and none is taken."""
    guard = Guard(private=False)
    for credentials in ([], [basic()]):
        answer = ask(site, guard, get(*credentials))
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"WWW-Authenticate" not in answer
    assert guard.asked == 0


def test_http_asked_once(site: Path) -> None:
    """The same credentials on a connection are checked once; others, and none, are looked at."""
    guard = Guard()
    answers = ask(site, guard, get(basic()) * 3 + get(basic(password="x")) + get() + get(basic()))
    assert answers.count(b"HTTP/1.1 200 ") == 4
    assert answers.count(b"HTTP/1.1 401 ") == 2
    assert guard.asked == 2


def test_http_identity(site: Path) -> None:
    """The log learns who it was, of the last request of a connection; it never learns more."""
    guard = Guard()
    ask(site, guard, get(basic()))
    ask(site, guard, get(basic()) + get())
    assert guard.seen == [("GET /hallo.txt 200", "alice"), ("GET /hallo.txt 401", "None")]


def test_http_peer(site: Path) -> None:
    """A client known by its connection is asked for nothing more."""
    guard = Guard(checks_peers=True)
    assert ask(site, guard, get()).startswith(b"HTTP/1.1 200 ")
    assert guard.seen[0][1] == "peer"


@pytest.mark.parametrize("private", [True, False])
def test_http_unknown_peer(private: bool, site: Path) -> None:
    """Where only the connection could have told who the client is, none is asked for credentials that nobody checks."""

    class Closed(Guard):
        def check_peer(self, context: Any) -> Identity:
            raise Failed

    guard = Closed(checks_passwords=False, checks_tokens=False, checks_peers=True, private=private)
    for credentials in ([], [basic()], ["Bearer token"]):
        answer = ask(site, guard, get(*credentials))
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"WWW-Authenticate" not in answer
    assert guard.asked == 0


def test_http_nobody_is_asked(site: Path) -> None:
    """Where the option is off, or clients have proved who they are before, no credentials are looked at."""
    assert ask(site, Guard(), get(), authenticate=False).startswith(b"HTTP/1.1 200 ")
    assert ask(site, Guard(settled=True), get()).startswith(b"HTTP/1.1 200 ")
    options = FilesHandler.Options(root=site)
    assert FilesHandler.authenticates(options)
    assert not FilesHandler.authenticates(FilesHandler.Options(root=site, authenticate=False))


def test_http_realm_without_a_plugin(site: Path) -> None:
    """A realm asks for a plugin that can tell: without one nothing is served."""
    with hosted("memory", FilesHandler, options=FilesHandler.Options(root=site, authenticate="realm")) as host:
        client = host.connect()
        client.send(get())
        client.end()
        assert client.rest().startswith(b"HTTP/1.1 500 ")
    for realm in ("", "r\u00e9alm", "two\r\nlines"):
        with pytest.raises(ConfigurationError, match="authenticate"):
            FilesHandler.Options(root=site, authenticate=realm)


def test_http_body_is_not_read_first() -> None:
    """Who is not let in sends no body, and the application is told who was, without the password."""
    calls = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        calls.append((environ.get("REMOTE_USER"), "HTTP_AUTHORIZATION" in environ))
        start_response("200 OK", [])
        return [b"ok"]

    head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n"
    with hosted("memory", WSGIHandler, options=WSGIHandler.Options(app=app), plugins=[Guard()]) as host:
        client = host.connect()
        client.send(f"{head}\r\n".encode())
        answer = client.rest()
        assert answer.startswith(b"HTTP/1.1 401 ")
        client = host.connect()
        client.send(f"{head}Authorization: {basic()}\r\nConnection: close\r\n\r\nbody".encode())
        answer = client.rest()
        assert b"HTTP/1.1 200 " in answer
    assert calls == [("alice", False)]
