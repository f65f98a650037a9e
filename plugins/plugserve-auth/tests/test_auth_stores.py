"""The credential stores."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerificationError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from plugserve import ConfigurationError, Identity
from plugserve.options import build
from plugserve_auth import Auth, ClientCertificate, PasswordFile, PeerCredentials, SignedTokens, TokenFile
from plugserve_auth.entry_file import BadEntry, edited
from plugserve_auth.registry import make_store
from plugserve_auth.stores.passwords import entry_line
from plugserve_auth.stores.store import abilities
from plugserve_auth.stores.tokens import token_line


def test_password(users: Path) -> None:
    """The right password proves who somebody is; a wrong one, an unknown and a disabled name prove nothing."""
    store = PasswordFile(file=users)
    assert store.check_password("alice", "correct horse") == Identity("alice", "password", frozenset({"staff"}))
    assert store.check_password("alice", "wrong") is None
    assert store.check_password("nobody", "correct horse") is None
    assert store.check_password("bob", "battery staple") is None
    assert store.check_password("alice", "x" * 5000) is None


def test_unknown_name_costs_a_hash(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an unknown name a hash is computed, too; its costs are those of an entry, always the same for the name, as
    frequent among unknown names as among known ones."""
    dear = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    with edited(users) as lines:
        lines[0] = f"!decoy key={base64.b64encode(bytes(32)).decode()}"
        lines += [entry_line(name, "new here", hasher=dear, iterations=8192) for name in ("carol", "dave")]
    store = PasswordFile(file=users)
    store.activate()
    kept: list[str] = []
    verify = PasswordHasher.verify

    def look(self: PasswordHasher, hash: str, password: str) -> Any:
        kept.append(hash)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", look)
    names = [f"nobody {number}" for number in range(100)]
    for name in names * 2:
        assert store.check_password(name, "correct horse") is None
    assert kept[:100] == kept[100:]
    assert not any(one.rsplit("$", 2)[1] in users.read_text() for one in kept)
    costs = [extract_parameters(one).memory_cost for one in kept[:100]]
    iterations = [store.decoy_keys(name, "sha256").iterations for name in names]
    assert set(costs) == {8, 16}
    assert set(iterations) == {4096, 8192}
    assert 25 < costs.count(16) < 75
    # An entry more: for most names nothing changes, and where the iterations do, so does the salt.
    before = [store.decoy_keys(name, "sha256") for name in names]
    with edited(users) as lines:
        lines.append(entry_line("erin", "new here", hasher=dear, iterations=8192))
    after = [store.decoy_keys(name, "sha256") for name in names]
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old.salt != new.salt]
    assert 0 < len(changed) < 30
    assert all(old.iterations != new.iterations for old, new in changed)


def test_hash_that_cannot_be_computed(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is short the store fails, which is reported; the password was not wrong."""

    def verify(self: PasswordHasher, hash: str, password: str) -> bool:
        raise VerificationError("Memory allocation error")

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    for name in ("alice", "nobody"):
        with pytest.raises(VerificationError):
            PasswordFile(file=users).check_password(name, "correct horse")


def test_scram_keys(users: Path) -> None:
    """The kept keys are those of RFC 5802, for each hash; a disabled name has keys that prove nobody."""
    store = PasswordFile(file=users)
    for name in ("sha1", "sha256", "sha512"):
        keys = store.scram_keys("alice", name)
        assert keys is not None
        salted = hashlib.pbkdf2_hmac(name, b"correct horse", keys.salt, keys.iterations)
        assert hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest() == keys.stored_key
        assert hmac.digest(salted, b"Server Key", name) == keys.server_key
        assert keys.identity is not None
    disabled = store.scram_keys("bob", "sha256")
    assert disabled is not None
    assert disabled.identity is None
    assert store.scram_keys("nobody", "sha256") is None


def test_decoys(users: Path) -> None:
    """An unknown name is given the same salt each time, by another process too, and the usual iterations."""
    first = PasswordFile(file=users).decoy_keys("nobody", "sha256")
    second = PasswordFile(file=users).decoy_keys("nobody", "sha256")
    other = PasswordFile(file=users).decoy_keys("somebody", "sha256")
    assert first.salt == second.salt != other.salt
    assert len(first.salt) == 16
    assert first.iterations == 4096
    assert first.identity is None


def test_changed_file(users: Path, cheap: PasswordHasher, no_drift: list[str]) -> None:
    """A changed file is read again; one that cannot be understood keeps the entries, with one warning."""
    store = PasswordFile(file=users)
    store.activate()
    with edited(users) as lines:
        lines.append(entry_line("carol", "new here", hasher=cheap, iterations=4096))
    assert store.check_password("carol", "new here") is not None
    with edited(users) as lines:
        lines.append("dave pass" + "word=hunter2")
    assert store.check_password("carol", "new here") is not None
    assert store.check_password("carol", "new here") is not None
    assert len(no_drift) == 1
    assert "line 5" in no_drift[0]
    assert "hunter2" not in no_drift[0]
    no_drift.clear()


def test_written_whole(users: Path) -> None:
    """A file is replaced as a whole with mode 0600; if a change fails, nothing is left behind and nothing changes."""
    before = users.read_text()
    with pytest.raises(RuntimeError), edited(users) as lines:
        lines.clear()
        raise RuntimeError
    assert users.read_text() == before
    with edited(users) as lines:
        lines.append("# more")
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    assert os.listdir(users.parent) == ["users"]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_others_rights(users: Path, mode: int) -> None:
    """A file that others can read or change refuses to start, and the error says what to do."""
    users.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 0600"):
        PasswordFile(file=users).activate()


@pytest.mark.parametrize(
    "line, message",
    [
        ("alice hunter2", "line 1: a word that is neither"),
        ("alice argon2=$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA", "no hash of argon2id"),
        ("alice argon2=$argon2id$x", "damaged"),
        ("alice argon2=$argon2id$v=19$m=8,t=1,p=1$$", "damaged"),
        ("alice argon2=$argon2id$v=19$m=8,t=1,p=1$!!!!!!!!!!!!$????????????????", "damaged"),
        ("alice argon2=$argon2id$v=19$m=8,t=0,p=1$c2FsdHNhbHQ$aGFzaGFzaGFzaA", "damaged"),
        ("alice argon2=$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGFzaGFzaGFzaA", "costs too much"),
        ("alice scram-sha-256=x,a,b,c", "damaged"),
        ("alice scram-sha-256=1,a,b,c", "less than 4096"),
        ("alice scram-sha-256=999999999,a,b,c", "more than 10000000"),
        ("!decoy key=", "less than 16 bytes"),
        ("alice groups=a\nalice groups=b", "line 2: alice stands there twice"),
        ("@staff groups=a", "begins with none of"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, message: str) -> None:
    """A line that cannot be understood refuses to start, naming the line and quoting nothing secret."""
    path = tmp_path / "users"
    path.write_text(line)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=message) as error:
        PasswordFile(file=path).activate()
    assert "hunter2" not in str(error.value).replace(str(tmp_path), "")


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there refuses to start and says how to make it; so does what is no file."""
    with pytest.raises(ConfigurationError, match="plugserve-auth add"):
        PasswordFile(file=tmp_path / "none").activate()
    with pytest.raises(ConfigurationError, match=r"not a regular file|Is a directory"):
        PasswordFile(file=tmp_path).activate()


def test_passwords_that_cannot_be(cheap: PasswordHasher) -> None:
    """A password that is empty, too long, the name itself or not storable is refused unquoted."""
    for password in ("", "x" * 2000, "alice", "bell\u0007"):
        with pytest.raises(BadEntry) as error:
            entry_line("alice", password, hasher=cheap, iterations=4096)
        assert not password or password == "alice" or password not in str(error.value)


# -- tokens --


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A token file."""
    path = tmp_path / "tokens"
    path.write_text(
        token_line("backup", "token-one", groups=["machines"])
        + "\n"
        + token_line("backup", "token-two", expires="2026-01-01T00:00:00Z")
        + "\n"
        + token_line("old", "token-three")
        + " disabled\n"
    )
    path.chmod(0o600)
    return path


def test_tokens(tokens: Path) -> None:
    """A token proves who carries it, until it expires; a name may have several."""
    now = [1767225599.0]
    store = TokenFile(file=tokens, clock=lambda: now[0])
    assert store.check_token("token-one") == Identity("backup", "token", frozenset({"machines"}))
    assert store.check_token("token-two") == Identity("backup", "token")
    now[0] += 1
    assert store.check_token("token-two") is None
    assert store.check_token("token-three") is None
    assert store.check_token("token-none") is None
    assert store.check_token("x" * 10000) is None
    assert "token-one" not in tokens.read_text()


@pytest.mark.parametrize("given", ["2027-01-31 12:00:00", "2027-01-31T12:00Z", "2027-01-31", "20270131T130000+0100"])
def test_expiry_is_one_word(tokens: Path, given: str) -> None:
    """However the end of a token is given, its line is one that can be read again."""
    tokens.write_text(token_line("backup", "token-one", expires=given))
    store = TokenFile(file=tokens, clock=lambda: 1801396799.0 if len(given) > 10 else 1801353599.0)
    assert store.check_token("token-one") is not None
    store = TokenFile(file=tokens, clock=lambda: 1801396800.0)
    assert store.check_token("token-one") is None


def test_bad_tokens(tokens: Path) -> None:
    """A token's line without its hash, or with a date that is none, refuses to start."""
    for line in ("name sha256=abc", "name", f"name sha256={'0' * 64} expires=soon"):
        tokens.write_text(line)
        with pytest.raises(ConfigurationError, match="line 1"):
            TokenFile(file=tokens).activate()


# -- signed tokens --

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECRET = "0123456789abcdef0123456789abcdef"


def claims(**more: Any) -> dict[str, Any]:
    """Of a token that is right now."""
    return {"sub": "alice", "iss": "issuer", "aud": "service", "exp": int(time.time()) + 3600, **more}


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """The public key of the signer."""
    path = tmp_path / "key.pem"
    path.write_bytes(SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def signed(pem: Path, **options: Any) -> SignedTokens:
    """A store that takes the signer's tokens."""
    options = {"algorithms": ["EdDSA"], "issuer": "issuer", "audience": "service"} | options
    return SignedTokens(keys=pem, **options)


def test_signed_token(pem: Path) -> None:
    """A signed token for us proves who carries it, with groups and scopes."""
    token = jwt.encode(claims(groups=["staff"], scope="read write"), SIGNER, algorithm="EdDSA")
    identity = signed(pem).check_token(token)
    assert identity is not None
    assert (identity.name, identity.method, identity.groups) == ("alice", "jwt", frozenset({"staff"}))
    assert identity.claims["scope"] == "read write"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1000},
        {"nbf": 10**10},
        {"aud": "other"},
        {"iss": "other"},
        {"sub": ""},
        {"sub": 7},
        {"exp": None},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"groups": [1]},
    ],
)
def test_claims_that_do_not_hold(pem: Path, changed: dict[str, Any]) -> None:
    """A token that has expired, is not valid yet, is for or from somebody else, or lacks a claim, proves nothing."""
    content = {key: value for key, value in claims(**changed).items() if value is not None}
    if changed.get("sub") == 7:
        header = jwt.encode(claims(), SIGNER, algorithm="EdDSA").split(".")[0]
        body = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
        signature = base64.urlsafe_b64encode(SIGNER.sign(f"{header}.{body}".encode())).rstrip(b"=").decode()
        token = f"{header}.{body}.{signature}"
    else:
        token = jwt.encode(content, SIGNER, algorithm="EdDSA")
    assert signed(pem).check_token(token) is None


def test_forged_tokens(pem: Path) -> None:
    """`none`, a token of another key, one whose HMAC has the public key for its secret, and noise prove nothing."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    store = signed(pem)
    assert store.check_token(jwt.encode(claims(), "", algorithm="none")) is None
    assert store.check_token(jwt.encode(claims(), other, algorithm="EdDSA")) is None
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    mac = base64.urlsafe_b64encode(hmac.digest(pem.read_bytes(), head + b"." + body, "sha256")).rstrip(b"=")
    assert store.check_token((head + b"." + body + b"." + mac).decode()) is None
    for noise in ("", "..", "a.b.c", "\u00e9.\u00e9.\u00e9", "x" * 10000):
        assert store.check_token(noise) is None


def test_key_set(tmp_path: Path, pem: Path) -> None:
    """Of a key set the key that the token names is used; a new key comes with a new file."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))

    def entry(key: Ed25519PrivateKey, name: str) -> dict[str, Any]:
        return {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": name}

    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [entry(SIGNER, "one")]}))
    store = signed(path)
    assert store.check_token(jwt.encode(claims(), SIGNER, algorithm="EdDSA", headers={"kid": "one"})) is not None
    assert store.check_token(jwt.encode(claims(), SIGNER, algorithm="EdDSA", headers={"kid": "two"})) is None
    assert store.check_token(jwt.encode(claims(), SIGNER, algorithm="EdDSA")) is not None
    with edited(path) as lines:
        lines[:] = [json.dumps({"keys": [entry(SIGNER, "one"), entry(other, "two")]})]
    assert store.check_token(jwt.encode(claims(), other, algorithm="EdDSA", headers={"kid": "two"})) is not None


def test_secret_of_an_hmac(tmp_path: Path) -> None:
    """A secret works for HS256 if it is long enough and not for everybody to read."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    store = signed(path, algorithms=["HS256"])
    assert store.check_token(jwt.encode(claims(), SECRET, algorithm="HS256")) is not None
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 0600"):
        signed(path, algorithms=["HS256"]).activate()
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="has 5 bytes, and 32"):
        signed(path, algorithms=["HS256"]).activate()


def test_headers_that_must_be_understood(pem: Path) -> None:
    """A token whose header says that something more has to be understood, or is only brackets, proves nothing."""
    store = signed(pem)
    token = jwt.encode(claims(), SIGNER, algorithm="EdDSA", headers={"crit": ["exp"], "exp": 1})
    assert store.check_token(token) is None
    deep = base64.urlsafe_b64encode(b"[" * 5900).rstrip(b"=").decode()
    assert store.check_token(f"{deep}.e30.AAAA") is None
    assert store.check_token(jwt.encode(claims(sub="x" * 256), SIGNER, algorithm="EdDSA")) is None


def test_short_keys(tmp_path: Path) -> None:
    """An RSA key that can be broken refuses to start, in PEM and in a key set."""
    key = rsa.generate_private_key(65537, 1024).public_key()
    pem, key_set = tmp_path / "key.pem", tmp_path / "keys.json"
    pem.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    key_set.write_text(json.dumps({"keys": [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key))]}))
    for path in (pem, key_set):
        with pytest.raises(ConfigurationError, match="has 1024 bits, and 2048"):
            signed(path, algorithms=["RS256"]).activate()


def test_keys_that_others_can_change(pem: Path) -> None:
    """A public key may be read by everybody, and changed by its owner only: others could sign what they like."""
    pem.chmod(0o644)
    signed(pem).activate()
    for mode in (0o664, 0o646):
        pem.chmod(mode)
        with pytest.raises(ConfigurationError, match="chmod go-w"):
            signed(pem).activate()


def test_signed_tokens_configured_wrongly(tmp_path: Path, pem: Path) -> None:
    """`none`, mixed families, private keys, keys that do not fit and missing names refuse to start."""
    for options, message in (
        ({"algorithms": ["none"]}, "'none' is not accepted"),
        ({"algorithms": []}, "no algorithm"),
        ({"algorithms": ["HS256", "EdDSA"]}, "stand together"),
        ({"audience": ""}, "may not be empty"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            signed(pem, **options)
    with pytest.raises(ConfigurationError, match="does not fit RS256"):
        signed(pem, algorithms=["RS256"]).activate()
    pem.chmod(0o600)
    with pytest.raises(ConfigurationError, match="HMAC takes a secret"):
        signed(pem, algorithms=["HS256"]).activate()
    private = tmp_path / "private.pem"
    private.write_bytes(SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigurationError, match="private key"):
        signed(private).activate()
    (tmp_path / "keys.json").write_text('{"keys": [{"kty": "OKP", "crv": "nonsense"}]}')
    with pytest.raises(ConfigurationError, match="no JSON Web Key Set"):
        signed(tmp_path / "keys.json").activate()


# -- peers --


def test_certificate(context: Callable[..., Any]) -> None:
    """Who the encryption layer has named is taken over under the configured name, and nobody else is."""
    proved = Identity("host.example.org", "tls", frozenset(), {"serial": 7})
    store = ClientCertificate(users={"host.example.org": "host"}, groups={"machines": ["host"]})
    found = store.check_peer(context(tls=object(), identity=proved))
    assert found == Identity("host", "tls", frozenset({"machines"}), {"serial": 7})
    assert store.check_peer(context(tls=object(), identity=Identity("other", "tls"))) is None
    assert store.check_peer(context(tls=object())) is None
    assert store.check_peer(context(identity=proved)) is None
    assert store.check_peer(context(tls=object(), identity=Identity("host.example.org", "plain"))) is None
    plain = ClientCertificate().check_peer(context(tls=object(), identity=proved))
    assert plain is not None
    assert plain.name == "host.example.org"


def test_peer_credentials(context: Callable[..., Any]) -> None:
    """The user of the process at the other end is the client, under its system name or a configured one."""
    peer = SimpleNamespace(pid=1, uid=os.getuid(), gid=os.getgid())
    import pwd

    found = PeerCredentials().check_peer(context(peer_credentials=peer))
    assert found is not None
    assert found.name == pwd.getpwuid(os.getuid()).pw_name
    assert found.method == "peer-credentials"
    assert found.claims["uid"] == os.getuid()
    mapped = PeerCredentials(users={str(os.getuid()): "service"}, groups={"local": ["service"]}, system_groups=False)
    found = mapped.check_peer(context(peer_credentials=peer))
    assert found is not None
    assert (found.name, found.groups) == ("service", frozenset({"local"}))
    assert mapped.check_peer(context(peer_credentials=SimpleNamespace(pid=1, uid=4242, gid=4242))) is None
    assert mapped.check_peer(context()) is None
    with pytest.raises(ValueError, match="no uid"):
        PeerCredentials(users={"alice": "alice"})


# -- by name --


def test_stores_by_name(users: Path, tmp_path: Path) -> None:
    """A store is found by its entry point and made from options, with paths from the configuration's folder."""
    store = make_store("passwords", {"file": users.name}, str(tmp_path))
    assert isinstance(store, PasswordFile)
    assert abilities(store) == ["passwords", "scram"]
    assert abilities(make_store("peer", {})) == ["peers"]
    with pytest.raises(ConfigurationError, match="did you mean 'passwords'"):
        make_store("password", {})
    with pytest.raises(ConfigurationError, match="did you mean 'file'"):
        make_store("passwords", {"fil": "x"})


def test_stores_of_a_configuration(tokens: Path, tmp_path: Path) -> None:
    """The plugin takes stores as names, as tables with paths from the configuration's folder, and as objects."""
    plugin = build(Auth, {"stores": ["peer", {"use": "tokens", "file": tokens.name}]}, folder=str(tmp_path))
    assert [type(store).__name__ for store in plugin.authenticator.stores] == ["PeerCredentials", "TokenFile"]
    assert plugin.authenticator.stores[1].check_token("token-one") is not None
    assert len(Auth(stores=[TokenFile(file=tokens), "peer"]).authenticator.stores) == 2
    for store, message in (
        ({"file": "x"}, "a table with its name"),
        ({"use": "tokens"}, "option 'file' is missing"),
        ("ldap", "no credential store named 'ldap'"),
        (object(), "none of the methods"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            Auth(stores=[store])  # type: ignore[list-item]
        with pytest.raises(ConfigurationError, match=message):
            build(Auth, {"stores": [store]})
