"""Real clients: openssl's and curl."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import CoroutineHandler, StreamRequestHandler
from plugserve.testing import STREAM_ENGINES
from plugserve_tls import TLS

PATIENCE = 20
ENGINES = [name for name in STREAM_ENGINES if name != "memory"]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"needs {name}") if os.environ.get("CI") == "true" else pytest.skip(f"needs the package {name}")
    return str(found)


class Shout(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())
            if line == b"bye\n":
                return


class OneAnswer(CoroutineHandler):
    """Enough of HTTP for one answer."""

    async def handle(self) -> None:
        await self.connection.read_until(b"\r\n\r\n", 65536)
        body = f"{self.context.tls.version} {self.context.identity}".encode()
        self.connection.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@contextmanager
def served(engine: str, handler: Any, **options: Any) -> Iterator[int]:
    """A server that encrypts; gives its port."""
    with STREAM_ENGINES[engine](("127.0.0.1", 0), handler, plugins=[TLS(**options)]) as server:
        server._core_warned_of_threads = True
        loop = threading.Thread(target=server.serve_forever)
        loop.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_talks_to_it(engine: str, version: str, server_pair: Any, authority: Any) -> None:
    """And verifies whom it talks to."""
    with served(engine, Shout, certificate=server_pair.certificate, key=server_pair.key) as port:
        done = subprocess.run(
            [_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", version]
            + ["-CAfile", str(authority.file), "-verify_return_error", "-quiet"],
            input=b"hello\nbye\n",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.stdout == b"HELLO\nBYE\n"
    assert b"verify return:1" in done.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_openssl_is_refused_with_an_old_version(version: str, server_pair: Any) -> None:
    """By an alert of TLS."""
    with served("threading", Shout, certificate=server_pair.certificate, key=server_pair.key) as port:
        done = subprocess.run(
            [_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", version]
            + ["-cipher", "DEFAULT:@SECLEVEL=0"],
            input=b"",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert b"alert protocol version" in done.stderr


def test_openssl_cannot_renegotiate(server_pair: Any) -> None:
    """A client that asks for it is told no, or cut off: it would be an invitation to make the server work."""
    with served("threading", Shout, certificate=server_pair.certificate, key=server_pair.key) as port:
        done = subprocess.run(
            [_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"],
            input=b"R\n",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert b"no renegotiation" in done.stderr or b"handshake failure" in done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_curl_comes_with_a_certificate(engine: str, server_pair: Any, authority: Any) -> None:
    """And without one it is refused."""
    ada = authority.issue("ada.test")
    options = {"client_certificates": "required", "client_ca": authority.file}
    with served(engine, OneAnswer, certificate=server_pair.certificate, key=server_pair.key, **options) as port:
        command = [_program("curl"), "--silent", "--show-error", "--max-time", str(PATIENCE)]
        command += ["--cacert", str(authority.file), f"https://localhost:{port}/", "--ipv4"]
        done = subprocess.run(
            [*command, "--cert", str(ada.certificate), "--key", str(ada.key)],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        assert done.stdout == b"TLSv1.3 ada.test"
        refused = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        assert refused.returncode != 0
        assert refused.stdout == b""
