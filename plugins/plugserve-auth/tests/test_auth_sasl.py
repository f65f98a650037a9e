"""The server's side of SASL, with the examples of the RFCs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import Identity, ProtocolError
from plugserve_auth import (
    AuthenticationFailed,
    Authenticator,
    Busy,
    ClientCertificate,
    PasswordFile,
    PeerCredentials,
    ScramKeys,
    TooManyAttempts,
)
from plugserve_auth.client import Scram as ScramClient
from plugserve_auth.client import make_exchange
from plugserve_auth.sasl.mechanism import Challenge, Mechanism, Success
from plugserve_auth.throttle import Throttle, ThrottleLimits

LENIENT = ThrottleLimits(free=10**6, ban_after=10**6)


class Binding:
    """Stands for the facts of an encryption layer."""

    def channel_binding(self, kind: str) -> bytes | None:
        return b"certificate hash" if kind == "tls-server-end-point" else None


def made(*stores: Any, **options: Any) -> Authenticator:
    """An authenticator that forgives."""
    return Authenticator(stores, throttle=Throttle(LENIENT), **options)


def begin(authenticator: Authenticator, name: str, context: Any) -> Mechanism:
    """The exchange with a mechanism."""
    return authenticator.sasl(context).begin(name)


class OneUser:
    """A store with the keys of one password, as an RFC has them."""

    def __init__(self, hash_name: str, salt: str, iterations: int) -> None:
        salted = hashlib.pbkdf2_hmac(hash_name, b"pencil", base64.b64decode(salt), iterations)
        client_key = hmac.digest(salted, b"Client Key", hash_name)
        self.keys = ScramKeys(
            base64.b64decode(salt),
            iterations,
            hashlib.new(hash_name, client_key).digest(),
            hmac.digest(salted, b"Server Key", hash_name),
            Identity("user", "scram"),
        )

    def scram_keys(self, name: str, hash_name: str) -> ScramKeys | None:
        return self.keys if name == "user" else None

    def decoy_keys(self, name: str, hash_name: str) -> ScramKeys:
        return self.keys


class Nobody:
    """A store that knows nobody."""

    def check_password(self, name: str, password: str) -> Identity | None:
        return None

    def scram_keys(self, name: str, hash_name: str) -> ScramKeys | None:
        return None

    def decoy_keys(self, name: str, hash_name: str) -> ScramKeys:
        return ScramKeys(b"salt", 4096, b"", b"", None)

    def check_token(self, token: str) -> Identity | None:
        return None


EXAMPLES = {
    # RFC 5802, section 5.
    "SCRAM-SHA-1": (
        ("sha1", "QSXCR+Q6sek8bf92", 4096),
        "3rfcNHYJY1ZVvWVs7j",
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    # RFC 7677, section 3.
    "SCRAM-SHA-256": (
        ("sha256", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096),
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_scram_example(name: str, context: Callable[..., Any]) -> None:
    """The exchange that the RFC shows is gone through byte for byte, on both sides."""
    key, nonce, first, challenge, final, verifier = EXAMPLES[name]
    exchange = begin(made(OneUser(*key)), name, context())
    exchange.make_nonce = lambda: nonce  # type: ignore[attr-defined]
    assert exchange.step(first) == Challenge(challenge)
    result = exchange.step(final)
    assert isinstance(result, Success)
    assert result == Success(Identity("user", name.lower()), verifier)
    client = ScramClient(name, "user", "pencil", nonce=first.decode().partition(",r=")[2])
    assert client.initial() == first
    assert client.respond(challenge) == final
    client.finish(verifier)
    with pytest.raises(AuthenticationFailed):
        client.finish(b"v=AAAA")


SCRAM = [f"SCRAM-SHA-{size}{plus}" for size in (1, 256, 512) for plus in ("", "-PLUS")]


@pytest.mark.parametrize("name", SCRAM)
@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
def test_scram(name: str, initial: bool, users: Path, context: Callable[..., Any]) -> None:
    """Every kind of SCRAM proves a name, with an initial response or without."""
    facts = context(tls=Binding())
    exchange = begin(made(PasswordFile(file=users)), name, facts)
    client = ScramClient(name, "alice", "correct horse", binding=b"certificate hash")
    if not initial:
        assert exchange.step(None) == Challenge(b"")
    challenge = exchange.step(client.initial())
    assert isinstance(challenge, Challenge)
    success = exchange.step(client.respond(challenge.data))
    assert isinstance(success, Success)
    assert (success.identity.name, success.identity.method) == ("alice", name.lower())
    assert success.identity.groups == {"staff"}
    client.finish(success.data)


@pytest.mark.parametrize(
    "user, password, more",
    [
        ("alice", "wrong", {}),
        ("nobody", "correct horse", {}),
        ("bob", "battery staple", {}),
        ("alice", "correct horse", {"authzid": "bob"}),
    ],
)
def test_scram_that_proves_nothing(
    user: str, password: str, more: dict[str, Any], users: Path, context: Callable[..., Any]
) -> None:
    """A wrong password, an unknown or disabled name, and one that wants to be somebody else fail at the end alone."""
    exchange = begin(made(PasswordFile(file=users)), "SCRAM-SHA-256", context())
    client = ScramClient("SCRAM-SHA-256", user, password, **more)
    challenge = exchange.step(client.initial())
    assert isinstance(challenge, Challenge)
    with pytest.raises(AuthenticationFailed, match=r"^authentication failed$"):
        exchange.step(client.respond(challenge.data))
    with pytest.raises(AuthenticationFailed):
        exchange.step(b"")


def test_unknown_name_looks_known(users: Path, context: Callable[..., Any]) -> None:
    """An unknown name gets the same salt each time, in the form of a real one."""

    def salt_of(name: str) -> tuple[str, str]:
        exchange = begin(made(PasswordFile(file=users)), "SCRAM-SHA-256", context())
        challenge = exchange.step(f"n,,n={name},r=abc".encode())
        assert isinstance(challenge, Challenge)
        _, salt, iterations = challenge.data.decode().split(",")
        return salt, iterations

    assert salt_of("nobody") == salt_of("nobody") != salt_of("somebody")
    assert salt_of("nobody")[1] == salt_of("alice")[1]
    assert len(salt_of("nobody")[0]) == len(salt_of("alice")[0])


def test_same_questions_for_all(context: Callable[..., Any], no_drift: list[str]) -> None:
    """Known or not, and whichever store has the name, the same questions are asked of all stores; one that fails keeps
    out only those whom no other one knows."""
    asked: list[str] = []

    class Watched(OneUser):
        def __init__(self, user: str, fails: bool = False) -> None:
            super().__init__("sha256", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096)
            self.user, self.fails = user, fails

        def scram_keys(self, name: str, hash_name: str) -> ScramKeys | None:
            asked.append(self.user)
            if self.fails:
                raise OSError
            return self.keys if name == self.user else None

        def decoy_keys(self, name: str, hash_name: str) -> ScramKeys:
            asked.append("decoy")
            return self.keys

    def ask(name: str, *stores: Any) -> list[str]:
        asked.clear()
        begin(made(*stores), "SCRAM-SHA-256", context()).step(f"n,,n={name},r=abc".encode())
        return list(asked)

    stores = Watched("alice"), Watched("bob")
    assert ask("alice", *stores) == ask("bob", *stores) == ask("nobody", *stores) == ["decoy", "alice", "bob"]
    broken = Watched("alice"), Watched("bob", fails=True)
    assert ask("alice", *broken) == ["decoy", "alice", "bob"]
    with pytest.raises(Busy):
        ask("bob", *broken)
    no_drift.clear()


def test_channel_binding(users: Path, context: Callable[..., Any]) -> None:
    """-PLUS is offered where the channel can be bound, and fails with another channel's binding or none."""
    store = PasswordFile(file=users)
    assert "SCRAM-SHA-256-PLUS" not in made(store).sasl(context()).mechanisms
    assert "SCRAM-SHA-256-PLUS" not in made(store).sasl(context(tls=object())).mechanisms
    exchange = begin(made(store), "SCRAM-SHA-256-PLUS", context(tls=Binding()))
    client = ScramClient("SCRAM-SHA-256-PLUS", "alice", "correct horse", binding=b"of somebody in between")
    challenge = exchange.step(client.initial())
    assert isinstance(challenge, Challenge)
    with pytest.raises(AuthenticationFailed):
        exchange.step(client.respond(challenge.data))
    for first in (b"n,,n=alice,r=abc", b"y,,n=alice,r=abc", b"p=tls-unique,,n=alice,r=abc"):
        with pytest.raises(AuthenticationFailed):
            begin(made(store), "SCRAM-SHA-256-PLUS", context(tls=Binding())).step(first)


def test_downgrade(users: Path, context: Callable[..., Any]) -> None:
    """A client that can bind and was not offered it, although we did, has been lied to: refused."""
    authenticator = made(PasswordFile(file=users))
    with pytest.raises(AuthenticationFailed):
        begin(authenticator, "SCRAM-SHA-256", context(tls=Binding())).step(b"y,,n=alice,r=abc")
    others = made(PasswordFile(file=users), mechanisms=["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256"])
    with pytest.raises(AuthenticationFailed):
        begin(others, "SCRAM-SHA-256", context(tls=Binding())).step(b"y,,n=alice,r=abc")
    assert isinstance(begin(authenticator, "SCRAM-SHA-256", context()).step(b"y,,n=alice,r=abc"), Challenge)
    with pytest.raises(AuthenticationFailed):
        begin(authenticator, "SCRAM-SHA-256", context(tls=Binding())).step(b"p=tls-server-end-point,,n=alice,r=abc")


@pytest.mark.parametrize(
    "first",
    [
        b"\xff",
        b"n,,",
        b"n,,r=abc",
        b"n,,n=alice",
        b"x,,n=alice,r=abc",
        b"n,,m=ext,n=alice,r=abc",
        b"n,,n=al=ice,r=abc",
        b"n,,n=alice,r=a\x00c",
        b"n,,n=,r=abc",
        b"n," + b"n=alice,r=abc",
        b"n,,n=\xc2\xad,r=abc",
        b"n,,n=alice,r=" + b"x" * 5000,
    ],
)
def test_malformed_first(first: bytes, users: Path, context: Callable[..., Any]) -> None:
    """A first message that breaks the grammar fails at once."""
    with pytest.raises(AuthenticationFailed):
        begin(made(PasswordFile(file=users)), "SCRAM-SHA-256", context()).step(first)


@pytest.mark.parametrize(
    "change", [(b"c=biws", b"c=eSws"), (b"r=", b"r=x"), (b",p=", b",p=x"), (b",p=", b",q="), (b"c=", b"")]
)
def test_malformed_final(change: tuple[bytes, bytes], users: Path, context: Callable[..., Any]) -> None:
    """A final message with another header, nonce or proof fails."""
    exchange = begin(made(PasswordFile(file=users)), "SCRAM-SHA-256", context())
    client = ScramClient("SCRAM-SHA-256", "alice", "correct horse")
    challenge = exchange.step(client.initial())
    assert isinstance(challenge, Challenge)
    final = client.respond(challenge.data)
    assert change[0] in final
    with pytest.raises(AuthenticationFailed):
        exchange.step(final.replace(*change, 1))


def test_names_with_commas(cheap: Any, tmp_path: Path, context: Callable[..., Any]) -> None:
    """Commas and equals signs in a name come through (RFC 5802, section 5.1)."""
    from plugserve_auth.stores.passwords import entry_line

    path = tmp_path / "users"
    path.write_text(entry_line("a,b=c", "pencil", hasher=cheap, iterations=4096))
    path.chmod(0o600)
    exchange = begin(made(PasswordFile(file=path)), "SCRAM-SHA-256", context())
    client = ScramClient("SCRAM-SHA-256", "a,b=c", "pencil", authzid="a,b=c")
    challenge = exchange.step(client.initial())
    assert isinstance(challenge, Challenge)
    success = exchange.step(client.respond(challenge.data))
    assert isinstance(success, Success)
    assert success.identity.name == "a,b=c"


def test_throttled_scram(users: Path, context: Callable[..., Any]) -> None:
    """Failed proofs count, and a proof is not looked at if another exchange has been banned meanwhile."""
    authenticator = Authenticator([PasswordFile(file=users)], throttle=Throttle(ThrottleLimits(free=0, ban_after=1)))
    exchanges = [begin(authenticator, "SCRAM-SHA-256", context()) for _ in range(2)]
    finals = []
    for exchange, password in zip(exchanges, ("wrong", "correct horse"), strict=True):
        client = ScramClient("SCRAM-SHA-256", "alice", password)
        challenge = exchange.step(client.initial())
        assert isinstance(challenge, Challenge)
        finals.append(client.respond(challenge.data))
    with pytest.raises(AuthenticationFailed):
        exchanges[0].step(finals[0])
    with pytest.raises(TooManyAttempts):
        exchanges[1].step(finals[1])


def test_plain(users: Path, context: Callable[..., Any]) -> None:
    """PLAIN proves a name, for oneself only."""
    authenticator = made(PasswordFile(file=users), plaintext=True)
    for message in (b"\0alice\0correct horse", b"alice\0alice\0correct horse"):
        success = begin(authenticator, "plain", context()).step(message)
        assert isinstance(success, Success)
        assert (success.identity.name, success.identity.method, success.data) == ("alice", "plain", None)
    for message in (
        b"bob\0alice\0correct horse",
        b"\0alice\0wrong",
        b"\0nobody\0x",
        b"alice\0correct horse",
        b"\0alice\0correct horse\0",
        b"\0\0",
        b"",
        b"\xff\0\xff\0\xff",
    ):
        with pytest.raises(AuthenticationFailed, match=r"^authentication failed$"):
            begin(authenticator, "PLAIN", context()).step(message)


def test_login(users: Path, context: Callable[..., Any]) -> None:
    """LOGIN asks for the name, unless it came at once, and for the password."""
    authenticator = made(PasswordFile(file=users), plaintext=True)
    exchange = begin(authenticator, "LOGIN", context())
    assert exchange.step(None) == Challenge(b"Username:")
    assert exchange.step(b"alice") == Challenge(b"Password:")
    success = exchange.step(b"correct horse")
    assert isinstance(success, Success)
    assert success.identity.method == "login"
    exchange = begin(authenticator, "LOGIN", context())
    assert exchange.step(b"alice") == Challenge(b"Password:")
    with pytest.raises(AuthenticationFailed):
        exchange.step(b"wrong")


def test_external(context: Callable[..., Any]) -> None:
    """EXTERNAL is offered to who has a certificate or comes over a Unix socket, and is that one."""
    authenticator = made(ClientCertificate(), PeerCredentials(users={"7": "service"}, system_groups=False))
    certificate = context(tls=Binding(), identity=Identity("host", "tls"))
    process = context(transport="unix", peer_credentials=SimpleNamespace(pid=1, uid=7, gid=7))
    for facts, name in ((certificate, "host"), (process, "service")):
        for wanted in (b"", name.encode()):
            success = begin(authenticator, "EXTERNAL", facts).step(wanted)
            assert isinstance(success, Success)
            assert (success.identity.name, success.identity.method) == (name, "external")
        with pytest.raises(AuthenticationFailed):
            begin(authenticator, "EXTERNAL", facts).step(b"root")
    with pytest.raises(AuthenticationFailed):
        begin(authenticator, "EXTERNAL", context())


class OneToken:
    """A store with the token of RFC 7628."""

    def check_token(self, token: str) -> Identity | None:
        return Identity("user@example.com", "token") if token == "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" else None


# RFC 7628, section 4.1.
BEARER = (
    b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
)


def test_oauthbearer(context: Callable[..., Any]) -> None:
    """OAUTHBEARER proves a name by a token, for oneself only, and is offered only where nobody can read along."""
    authenticator = made(OneToken())
    facts = context(tls=Binding())
    assert authenticator.sasl(context()).mechanisms == ()
    assert authenticator.sasl(facts).mechanisms == ("OAUTHBEARER",)
    client = make_exchange(
        "OAUTHBEARER", token="vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", authzid="user@example.com"
    )
    for message in (BEARER, BEARER.replace(b"a=user@example.com", b""), client.initial()):
        success = begin(authenticator, "OAUTHBEARER", facts).step(message)
        assert success == Success(Identity("user@example.com", "token"))
    exchange = begin(authenticator, "OAUTHBEARER", facts)
    assert exchange.step(None) == Challenge(b"")
    assert isinstance(exchange.step(BEARER), Success)
    with pytest.raises(AuthenticationFailed):
        begin(authenticator, "OAUTHBEARER", facts).step(BEARER.replace(b"a=user", b"a=root"))
    # Section 4.3: who fails is told so, and says that it has understood.
    exchange = begin(authenticator, "OAUTHBEARER", facts)
    challenge = exchange.step(BEARER.replace(b"vF9", b"vF8"))
    assert challenge == Challenge(b'{"status":"invalid_token"}')
    with pytest.raises(AuthenticationFailed):
        exchange.step(client.respond(b'{"status":"invalid_token"}'))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\1",
        BEARER[:-1],
        BEARER + b"\1",
        BEARER.replace(b"n,", b"p=tls-server-end-point,", 1),
        BEARER.replace(b"Bearer", b"Basic"),
        BEARER.replace(b"port=143", b"auth=Bearer x"),
        BEARER.replace(b"auth=", b"other="),
        BEARER.replace(b"143", b"\xff"),
        BEARER.replace(b"143", b"\0"),
        BEARER.replace(b"143", b"1" * 10000),
        b"n,,\1auth=Bearer \1\1",
    ],
)
def test_oauthbearer_messages(message: bytes, context: Callable[..., Any]) -> None:
    """What is not in the form of the RFC proves nothing, and is not looked up."""
    exchange = begin(made(OneToken()), "OAUTHBEARER", context(tls=Binding()))
    with pytest.raises(AuthenticationFailed):
        exchange.step(message)


def test_oauthbearer_throttled(context: Callable[..., Any]) -> None:
    """Bad tokens count, and who has to wait is told so."""
    authenticator = Authenticator([OneToken()], throttle=Throttle(ThrottleLimits(free=0, ban_after=1)))
    bad = BEARER.replace(b"vF9", b"vF8")
    assert isinstance(begin(authenticator, "OAUTHBEARER", context(tls=Binding())).step(bad), Challenge)
    with pytest.raises(TooManyAttempts):
        begin(authenticator, "OAUTHBEARER", context(tls=Binding())).step(BEARER)


def test_certificate_asked_twice(context: Callable[..., Any]) -> None:
    """The name that a certificate stands for is not taken for that of another certificate."""
    store = ClientCertificate(users={"host.example.org": "root.example.org", "root.example.org": "root"})
    proved = Identity("host.example.org", "tls", frozenset(), {"serial": 7})
    first = store.check_peer(context(tls=Binding(), identity=proved))
    assert first is not None
    again = store.check_peer(context(tls=Binding(), identity=first))
    assert again is not None
    assert first.name == again.name == "root.example.org"
    assert again.claims["certificate"] == {"name": "host.example.org", "serial": 7}


def test_behind_a_proxy_on_a_unix_socket(users: Path, context: Callable[..., Any]) -> None:
    """Who comes through a proxy is not the user that the proxy runs as, and no password is asked of him in clear."""
    authenticator = made(PeerCredentials(users={"7": "service"}, system_groups=False), PasswordFile(file=users))
    peer = SimpleNamespace(pid=1, uid=7, gid=7)
    there = context(transport="unix", client_address=("192.0.2.7", 1), peer_address="", peer_credentials=peer)
    here = context(transport="unix", client_address="", peer_address="", peer_credentials=peer)
    assert authenticator.check_peer(here).name == "service"
    assert authenticator.takes_secrets(here)
    with pytest.raises(AuthenticationFailed):
        authenticator.check_peer(there)
    assert not authenticator.takes_secrets(there)


def test_anonymous(context: Callable[..., Any]) -> None:
    """ANONYMOUS is there only if it is allowed, and its trace is bounded."""
    with pytest.raises(AuthenticationFailed):
        begin(made(), "ANONYMOUS", context())
    authenticator = made(anonymous=True)
    success = begin(authenticator, "ANONYMOUS", context()).step(b"sirhc@example.org")
    assert success == Success(Identity("anonymous", "anonymous"))
    with pytest.raises(AuthenticationFailed):
        begin(authenticator, "ANONYMOUS", context()).step(b"x" * 256)


def test_offers(users: Path, context: Callable[..., Any]) -> None:
    """Passwords in clear are asked for only where nobody can read along, or where that is allowed."""
    store = PasswordFile(file=users)
    secret = [f"SCRAM-SHA-{size}" for size in (512, 256, 1)]
    bound = [f"{name}-PLUS" for name in secret]
    plain = ["PLAIN", "LOGIN"]
    assert list(made(store).sasl(context()).mechanisms) == secret
    assert list(made(store).sasl(context(tls=Binding())).mechanisms) == bound + secret + plain
    assert list(made(store).sasl(context(transport="unix")).mechanisms) == secret + plain
    assert list(made(store, plaintext=True).sasl(context()).mechanisms) == secret + plain
    assert list(made(store, mechanisms=["PLAIN"]).sasl(context()).mechanisms) == []
    assert list(made().sasl(context(tls=Binding())).mechanisms) == []


def test_missing_response(users: Path, context: Callable[..., Any]) -> None:
    """A mechanism's later steps need a response."""
    exchange = begin(made(PasswordFile(file=users)), "SCRAM-SHA-256", context())
    exchange.step(None)
    with pytest.raises(AuthenticationFailed):
        exchange.step(None)


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=abc,s=c2FsdA==,i=4096",
        b"r=xyz123,s=c2FsdA==,i=4096",
        b"r=abc123,s=c2FsdA==,i=1",
        b"r=abc123,s=c2FsdA==,i=99999999",
        b"r=abc123,s=,i=4096",
        b"m=x,r=abc123,s=c2FsdA==,i=4096",
        b"r=abc123,i=4096",
    ],
)
def test_client_and_false_server(challenge: bytes) -> None:
    """The client gives no proof for a nonce that is not its own, for no salt, for iterations that make guessing cheap
    or keep it busy, and for what it does not understand."""
    with pytest.raises(ProtocolError):
        ScramClient("SCRAM-SHA-256", "alice", "x", nonce="abc").respond(challenge)


def test_client_mechanisms() -> None:
    """The client's side knows its mechanisms, and -PLUS needs the channel's binding."""
    assert make_exchange("PLAIN", name="alice", password="x").initial() == b"\0alice\0x"
    assert make_exchange("EXTERNAL", authzid="alice").initial() == b"alice"
    for wrong in ("SCRAM-MD5", "NTLM", "SCRAM-SHA-256-PLUS"):
        with pytest.raises(ValueError):
            make_exchange(wrong, name="alice", password="x")


NOBODY = made(Nobody(), plaintext=True)


@given(
    messages=st.lists(st.binary(max_size=60), max_size=4),
    name=st.sampled_from(["PLAIN", "LOGIN", "OAUTHBEARER", *SCRAM]),
)
def test_noise(messages: list[bytes], name: str) -> None:
    """Whatever a client sends, the only error is a failed authentication."""
    facts = SimpleNamespace(
        client_address=("192.0.2.7", 1), transport="tcp", tls=Binding(), identity=None, peer_credentials=None
    )
    exchange = begin(NOBODY, name, facts)
    for message in messages:
        try:
            exchange.step(message)
        except AuthenticationFailed:
            return
