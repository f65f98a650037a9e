"""What all tests of this distribution share: nothing may be left behind, and certificates of all kinds."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


SIGNS = x509.KeyUsage(
    **dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ),
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass
class Issued:
    """A certificate and its key, in files and as objects."""

    certificate: Path
    key: Path
    x509: x509.Certificate
    private: Any


class Authority:
    """Signs certificates into a folder."""

    server_use = SERVER

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.own = self._issue(name, None, authority=True)
        self.file = self.own.certificate

    def issue(self, name: str, **about: Any) -> Issued:
        """A certificate that this authority has signed; parameters as of `_issue`."""
        return self._issue(name, self.own, **about)

    def _issue(
        self,
        name: str,
        issuer: Issued | None,
        *,
        authority: bool = False,
        usage: Any = CLIENT,
        days: tuple[int, int] = (-1, 30),
        names: tuple[x509.GeneralName, ...] | None = None,
        file: str | None = None,
    ) -> Issued:
        private = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.x509.subject if issuer is not None else subject)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + days[0] * DAY)
            .not_valid_after(NOW + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        # RFC 5280, sections 4.2.1.1 to 4.2.1.3: Python 3.13 insists on them (VERIFY_X509_STRICT).
        signer = issuer.private if issuer is not None else private
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        if authority:
            builder = builder.add_extension(SIGNS, critical=True)
        else:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            alternatives = (x509.DNSName(name),) if names is None else names
            if alternatives:
                builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        made = builder.sign(issuer.private if issuer is not None else private, hashes.SHA256())
        certificate = self.folder / f"{file or name.replace('*', '_')}.pem"
        key = certificate.with_suffix(".key")
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key.chmod(0o600)
        return Issued(certificate, key, made, private)

    def revoke(self, *issued: Issued) -> Path:
        """A list of those that are revoked."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.own.x509.subject)
        builder = builder.last_update(NOW - DAY).next_update(NOW + 30 * DAY)
        for one in issued:
            revoked = x509.RevokedCertificateBuilder().serial_number(one.x509.serial_number)
            builder = builder.add_revoked_certificate(revoked.revocation_date(NOW - DAY).build())
        file = self.folder / "revoked.pem"
        file.write_bytes(builder.sign(self.own.private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that the tests trust."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Issued:
    """The server's certificate, for localhost."""
    names = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    return authority.issue("localhost", usage=SERVER, names=names, file="server")


@pytest.fixture
def trusting(authority: Authority) -> Iterator[ssl.SSLContext]:
    """A client's context that trusts the authority."""
    return ssl.create_default_context(cafile=str(authority.file))
