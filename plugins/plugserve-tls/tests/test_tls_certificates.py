"""Certificates: the server's by name, the clients' good and bad, and what happens when files change."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from plugserve import ConfigurationError, Context, CoroutineHandler, MultiplexingTCPServer, ProtocolHandler, hookimpl
from plugserve.secret import Secret
from plugserve.testing import hosted
from plugserve_tls import TLS, TLSTransform, choose_by_alpn
from plugserve_tls.der import signature_hash

PATIENCE = 20
ENGINES = ["sync", "threading", "thread-pool", "multiplexing", "forking"]
# Distributions of their own: tried where they are installed.
ENGINES += [
    name
    for name, package in (("asyncio", "plugserve_asyncio"), ("uvloop", "uvloop"))
    if find_spec("plugserve_asyncio") and find_spec(package)
]


class Tells(CoroutineHandler):
    """Says who its client is."""

    async def handle(self) -> None:
        await self.connection.read()
        self.connection.write(f"{self.context.identity} by {getattr(self.context.identity, 'method', None)}".encode())


class Admitted:
    """Counts who came through to the handler."""

    def __init__(self) -> None:
        self.count = 0
        self.reasons: list[str] = []
        self.tls: list[Any] = []

    @hookimpl
    def process_request(self, context: Context) -> None:
        self.count += 1
        self.tls.append(context.tls)

    @hookimpl
    def request_rejected(self, reason: str) -> None:
        self.reasons.append(reason)


def ask(host: Any, context: ssl.SSLContext, name: str = "localhost") -> bytes:
    """What the handler says to this client; `b""` if it is refused."""
    plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
    try:
        with context.wrap_socket(plain, server_hostname=name) as client:
            client.sendall(b"?")
            return client.recv(1000)
    except (ssl.SSLError, OSError):
        plain.close()
        return b""


def client_context(authority: Any, issued: Any = None) -> ssl.SSLContext:
    """A client's, with its certificate."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if issued is not None:
        context.load_cert_chain(issued.certificate, issued.key)
    return context


@pytest.fixture
def required(authority: Any, server_pair: Any) -> dict[str, Any]:
    """The options of a server that wants certificates."""
    return {
        "certificate": server_pair.certificate,
        "key": server_pair.key,
        "client_certificates": "required",
        "client_ca": authority.file,
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_of_clients_with_bad_certificates_none_is_admitted(
    engine: str, version: Any, authority: Any, required: Any, tmp_path: Path
) -> None:
    """None at all, expired, not valid yet, of an unknown authority, for another use, revoked, signed by itself, of
    somebody else; and a good one is."""
    kind = type(authority)
    other = kind(tmp_path, "other")
    revoked = authority.issue("revoked.test")
    bad = {
        "none": None,
        "expired": authority.issue("expired.test", days=(-10, -1)),
        "not valid yet": authority.issue("early.test", days=(1, 10)),
        "unknown authority": other.issue("good.test"),
        "wrong use": authority.issue("wrong.test", usage=authority.server_use),
        "revoked": revoked,
        "signed by itself": other._issue("good.test", None, file="self"),
        "an authority's own": other.own,
        "somebody else": authority.issue("other.test"),
        "no name": authority.issue("nameless.test", names=()),
    }
    admitted = Admitted()
    tls = TLS(**required, revoked=authority.revoke(revoked), client_names=["good.test", "*.staff.test"])
    with hosted(engine, Tells, plugins=[tls, admitted]) as host:
        for what, issued in bad.items():
            context = client_context(authority, issued)
            context.minimum_version = context.maximum_version = version
            assert ask(host, context) == b"", what
        assert admitted.count == 0
        for name in ("good.test", "ada.staff.test"):
            assert ask(host, client_context(authority, authority.issue(name))) == f"{name} by tls".encode()
    assert admitted.count == 2
    # Only here: a client knows that it is refused before the server has told.
    assert len(admitted.reasons) == len(bad)


def test_an_optional_certificate_may_be_left_out_but_not_be_bad(authority: Any, required: Any, tmp_path: Path) -> None:
    """Without one there is no identity."""
    kind = type(authority)
    tls = TLS(**{**required, "client_certificates": "optional"})
    with hosted("threading", Tells, plugins=[tls]) as host:
        assert ask(host, client_context(authority)) == b"None by None"
        assert ask(host, client_context(authority, authority.issue("ada.test"))) == b"ada.test by tls"
        assert ask(host, client_context(authority, kind(tmp_path, "other").issue("ada.test"))) == b""


@pytest.mark.parametrize(
    ("source", "names", "identity"),
    [
        ("san", (x509.UniformResourceIdentifier("spiffe://x/y"), x509.DNSName("a.test")), b"a.test by tls"),
        ("san", (x509.RFC822Name("ada@example.org"),), b"ada@example.org by tls"),
        ("uri", (x509.DNSName("a.test"), x509.UniformResourceIdentifier("spiffe://x/y")), b"spiffe://x/y by tls"),
        ("uri", (x509.DNSName("a.test"),), b""),
        ("cn", (), b"common by tls"),
        ("san", (), b""),
    ],
)
def test_the_identity_is_the_name_that_was_asked_for(
    source: Any, names: Any, identity: bytes, authority: Any, required: Any
) -> None:
    """Or nobody, where the certificate has no such name."""
    issued = authority.issue("common", names=names)
    with hosted("multiplexing", Tells, plugins=[TLS(**required, identity_from=source)]) as host:
        assert ask(host, client_context(authority, issued)) == identity


def test_each_name_has_its_certificate(authority: Any, server_pair: Any) -> None:
    """Exact before wildcard before the default."""
    names = {
        name: authority.issue(name, usage=authority.server_use, file=f"sni{index}")
        for index, name in enumerate(("www.example.test", "*.example.test"))
    }
    tls = TLS(
        certificate=server_pair.certificate,
        key=server_pair.key,
        names={name: {"certificate": one.certificate, "key": one.key} for name, one in names.items()},
    )
    shown = {}
    with hosted("threading", Tells, plugins=[tls]) as host:
        for name in ("www.example.test", "WWW.EXAMPLE.TEST", "mail.example.test", "a.b.example.test", "localhost"):
            context = client_context(authority)
            context.check_hostname = False
            plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
            with context.wrap_socket(plain, server_hostname=name) as client:
                certificate: Any = client.getpeercert()
                shown[name] = certificate["subject"][0][0][1]
    assert shown == {
        "www.example.test": "www.example.test",
        "WWW.EXAMPLE.TEST": "www.example.test",
        "mail.example.test": "*.example.test",
        "a.b.example.test": "localhost",
        "localhost": "localhost",
    }


class One(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return b"one"


class Two(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return b"two"


@pytest.mark.parametrize(
    ("offered", "answer"), [(["two"], b"two"), (["x", "one"], b"one"), ([], b"one"), (["x"], b"one")]
)
def test_the_handler_is_chosen_by_the_protocol_that_was_agreed_on(
    offered: list[str], answer: bytes, authority: Any, server_pair: Any
) -> None:
    """And the default for those that named none."""
    handler = choose_by_alpn({"one": One, "two": Two}, default=One)
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key, alpn=["two", "one"])
    context = client_context(authority)
    if offered:
        context.set_alpn_protocols(offered)
    with hosted("multiplexing", handler, plugins=[tls]) as host:
        assert ask(host, context) == answer


def _serial(host: Any, authority: Any) -> int:
    """Of the certificate that a new client is shown."""
    plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
    with client_context(authority).wrap_socket(plain, server_hostname="localhost") as client:
        return int(client.getpeercert()["serialNumber"], 16)  # type: ignore[index, arg-type]


def _replace(source: Path, target: Path) -> None:
    """As tools that renew certificates do it."""
    fresh = target.with_suffix(".new")
    shutil.copy(source, fresh)
    fresh.chmod(0o600)
    os.replace(fresh, target)


def test_new_files_are_used_at_once_and_bad_ones_never(
    authority: Any, server_pair: Any, tmp_path: Path, no_drift: list[str]
) -> None:
    """What is established goes on; a certificate without its key, or half a file, leaves the old in force."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    _replace(server_pair.certificate, certificate)
    _replace(server_pair.key, key)
    names = (x509.DNSName("localhost"),)
    fresh = authority.issue("localhost", usage=authority.server_use, names=names, file="fresh")
    tls = TLS(certificate=certificate, key=key, reload_interval=0.0)
    with hosted("multiplexing", Two, plugins=[tls]) as host:
        old = client_context(authority).wrap_socket(
            socket.create_connection(host.server.server_address, timeout=PATIENCE), server_hostname="localhost"
        )
        assert _serial(host, authority) == server_pair.x509.serial_number
        _replace(fresh.certificate, certificate)
        assert _serial(host, authority) == server_pair.x509.serial_number
        assert len(no_drift) == 1
        assert "is not that of the certificate" in no_drift[0]
        _replace(fresh.key, key)
        assert _serial(host, authority) == fresh.x509.serial_number
        certificate.write_text("half a fi")
        assert _serial(host, authority) == fresh.x509.serial_number
        certificate.unlink()
        assert _serial(host, authority) == fresh.x509.serial_number
        old.sendall(b"?")
        assert old.recv(10) == b"two"
        old.close()
    no_drift.clear()


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "forking"])
def test_no_handshake_fails_while_certificates_are_swapped(
    engine: str, authority: Any, server_pair: Any, tmp_path: Path, no_drift: list[str]
) -> None:
    """Twenty times, key first: a client in each state of the two files, and one whose handshake spans the swap. (Not on
    forking, where it costs a process a client: the layer runs in the parent there, as on multiplexing.)"""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    _replace(server_pair.certificate, certificate)
    _replace(server_pair.key, key)
    names = (x509.DNSName("localhost"),)
    pairs = [
        authority.issue("localhost", usage=authority.server_use, names=names, file=f"swap{number}") for number in (0, 1)
    ]
    shown = server_pair.x509.serial_number
    tls = TLS(certificate=certificate, key=key, reload_interval=0.0)
    with hosted(engine, Two, plugins=[tls]) as host:
        for number in range(20):
            fresh = pairs[number % 2]
            client = TLSTransform(client_context(authority), server_side=False, server_hostname="localhost")
            with socket.create_connection(host.server.server_address, timeout=PATIENCE) as plain:
                plain.sendall(client.pending())
                client.feed(plain.recv(65536))  # the server has chosen what it shows
                for source, target in ((fresh.key, key), (fresh.certificate, certificate)):
                    if number % 2:
                        _replace(source, target)
                        assert _serial(host, authority) == (shown if target == key else fresh.x509.serial_number)
                        continue
                    data = source.read_bytes()
                    with target.open("wb", buffering=0) as pieces:
                        for piece in (data[:100], data[100:]):
                            assert _serial(host, authority) == shown
                            pieces.write(piece)
                assert _serial(host, authority) == fresh.x509.serial_number
                plain.sendall(client.pending() + client.encode(b"?"))
                answer = b""
                while not answer:
                    answer = client.feed(plain.recv(65536))
                assert answer == b"two"
                plain.sendall(client.close())
            shown = fresh.x509.serial_number
    assert no_drift
    assert all("the old ones stay" in line for line in no_drift)
    no_drift.clear()


def _start(**options: Any) -> None:
    MultiplexingTCPServer(("127.0.0.1", 0), One, plugins=[TLS(**options)]).server_close()


def test_what_is_not_safe_does_not_start(authority: Any, server_pair: Any, required: Any, tmp_path: Path) -> None:
    """Each with what is wrong and what to do."""
    other = authority.issue("another.test", usage=authority.server_use)
    pair = {"certificate": server_pair.certificate, "key": server_pair.key}
    open_key = tmp_path / "open.key"
    shutil.copy(server_pair.key, open_key)
    open_key.chmod(0o644)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    nothing = tmp_path / "nothing.pem"
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("give certificate and key, or self_signed for development", {}),
        ("is not that of the certificate", {**pair, "key": other.key}),
        ("can be read by everybody on this machine: chmod o-r", {**pair, "key": open_key}),
        ("nothing.pem: No such file or directory", {**pair, "certificate": nothing}),
        ("are no certificate and key in PEM", {**pair, "certificate": empty}),
        ("nobody is trusted to sign them: add client_ca", {**pair, "client_certificates": "required"}),
        ("holds no certificate of an authority", {**required, "client_ca": empty}),
        ("holds no revocation list", {**required, "revoked": empty}),
        ("client_ca is of no use while no certificate is asked for", {**pair, "client_ca": authority.file}),
        ("client_names is of no use while no certificate is asked for", {**pair, "client_names": ["a.test"]}),
        ("ciphers: 'ROT13' selects none that OpenSSL has", {**pair, "ciphers": "ROT13"}),
        ("client_certificates is 'yes': use one of none, optional, required", {**pair, "client_certificates": "yes"}),
        ("minimum_version is '1.1': use one of 1.2, 1.3", {**pair, "minimum_version": "1.1"}),
        ("'*' is no host name", {**pair, "names": {"*": pair}}),
        ("names, a.test: needs a certificate: write certificate and key", {**pair, "names": {"a.test": {}}}),
        ("self_signed makes a certificate, and one is given", {**pair, "self_signed": True}),
    ]
    for words, options in wrong:
        with pytest.raises(ConfigurationError) as caught:
            _start(**options)
        assert words in str(caught.value), words


def test_the_self_test_stops_a_server_that_would_admit_anybody(required: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A context that says it wants certificates, and lets everybody in."""
    import plugserve_tls.selftest as selftest

    monkeypatch.setattr(selftest, "_admits_anybody", lambda context, version: True)
    with pytest.raises(ConfigurationError, match="a client without a certificate was admitted by TLSv1_2"):
        _start(**required)


def test_an_encrypted_key_needs_its_password(authority: Any, server_pair: Any, tmp_path: Path) -> None:
    """Which stands in no message."""
    from cryptography.hazmat.primitives import serialization

    key = tmp_path / "secret.key"
    key.write_bytes(
        server_pair.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"correct horse"),
        )
    )
    key.chmod(0o600)
    options = {"certificate": server_pair.certificate, "key": key}
    with pytest.raises(ConfigurationError, match="is encrypted: give its password"):
        _start(**options)
    with pytest.raises(ConfigurationError, match="is its password right") as caught:
        _start(**options, password=Secret("battery staple"))
    assert "battery" not in str(caught.value)
    _start(**options, password=Secret("correct horse"))


def test_a_certificate_for_development_says_so(no_drift: list[str]) -> None:
    """With its fingerprint, so that a client can be told of it."""
    with hosted("threading", One, plugins=[TLS(self_signed=True)]) as host:
        [line] = no_drift
        assert "which nobody can trust: SHA-256 " in line
        context = ssl.create_default_context()
        assert ask(host, context) == b""
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        assert ask(host, context) == b"one"
    no_drift.clear()


def test_the_binding_of_a_channel_is_the_hash_of_the_certificate(server_pair: Any, authority: Any) -> None:
    """RFC 5929, section 4: with the hash of its signature."""
    import hashlib

    from cryptography.hazmat.primitives import serialization

    admitted = Admitted()
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted("threading", One, plugins=[tls, admitted]) as host:
        assert ask(host, client_context(authority)) == b"one"
    der = server_pair.x509.public_bytes(serialization.Encoding.DER)
    assert signature_hash(der) == "sha256"
    [facts] = admitted.tls
    assert facts.channel_binding("tls-server-end-point") == hashlib.sha256(der).digest()
    assert facts.channel_binding("tls-unique") is None
    for length in range(0, len(der), 7):
        signature_hash(der[:length])  # half a certificate is none, and no crash
    assert signature_hash(b"") is None


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="waits for a Python without pre-shared keys")
def test_pre_shared_keys_need_a_newer_python(tmp_path: Path) -> None:
    """And the message says which."""
    with pytest.raises(ConfigurationError, match=r"use Python 3\.13, or certificates"):
        _start(psk_file=tmp_path / "keys")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="waits for Python 3.13, which has pre-shared keys")
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_2, "PSK"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-PSK-AES128-CBC-SHA256"),
        (ssl.TLSVersion.TLSv1_3, None),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_pre_shared_key_is_an_identity(engine: str, version: Any, ciphers: str | None, tmp_path: Path) -> None:
    """Whoever has another key, another name or no key at all is not admitted."""
    file = tmp_path / "keys"
    file.write_text("# keys\nsensor-1:000102030405060708090a0b0c0d0e0f\n")
    file.chmod(0o600)
    admitted = Admitted()
    tls = TLS(psk_file=file, ciphers=ciphers)
    with hosted(engine, Tells, plugins=[tls, admitted]) as host:
        for name, key in (("sensor-1", bytes(16)), ("sensor-2", bytes(range(16))), ("", bytes(range(16))), ("", None)):
            assert ask(host, _psk_context(version, ciphers, name, key)) == b"", (name, key)
        assert admitted.count == 0
        for _ in range(2):
            assert ask(host, _psk_context(version, ciphers, "sensor-1", bytes(range(16)))) == b"sensor-1 by psk"
    assert len(admitted.reasons) == 4
    assert [facts.version for facts in admitted.tls] == [version.name.replace("_", ".")] * 2
    for text, words in (("sensor-1:00\n", ":1: a line is IDENTITY:KEY"), ("", "holds no key")):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=words):
            _start(psk_file=file)


def _psk_context(version: Any, ciphers: str | None, name: str, key: bytes | None) -> ssl.SSLContext:
    """A client's; without a key it hopes for a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if key is not None:
        context.set_psk_client_callback(lambda hint: (name, key))  # type: ignore[attr-defined, unused-ignore]
    return context


def test_any_cutting_of_the_records_gives_the_same_bytes(server_pair: Any, authority: Any) -> None:
    """Both ways, whatever the sizes."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from plugserve_tls.contexts import Pair, Trust, make_context

    server_context = make_context(Pair(server_pair.certificate, server_pair.key), Trust())
    context = client_context(authority)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(min_size=1, max_size=40_000), max_size=5), st.lists(st.integers(1, 20_000), min_size=1))
    def check(messages: list[bytes], cuts: list[int]) -> None:
        server = TLSTransform(server_context)
        client = TLSTransform(context, server_side=False, server_hostname="localhost")
        while not (server.established and client.established):
            for giver, taker in ((client, server), (server, client)):
                if data := giver.pending():
                    taker.feed(data)
        for giver, taker in ((client, server), (server, client)):
            raw = giver.pending() + b"".join(giver.encode(message) for message in messages)
            got, at, number = b"", 0, 0
            while at < len(raw):
                size = cuts[number % len(cuts)]
                got += taker.feed(raw[at : at + size])
                at, number = at + size, number + 1
            assert got == b"".join(messages)
        assert server.feed(client.close()) == b""
        assert server.ended

    check()


def test_a_session_does_not_outlive_its_certificate(authority: Any, required: Any) -> None:
    """OpenSSL looks at the dates in whole handshakes only."""
    from plugserve import RequestRejected
    from plugserve_tls import TLSFacts
    from plugserve_tls.identity import identity_of

    certificate = {"notAfter": "Jan  1 00:00:00 2020 GMT", "subjectAltName": (("DNS", "ada.test"),)}
    facts = TLSFacts("TLSv1.3", "", 128, certificate=certificate, certificate_der=b"x")
    assert str(identity_of(facts, "san")) == "ada.test"  # a whole handshake: OpenSSL has looked
    with pytest.raises(RequestRejected, match="has expired since its session began"):
        identity_of(facts._replace(resumed=True), "san")
    certificate["notAfter"] = "Jan  1 00:00:00 2099 GMT"
    assert str(identity_of(facts._replace(resumed=True), "san")) == "ada.test"
    assert "x" not in repr(facts)  # bytes are not for logs


def test_the_handshake_may_have_less_time_than_the_layers(server_pair: Any) -> None:
    """A virtual clock shows it to the second."""
    admitted = Admitted()
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key, handshake_timeout=3)
    with hosted("memory", One, plugins=[tls, admitted]) as host:
        server: Any = host.server
        client = host.connect()
        client.send(b"\x16\x03\x01")
        server.advance(2.9)
        assert admitted.reasons == []
        server.advance(0.2)
        assert admitted.reasons == ["the layers did not finish in time"]
