"""Encryption and authentication together: what the one proves the other uses."""

from __future__ import annotations

import hashlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from plugserve import CoroutineHandler, MultiplexingTCPServer, PluginError
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_auth import Auth
from plugserve_auth.client import authenticate
from plugserve_auth.errors import AuthenticationFailed
from plugserve_auth.stores.certificate import ClientCertificate
from plugserve_auth.stores.passwords import decoy_line, entry_line
from plugserve_tls import TLS
from plugserve_tls.self_signed import make_files

PATIENCE = 20
ENGINES = [name for name in STREAM_ENGINES if name != "memory"]


class Hello(CoroutineHandler):
    async def handle(self) -> None:
        self.connection.write(f"hello {self.context.identity}\n".encode())


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate with its key, for localhost."""
    made, _ = make_files()
    return made.rename(tmp_path / "server.pem")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A password file with alice, made at the lowest costs."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    path = tmp_path / "users"
    path.write_text(f"{decoy_line()}\n{entry_line('alice', 'pencil', hasher=cheap, iterations=4096)}\n")
    path.chmod(0o600)
    return path


def connect(host: Any, certificate: Path, own: Path | None = None) -> ssl.SSLSocket:
    """A client that trusts this certificate, and shows its own."""
    context = ssl.create_default_context(cafile=str(certificate))
    if own is not None:
        context.load_cert_chain(own)
    plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
    return context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_password_is_taken_through_tls(engine: str, mechanism: str, certificate: Path, users: Path) -> None:
    """PLAIN is offered there, and not in clear."""
    plugins = [TLS(certificate=certificate), Auth(passwords=users)]
    with hosted(engine, Hello, plugins=plugins) as host, connect(host, certificate) as client:
        authenticate(client, mechanism, name="alice", password="pencil")
        assert client.recv(100) == b"hello alice\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_scram_is_bound_to_the_channel(engine: str, certificate: Path, users: Path) -> None:
    """To the server's certificate: with that of somebody in the middle it fails."""
    plugins = [TLS(certificate=certificate), Auth(passwords=users)]
    with hosted(engine, Hello, plugins=plugins) as host:
        with connect(host, certificate) as client:
            shown = client.getpeercert(binary_form=True)
            assert shown is not None
            binding = hashlib.sha256(shown).digest()
            authenticate(client, "SCRAM-SHA-256-PLUS", name="alice", password="pencil", binding=binding)
            assert client.recv(100) == b"hello alice\n"
        with connect(host, certificate) as client, pytest.raises(AuthenticationFailed):
            authenticate(client, "SCRAM-SHA-256-PLUS", name="alice", password="pencil", binding=bytes(32))


def test_in_clear_plain_is_not_offered(users: Path) -> None:
    """Everybody on the way could read it."""
    with (
        hosted("threading", Hello, plugins=[Auth(passwords=users)]) as host,
        socket.create_connection(host.server.server_address, timeout=PATIENCE) as client,
        pytest.raises(AuthenticationFailed, match="does not offer PLAIN"),
    ):
        authenticate(client, "PLAIN", name="alice", password="pencil")


@pytest.mark.parametrize("engine", ["threading", "multiplexing", "forking"])
def test_a_certificate_is_who_one_is_externally(engine: str, certificate: Path, tmp_path: Path) -> None:
    """EXTERNAL (RFC 4422, appendix A) takes what TLS has proved, under a name of ours."""
    own = _client_certificate(tmp_path)
    tls = TLS(certificate=certificate, client_certificates="required", client_ca=own)
    auth = Auth(stores=[ClientCertificate(users={"ada.test": "ada"})], mode="preamble")
    with hosted(engine, Hello, plugins=[tls, auth]) as host, connect(host, certificate, own) as client:
        authenticate(client, "EXTERNAL")
        assert client.recv(100) == b"hello ada\n"


def _client_certificate(folder: Path) -> Path:
    """One that is its own authority."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ada.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ada.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "ada.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


def test_the_order_in_which_a_password_would_go_in_clear_is_refused(certificate: Path, users: Path) -> None:
    """At the start, with what would happen."""
    with pytest.raises(PluginError, match="would be proved in the clear"):
        MultiplexingTCPServer(("127.0.0.1", 0), Hello, plugins=[Auth(passwords=users), TLS(certificate=certificate)])
