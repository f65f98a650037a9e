"""A secret that goes every way there is appears in no log, traceback, representation or explanation."""

from __future__ import annotations

import base64
import io
import logging
import time
import traceback
from pathlib import Path
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from plugserve import CoroutineHandler, Identity
from plugserve.cli import main as plugserve
from plugserve.testing import hosted
from plugserve_auth import Auth, PasswordFile, Rule, SignedTokens, ThrottleLimits, TokenFile
from plugserve_auth.cli import main as command
from plugserve_auth.client import make_exchange
from plugserve_auth.stores.passwords import decoy_line, entry_line
from plugserve_auth.stores.tokens import token_line
from plugserve_http import FilesHandler
from plugserve_log import Log

CANARY = "Canary-7f3a9c-Piep"
LENIENT = ThrottleLimits(free=10**6, ban_after=10**6)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Careless:
    """A store of a third party that quotes what it was asked in what it raises."""

    def check_password(self, name: str, password: str) -> Identity | None:
        raise RuntimeError(f"no {password} for {name}")

    def check_token(self, token: str) -> Identity | None:
        raise RuntimeError(token)


class Failing(CoroutineHandler):
    """Asks for a password and fails with what comes of it, so that its traceback is reported."""

    authenticates = True

    async def handle(self) -> None:
        name, password = (await self.connection.read_until(b"\n", 200)).decode().split()
        ask = self.context.authenticator.check_password
        await self.connection.offload(ask, name, password, self.context)
        raise RuntimeError(f"served {self.context!r} {self.context.authenticator!r}")


@pytest.fixture
def everything_said(capfd: pytest.CaptureFixture[str], no_drift: list[str]) -> Any:
    """All records of all loggers at the lowest level, with tracebacks, and what was printed."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lambda: stream.getvalue() + "".join(capfd.readouterr())
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        no_drift.clear()


def forms(*secrets: str) -> set[str]:
    """A secret as it is, and as it goes over the wire."""
    found = set()
    for secret in secrets:
        found |= {secret, base64.b64encode(secret.encode()).decode().rstrip("=")}
    # Base64 of what stands behind other bytes: the part in the middle is the same for one of three offsets.
    for offset in range(3):
        found.add(base64.b64encode(b"\0" * offset + CANARY.encode()).decode()[4:-4])
    return found


def plain(name: str, password: str) -> bytes:
    """PLAIN, with its line of the preamble."""
    return b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()) + b"\r\n"


def test_canary(tmp_path: Path, everything_said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right and wrong, by password, token, signed token and SASL, through files that are broken, too: never shown."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    users, tokens, keys = tmp_path / "users", tmp_path / "tokens", tmp_path / "key.pem"
    users.write_text(f"{decoy_line()}\n{entry_line('alice', CANARY, hasher=cheap, iterations=4096)}\n")
    tokens.write_text(token_line("alice", CANARY) + "\n")
    for path in (users, tokens):
        path.chmod(0o600)
    keys.write_bytes(SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    claims = {"sub": "alice", "iss": "us", "aud": "we", "exp": int(time.time()) + 600}
    signed = jwt.encode(claims, SIGNER, algorithm="EdDSA")
    expired = jwt.encode({**claims, "exp": 1}, SIGNER, algorithm="EdDSA")
    shown = []

    def stores() -> list[Any]:
        signer = SignedTokens(keys=keys, algorithms=["EdDSA"], issuer="us", audience="we")
        return [PasswordFile(file=users), TokenFile(file=tokens), signer]

    def auth(*more: Any, **options: Any) -> Auth:
        made = Auth(stores=[*stores(), *more], plaintext=True, throttle=LENIENT, **options)
        shown.extend([repr(made), repr(made.authenticator), *map(repr, made.authenticator.stores)])
        return made

    # The preamble.
    plugin = auth(rules=[Rule(allow="alice")])
    with hosted("threading", Failing, plugins=[plugin_preamble(plugin), Log()]) as host:
        for sent in (
            plain("alice", CANARY),
            plain("alice", f"{CANARY}x"),
            plain(CANARY, "x"),
            plain("nobody", CANARY),
            b"AUTH LOGIN\r\nYWxpY2U=\r\n" + base64.b64encode(CANARY.encode()) + b"\r\n",
            b"AUTH PLAIN " + CANARY.encode() + b"\r\n",
            b"AUTH " + CANARY.encode() + b" =\r\n",
            CANARY.encode() + b"\r\n",
            CANARY.encode() * 600,
        ):
            client = host.connect()
            client.send(sent)
            client.end()
            assert CANARY.encode() not in client.rest()
        for password in (CANARY, f"{CANARY}x"):
            scram(host.connect(), password)
    # A handler that asks, and fails.
    with hosted("threading", Failing, plugins=[auth(), Log()]) as host:
        for name, password in (("alice", CANARY), ("alice", f"{CANARY}x"), (CANARY, CANARY)):
            client = host.connect()
            client.send(f"{name} {password}\n".encode())
            client.end()
            client.rest()
    # HTTP.
    options = FilesHandler.Options(root=tmp_path)
    with hosted("threading", FilesHandler, options=options, plugins=[auth(), Log()]) as host:
        for value in (
            "Basic " + base64.b64encode(f"alice:{CANARY}".encode()).decode(),
            "Basic " + base64.b64encode(f"alice:{CANARY}x".encode()).decode(),
            f"Basic {CANARY}",
            f"Bearer {CANARY}",
            f"Bearer {CANARY}x",
            f"Bearer {signed}",
            f"Bearer {expired}",
            f"{CANARY} x",
        ):
            client = host.connect()
            client.send(f"GET /none HTTP/1.0\r\nAuthorization: {value}\r\n\r\n".encode())
            client.end()
            assert CANARY.encode() not in client.rest()
    # Errors as they are raised, with everything that hangs on them.
    context: Any = FakeContext()
    authenticator, careless = auth().authenticator, auth(Careless()).authenticator
    for call in (
        lambda: careless.check_password("nobody", CANARY, context),
        lambda: careless.check_token(f"{CANARY}x", context),
        lambda: authenticator.check_password("nobody", CANARY, context),
        lambda: authenticator.check_token(f"{CANARY}x", context),
        lambda: authenticator.check_token(expired, context),
        lambda: authenticator.sasl(context).begin("PLAIN").step(f"\0alice\0{CANARY}x".encode()),
        lambda: authenticator.sasl(context).begin(CANARY),
        lambda: authenticator.sasl(context).begin("SCRAM-SHA-256").step(CANARY.encode()),
    ):
        try:
            call()
        except Exception as error:
            shown += [repr(error), "".join(traceback.format_exception(error))]
        else:
            raise AssertionError("it should have failed")
    exchange = authenticator.sasl(context).begin("PLAIN")
    shown += [repr(exchange), repr(exchange.step(f"\0alice\0{CANARY}".encode())), repr(vars(exchange))]
    shown.append(repr(make_exchange("SCRAM-SHA-256", name="alice", password=CANARY)))
    # What the commands say, of files in good order and of broken ones.
    monkeypatch.chdir(tmp_path)
    for words, given in (
        (["check", "users", "alice"], CANARY),
        (["check", "users", "alice"], f"{CANARY}x"),
        (["change", "users", "alice"], CANARY),
        (["add", "users", "carol"], f"{CANARY}\u0007"),
        (["list", "users"], ""),
        (["token", "list", "tokens"], ""),
    ):
        shown.append(CliRunner().invoke(command, words, input=f"{given}\n").output)
    explained = ["explain", "echo", "--with", "auth:passwords=users,tokens=tokens,plaintext=yes"]
    explained += ["--client", "127.0.0.1"]
    for text in ("", f"eve password={CANARY}\n", f"{CANARY}\n", f"eve argon2={CANARY}\n", f"eve sha256={CANARY}\n"):
        for path in (users, tokens):
            path.write_text(path.read_text() + text)
        shown.append(CliRunner().invoke(plugserve, explained).output)
        shown.append(CliRunner().invoke(command, ["check", "users", "alice"], input=f"{CANARY}\n").output)
        for store in (PasswordFile(file=users), TokenFile(file=tokens)):
            try:
                store.activate()
            except Exception as error:
                shown += [repr(error), "".join(traceback.format_exception(error))]
    said = everything_said()
    assert "Careless failed with RuntimeError" in said
    assert '"event":"request"' in said.replace(" ", "") or "request" in said
    everything = "\n".join([*shown, said])
    for form in forms(CANARY, signed, expired):
        assert form not in everything, f"{form} in {everything[max(0, everything.index(form) - 500) :][:1000]}"


def plugin_preamble(plugin: Auth) -> Auth:
    """The same with the preamble, although the handler says that it asks."""
    plugin._asked = "preamble"
    return plugin


def scram(client: Any, password: str) -> None:
    """SCRAM through the preamble."""
    exchange = make_exchange("SCRAM-SHA-256", name="alice", password=password)
    client.send(b"AUTH SCRAM-SHA-256 " + base64.b64encode(exchange.initial()) + b"\r\n")
    answer = b""
    while answer.count(b"\n") < 2:
        answer += client.take(1)
    challenge = base64.b64decode(answer.split()[-1])
    client.send(base64.b64encode(exchange.respond(challenge)) + b"\r\n")
    client.end()
    client.rest()


class FakeContext:
    """The facts of a request."""

    client_address = peer_address = ("192.0.2.7", 1)
    transport = "tcp"
    identity = tls = peer_credentials = None
    listener_name = "main"
