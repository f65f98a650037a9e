"""Secrets of the plugin `tls` are nowhere but where they are used: a canary sings in no message."""

from __future__ import annotations

import logging
import os
import shutil
import ssl
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from serving import Certificates

from plugserve import Context, CoroutineHandler, hookimpl
from plugserve.errors import PlugserveError
from plugserve.secret import Secret
from plugserve.testing import hosted
from plugserve_tls import TLS

CANARY = "tweet-5f3a9c"
KEY_CANARY = "c0ffee" * 8
WRONG = "another-canary-77"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate whose key is encrypted with the canary."""
    if shutil.which("openssl") is None:
        words = "needs the package openssl"
        pytest.fail(words) if os.environ.get("CI") == "true" else pytest.skip(words)
    made = Certificates(tmp_path_factory.mktemp("secrets"))
    plain = made.key.with_suffix(".plain")
    made.key.rename(plain)
    command = ["openssl", "pkey", "-in", str(plain), "-aes256", "-passout", f"pass:{CANARY}", "-out", str(made.key)]
    subprocess.run(command, check=True, capture_output=True)
    made.key.chmod(0o600)
    return made


def said(error: BaseException) -> str:
    """All that a tool can make of an exception: with its causes, and the local variables of each frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def options(certificates: Certificates, fault: str) -> dict[str, Any]:
    """Parameters of `TLS` with one fault."""
    given: dict[str, Any] = {
        "certificate": certificates.certificate,
        "key": certificates.key,
        "password": Secret(CANARY),
    }
    if fault == "wrong password":
        given["password"] = Secret(WRONG)
    elif fault == "no such key":
        given["key"] = certificates.key.with_suffix(".none")
    elif fault == "certificate of another key":
        given["certificate"] = certificates.trusted
    elif fault == "ciphers that are none":
        given["ciphers"] = "NONE-OF-THEM"
    return given


class Handler(CoroutineHandler):
    async def handle(self) -> None:
        self.connection.write(await self.connection.read())


@pytest.mark.parametrize(
    "fault", ["wrong password", "no such key", "certificate of another key", "ciphers that are none"]
)
def test_an_error_at_the_start_has_no_secret_with_its_local_variables_either(
    fault: str, certificates: Certificates
) -> None:
    """Neither the text of it nor what a reporter of errors would send somewhere."""
    tls = TLS(**options(certificates, fault))
    with pytest.raises(PlugserveError) as caught, hosted("sync", Handler, plugins=[tls]):
        pytest.fail("it must not start")
    text = said(caught.value) + repr(tls)
    assert CANARY not in text
    assert WRONG not in text


@pytest.mark.skipif(not getattr(ssl, "HAS_PSK", False), reason="waits for Python 3.13, which has pre-shared keys")
@pytest.mark.parametrize("line", ["sensor-1 {key}", "sensor-1:{key}x", "sensor-1:{key}\xff", ":{key}"])
def test_a_file_of_keys_with_a_fault_is_not_quoted(line: str, tmp_path: Path) -> None:
    """The line's number tells enough."""
    file = tmp_path / "keys"
    file.write_bytes(f"other:{KEY_CANARY}\n{line.format(key=KEY_CANARY)}\n".encode("latin-1"))
    file.chmod(0o600)
    tls = TLS(psk_file=file)
    with pytest.raises(PlugserveError, match=":2: a line is") as caught, hosted("sync", Handler, plugins=[tls]):
        pytest.fail("it must not start")
    text = said(caught.value)
    assert KEY_CANARY not in text.lower()
    assert repr(bytes.fromhex(KEY_CANARY)) not in text


class Looks:
    """Writes down what each hook could write down."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def authorize(self, context: Context) -> None:
        self._look(context)

    @hookimpl
    def request_rejected(self, context: Context, reason: str) -> None:
        self._look(context, reason)

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self._look(context, reason)

    def _look(self, context: Context, *more: object) -> None:
        facts = {name: getattr(context, name, None) for name in dir(context) if not name.startswith("__")}
        self.seen.append(repr((facts, context.server, context.tls and vars(type(context.tls)), more)))


def test_while_it_serves_no_fact_and_no_log_has_a_secret(
    certificates: Certificates, caplog: pytest.LogCaptureFixture, no_drift: list[str]
) -> None:
    """A handshake that succeeds, one that fails, and one that is cut off."""
    caplog.set_level(logging.DEBUG)
    tls, looks = TLS(**options(certificates, "")), Looks()
    trusting = ssl.create_default_context(cafile=str(certificates.trusted))
    with hosted("multiplexing", Handler, plugins=[tls, looks]) as host:
        for context in (trusting, ssl.create_default_context()):
            try:
                client = context.wrap_socket(host.connect().socket, server_hostname="localhost")
                client.sendall(b"word")
                assert client.recv(10) == b"word"
                client.close()
            except ssl.SSLCertVerificationError:
                pass
        rude = host.connect()
        rude.send(b"GET / HTTP/1.0\r\n\r\n")
        rude.rest()
        looks.seen.append(repr((tls, vars(tls), host.server)))
    assert len(looks.seen) >= 4
    assert CANARY not in "".join(looks.seen) + caplog.text + "".join(no_drift)


@pytest.fixture
def site(certificates: Certificates, tmp_path: Path) -> Path:
    """A file that names the password's file."""
    (tmp_path / "password").write_text(CANARY)
    (tmp_path / "password").chmod(0o600)
    file = tmp_path / "site.toml"
    file.write_text(
        f"""
[[listen]]
bind = "tcp://127.0.0.1:0"
handler = "echo"

  [[listen.plugin]]
  use = "tls"
  certificate = "{certificates.certificate}"
  key = "{certificates.key}"
  password = {{ file = "password" }}
"""
    )
    return file


@pytest.mark.parametrize("command", ["check", "explain"])
@pytest.mark.parametrize("right", [True, False])
def test_no_command_prints_it(command: str, right: bool, site: Path) -> None:
    """Whether it is the right one or not."""
    if not right:
        (site.parent / "password").write_text(WRONG)
    peer = ["192.0.2.1"] if command == "explain" else []
    done = subprocess.run(
        [sys.executable, "-m", "plugserve", command, "-c", str(site), *peer],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    printed = done.stdout + done.stderr
    assert printed.strip()
    assert CANARY not in printed
    assert WRONG not in printed
