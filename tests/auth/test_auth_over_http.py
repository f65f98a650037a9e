"""The plugin `auth` and the handlers of plugserve-http together, with curl."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError, hookimpl
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_auth import Auth, Rule, ThrottleLimits, TokenFile
from plugserve_auth.stores.tokens import token_line
from plugserve_http import FilesHandler

pytestmark = pytest.mark.filterwarnings("ignore:forking while other threads run:RuntimeWarning")

ENGINES = [name for name in STREAM_ENGINES if name not in ("memory", "forking")]


class Watch:
    """Remembers who was served."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    @hookimpl
    def connection_closed(self, context: Any) -> None:
        self.seen.append((context.data.get("http", ""), str(context.identity)))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with one file."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "hallo.txt").write_text("hallo")
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_curl(engine: str, users: Path, tmp_path: Path, site: Path, curl: str) -> None:
    """curl gets the file with the right password or token, and 401, 403 or 429 otherwise; the log learns who."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{token_line('backup', 'token-of-backup')}\n{token_line('eve', 'token-of-eve')}\n")
    tokens.chmod(0o600)
    auth = Auth(
        passwords=users,
        stores=[TokenFile(file=tokens)],
        plaintext=True,
        rules=[Rule(allow=["@staff", "backup"])],
        throttle=ThrottleLimits(free=1, ban_after=2),
    )
    watch = Watch()
    with hosted(engine, FilesHandler, options=FilesHandler.Options(root=site), plugins=[auth, watch]) as host:
        host_, port = host.server.server_address[:2]  # type: ignore[index]

        def get(*words: str) -> str:
            command = [curl, "--silent", "--max-time", "20", "--write-out", " %{http_code}", *words]
            result = subprocess.run(
                [*command, f"http://{host_}:{port}/hallo.txt"], capture_output=True, text=True, timeout=30, check=True
            )
            return result.stdout.replace("\n", " ")

        assert get("--user", "alice:correct:horse") == "hallo 200"
        assert get("--oauth2-bearer", "token-of-backup") == "hallo 200"
        assert get("--oauth2-bearer", "token-of-eve").endswith(" 403")
        assert get().endswith(" 401")
        assert get("--user", "alice:wrong").endswith(" 401")
        assert get("--oauth2-bearer", "wrong").endswith(" 401")
        assert get("--user", "alice:correct:horse").endswith(" 429")
    assert ("GET /hallo.txt 200", "alice") in watch.seen
    assert ("GET /hallo.txt 200", "backup") in watch.seen
    assert ("GET /hallo.txt 401", "None") in watch.seen


def test_in_clear(users: Path, site: Path) -> None:
    """In clear nobody is asked for a password, unless that is allowed."""
    with hosted(
        "memory", FilesHandler, options=FilesHandler.Options(root=site), plugins=[Auth(passwords=users)]
    ) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        client.end()
        answer = client.rest()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"WWW-Authenticate" not in answer


def test_switched_off(users: Path, site: Path) -> None:
    """Where the handler is told not to ask, the preamble does; nobody is let in unasked."""
    options = FilesHandler.Options(root=site, authenticate=False)
    with hosted("memory", FilesHandler, options=options, plugins=[Auth(passwords=users)]) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.rest().endswith(b"NO begin with AUTH\r\n")
    with (
        pytest.raises(ConfigurationError, match="does not ask its clients"),
        hosted("memory", FilesHandler, options=options, plugins=[Auth(passwords=users, mode="handler")]),
    ):
        pass


@pytest.mark.skipif("forking" not in STREAM_ENGINES, reason="needs fork")
def test_forking(users: Path, site: Path) -> None:
    """In children failed attempts could not be counted: refused."""
    options = FilesHandler.Options(root=site)
    with (
        pytest.raises(ConfigurationError, match="could not be counted"),
        hosted("forking", FilesHandler, options=options, plugins=[Auth(passwords=users)]),
    ):
        pass
