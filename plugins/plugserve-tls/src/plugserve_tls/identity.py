"""From a client's certificate to who the client is."""

from __future__ import annotations

import hashlib
import ssl
from time import time
from typing import Any, Final, Literal

from plugserve import Identity, RequestRejected

from .facts import TLSFacts

__all__ = ["Source", "identity_of"]

Source = Literal["san", "cn", "uri"]

_KINDS: Final = ("DNS", "email", "IP Address")


def identity_of(facts: TLSFacts, source: Source) -> Identity | None:
    """Who has shown this certificate; None if none was shown.

    Parameters:
        facts: of the connection.
        source: `"san"`: the first DNS name, e-mail or IP address among its alternative names (RFC 5280, section
            4.2.1.6); `"uri"`: the first URI there, such as a SPIFFE ID; `"cn"`: the common name of its subject.

    Errors: `RequestRejected` if the certificate has no such name, or has expired since the session began that is
        resumed: OpenSSL looks at that in whole handshakes only.
    """
    certificate = facts.certificate
    if certificate is None or facts.certificate_der is None:
        return None
    if facts.resumed and ssl.cert_time_to_seconds(certificate["notAfter"]) < time():
        raise RequestRejected("the client's certificate has expired since its session began")
    name = _name(certificate, source)
    if not name:
        what = {"san": "alternative name", "uri": "URI among its alternative names", "cn": "common name"}[source]
        raise RequestRejected(f"the client's certificate has no {what}")
    claims = {
        "subject": _flat(certificate.get("subject", ())),
        "issuer": _flat(certificate.get("issuer", ())),
        "serial": certificate.get("serialNumber", ""),
        "not_after": certificate.get("notAfter", ""),
        "sha256": hashlib.sha256(facts.certificate_der).hexdigest(),
        "names": [f"{kind}:{value}" for kind, value in certificate.get("subjectAltName", ())],
    }
    return Identity(name, "tls", claims=claims)


def _name(certificate: dict[str, Any], source: Source) -> str:
    if source == "cn":
        pairs = (pair for part in certificate.get("subject", ()) for pair in part)
        return next((value for key, value in pairs if key == "commonName"), "")
    kinds = ("URI",) if source == "uri" else _KINDS
    return next((value for kind, value in certificate.get("subjectAltName", ()) if kind in kinds), "")


def _flat(name: Any) -> str:
    """A distinguished name in one line."""
    return ", ".join(f"{key}={value}" for part in name for key, value in part)
