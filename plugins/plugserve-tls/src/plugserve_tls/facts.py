"""What a TLS connection is: the object that `context.tls` gives."""

from __future__ import annotations

import hashlib
import ssl
from typing import Any, NamedTuple

from .der import signature_hash

__all__ = ["TLSFacts"]


class TLSFacts(NamedTuple):
    """The facts of one connection, once its handshake is over.

    Parameters:
        version: `"TLSv1.3"` or `"TLSv1.2"`.
        cipher: OpenSSL's name of the cipher suite.
        bits: of its secret key.
        alpn: the protocol that was agreed on (RFC 7301); None if none was.
        server_name: the name that the client asked for (RFC 6066, section 3); None if none.
        resumed: whether an earlier session was resumed.
        certificate: the client's certificate, as `ssl.SSLSocket.getpeercert()` has it; None without one.
        certificate_der: the same in DER; None without one.
        psk: the identity of the pre-shared key; None without one.
        own_certificate: the server's certificate in DER, for channel binding; empty without one.
    """

    version: str
    cipher: str
    bits: int
    alpn: str | None = None
    server_name: str | None = None
    resumed: bool = False
    certificate: dict[str, Any] | None = None
    certificate_der: bytes | None = None
    psk: str | None = None
    own_certificate: bytes = b""

    def __repr__(self) -> str:
        shown = {name: value for name, value in self._asdict().items() if not isinstance(value, bytes)}
        return f"TLSFacts({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def channel_binding(self, kind: str) -> bytes | None:
        """What binds an authentication to this connection (RFC 5929).

        Parameters:
            kind: `"tls-server-end-point"`: the hash of the server's certificate.

        Returns: the bytes; None for another kind, or where there is no certificate.
        """
        if kind != "tls-server-end-point" or not self.own_certificate:
            return None
        name = signature_hash(self.own_certificate)
        # Section 4.1: for MD5 and SHA-1 SHA-256 takes their place; for what has no one hash it is undefined.
        if name is None:
            return None
        return hashlib.new("sha256" if name in ("md5", "sha1") else name, self.own_certificate).digest()


def facts_of(
    session: ssl.SSLObject, own_certificate: bytes, server_name: str | None = None, psk: str | None = None
) -> TLSFacts:
    """The facts of a connection whose handshake is over.

    Parameters:
        session: the standard library's object.
        own_certificate: that which was shown to the client, in DER.
        server_name: what the client asked for.
        psk: the identity of the pre-shared key.
    """
    name, _, bits = session.cipher() or ("", "", 0)
    der = session.getpeercert(binary_form=True)
    # By position: this is a part of what each handshake costs.
    return TLSFacts(
        session.version() or "",
        name,
        bits or 0,
        session.selected_alpn_protocol(),
        server_name,
        bool(session.session_reused),
        session.getpeercert() if der else None,
        der,
        psk,
        own_certificate,
    )
