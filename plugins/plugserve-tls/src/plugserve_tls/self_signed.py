"""A certificate for development, made anew at each start and believed by nobody."""

from __future__ import annotations

import datetime
import ipaddress
import os
import tempfile
from pathlib import Path

from plugserve import ConfigurationError

__all__ = ["make_files"]

_DAYS = 7


def make_files() -> tuple[Path, str]:
    """Write a certificate and its key for `localhost` into one file, which only this user can read.

    Returns: the file, to be removed once it is loaded, and the certificate's SHA-256 fingerprint.
    Errors: `ConfigurationError` where the library that makes it is missing.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError:
        raise ConfigurationError(
            "a certificate can only be made with the library cryptography: pip install 'plugserve-tls[self-signed]', "
            "or give certificate and key",
            option="self_signed",
        ) from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plugserve, for development only")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    descriptor, path = tempfile.mkstemp(suffix=".pem")  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return Path(path), certificate.fingerprint(hashes.SHA256()).hex(":").upper()
