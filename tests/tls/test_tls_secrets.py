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


@pytest.mark.parametrize("option", ["certificate", "key", "client_ca", "revoked", "psk_file", "names"])
def test_a_key_in_the_place_of_its_path_is_not_quoted(option: str, certificates: Certificates) -> None:
    """Not as the name of a file that does not exist either."""
    pem = certificates.key.with_suffix(".plain").read_text()
    given = options(certificates, "")
    given[option] = f"sensor-1:{KEY_CANARY}" if option == "psk_file" else pem
    if option == "names":
        given["names"] = {"a.test": {"certificate": certificates.certificate, "key": pem}}
    with pytest.raises(PlugserveError, match="is the path of a file, and what stands here looks like") as caught:
        TLS(**given)
    assert pem.splitlines()[1] not in str(caught.value)
    assert KEY_CANARY not in str(caught.value)


@pytest.mark.parametrize("named", [True, False])
def test_a_password_that_is_plain_text_is_refused_and_not_quoted(named: bool, certificates: Certificates) -> None:
    """In code; a file that has it is refused by the core."""
    given = options(certificates, "")
    pair = {"certificate": certificates.certificate, "key": certificates.key, "password": CANARY}
    given.update({"names": {"a.test": pair}} if named else pair)
    with pytest.raises(PlugserveError, match=r"is no plugserve\.Secret") as caught:
        TLS(**given)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("length", [1, 2000])
def test_a_password_that_openssl_cannot_take_is_not_quoted(length: int, certificates: Certificates) -> None:
    """CPython takes 1,024 bytes."""
    tls = TLS(**{**options(certificates, ""), "password": Secret(WRONG * length)})
    with pytest.raises(PlugserveError) as caught, hosted("sync", Handler, plugins=[tls]):
        pytest.fail("it must not start")
    assert WRONG not in said(caught.value)


def test_files_that_break_while_it_serves_are_reported_without_a_secret(
    certificates: Certificates, tmp_path: Path, no_drift: list[str]
) -> None:
    """A key with a password of its own now, or with something before it."""
    key = tmp_path / "server.key"
    good = certificates.key.read_bytes()
    key.write_bytes(good)
    key.chmod(0o600)
    trusting = ssl.create_default_context(cafile=str(certificates.trusted))
    tls = TLS(**{**options(certificates, ""), "key": key}, reload_interval=0.0)
    with hosted("multiplexing", Handler, plugins=[tls]) as host:
        for broken in (good[:200], b"x" + good, good.replace(b"A", b"B"), CANARY.encode()):
            key.write_bytes(broken)
            with trusting.wrap_socket(host.connect().socket, server_hostname="localhost") as client:
                client.sendall(b"word")
                assert client.recv(10) == b"word"
    text = "".join(no_drift)
    assert no_drift
    assert CANARY not in text
    assert not [line for line in good.decode().splitlines()[1:-1] if line in text]
    no_drift.clear()


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

    [listen.plugin.names."a.test"]
    certificate = "{certificates.certificate}"
    key = "{certificates.key}"
    password = {{ env = "PLUGSERVE_TEST" }}
"""
    )
    return file


@pytest.mark.parametrize("place", ["password", "key"])
def test_no_command_quotes_a_secret_that_stands_in_the_configuration(place: str, site: Path) -> None:
    """It says what to write in its place."""
    text = site.read_text()
    old = '{ env = "PLUGSERVE_TEST" }' if place == "password" else 'certificate = "'
    new = f'"{CANARY}"' if place == "password" else f'certificate = "-----BEGIN PRIVATE KEY-----{CANARY}'
    site.write_text(text.replace(old, new, 1))
    done = subprocess.run(
        [sys.executable, "-m", "plugserve", "check", "-c", str(site)],
        env={**os.environ, "PLUGSERVE_TEST": CANARY},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "does not stand here itself" in printed or "looks like the file's content" in printed
    assert CANARY not in printed


@pytest.mark.parametrize("command", ["check", "explain"])
@pytest.mark.parametrize("right", [True, False])
def test_no_command_prints_it(command: str, right: bool, site: Path) -> None:
    """Whether it is the right one or not."""
    if not right:
        (site.parent / "password").write_text(WRONG)
    peer = ["192.0.2.1"] if command == "explain" else []
    done = subprocess.run(
        [sys.executable, "-m", "plugserve", command, "-c", str(site), *peer],
        env={**os.environ, "PLUGSERVE_TEST": CANARY if right else WRONG},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    printed = done.stdout + done.stderr
    assert printed.strip()
    assert CANARY not in printed
    assert WRONG not in printed
