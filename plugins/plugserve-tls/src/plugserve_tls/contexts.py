"""From options to contexts of the standard library: what is allowed, and whom it trusts.

Protocols and cipher suites are those of Mozilla's intermediate profile (version 5.7) without finite-field
Diffie-Hellman, which modern clients do not need. Compression and renegotiation are off.
"""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from plugserve import ConfigurationError
from plugserve.secret import Secret

__all__ = ["NamedPair", "Pair", "Trust", "make_context"]

CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""Those of TLS 1.2; those of 1.3 are all sound, and cannot be chosen."""

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its key.

    Parameters:
        certificate: a file in PEM: the certificate, then those that sign it, up to but without the root.
        key: a file in PEM; None: it stands in the same file.
        password: of the key, if it is encrypted.
        option: what names it in messages.
    """

    certificate: Path
    key: Path | None = None
    password: Secret | None = None
    option: str = "certificate"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it is read from."""
        return (self.certificate,) if self.key is None else (self.certificate, self.key)


@dataclass(frozen=True, slots=True)
class NamedPair:
    """What an option says of the certificate for one name.

    Parameters:
        certificate, key, password: as of `Pair`.
    """

    certificate: Path
    key: Path | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """What clients have to show.

    Parameters:
        mode: no certificate at all, one if they have it, or one in any case.
        authorities: a file of certificates in PEM that may sign a client's.
        revoked: a file of revocation lists in PEM (RFC 5280, section 5), one for each authority.
    """

    mode: Literal["none", "optional", "required"] = "none"
    authorities: Path | None = None
    revoked: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it is read from."""
        return tuple(one for one in (self.authorities, self.revoked) if one is not None)


_MODES: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def make_context(
    pair: Pair | None, trust: Trust, *, minimum: str = "1.2", ciphers: str | None = None, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """One server context.

    Parameters:
        pair: what it shows to clients; None where a pre-shared key takes its place.
        trust: what it wants of them.
        minimum: the lowest version of TLS, a key of `VERSIONS`.
        ciphers: those of TLS 1.2 in OpenSSL's form; None: `CIPHERS`.
        alpn: the protocols that are offered, the preferred one first.

    Errors: `ConfigurationError` for what cannot be read, does not fit together, or is not safe.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[minimum]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A client that resumes gets another, so one is enough, and OpenSSL's two make a handshake dearer by a tenth.
    context.num_tickets = 1
    try:
        context.set_ciphers(ciphers or CIPHERS)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"ciphers: {ciphers!r} selects none that OpenSSL has: see ciphers(1), or leave it out", option="ciphers"
        ) from error
    if alpn:
        try:
            context.set_alpn_protocols(list(alpn))
        except ssl.SSLError as error:
            raise ConfigurationError("alpn: names have 1 to 255 bytes", option="alpn") from error
    if pair is not None:
        _load_pair(context, pair)
    _load_trust(context, trust)
    return context


def _load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    for file in pair.files:
        _readable(file, pair.option if file == pair.certificate else "key")
    key = pair.key or pair.certificate
    mode = key.stat().st_mode
    if os.name == "posix" and mode & stat.S_IROTH:
        raise ConfigurationError(
            f"the key {key} can be read by everybody on this machine: chmod o-r {key}", option="key"
        )
    # A function: without one OpenSSL would ask at the terminal.
    password = pair.password.reveal if pair.password is not None else _no_password
    try:
        context.load_cert_chain(pair.certificate, pair.key, password)
    except _PasswordMissing:
        raise ConfigurationError(f"the key {key} is encrypted: give its password", option="password") from None
    except ssl.SSLError as error:
        raise _explained(error, pair, key) from error
    except ValueError as error:  # CPython takes 1,024 bytes
        raise ConfigurationError(f"the key {key} cannot be read: {error}", option="password") from error


class _PasswordMissing(Exception):
    """The key wants a password."""


def _no_password() -> str:
    raise _PasswordMissing


def _explained(error: ssl.SSLError, pair: Pair, key: Path) -> ConfigurationError:
    if error.reason == "KEY_VALUES_MISMATCH":
        return ConfigurationError(f"the key {key} is not that of the certificate {pair.certificate}", option="key")
    if pair.password is not None and error.reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ", None):
        return ConfigurationError(f"the key {key} cannot be read: is its password right?", option="password")
    what = (error.reason or "it holds none").lower().replace("_", " ")
    return ConfigurationError(
        f"{pair.certificate} and {key} are no certificate and key in PEM: {what}", option=pair.option
    )


def _load_trust(context: ssl.SSLContext, trust: Trust) -> None:
    context.verify_mode = _MODES[trust.mode]
    if trust.mode == "none":
        if trust.authorities is not None or trust.revoked is not None:
            raise ConfigurationError(
                "client_ca is of no use while no certificate is asked for: add client_certificates = required",
                option="client_ca" if trust.authorities is not None else "revoked",
            )
        return
    if trust.authorities is None:
        raise ConfigurationError(
            f"client_certificates = {trust.mode}: nobody is trusted to sign them: add client_ca", option="client_ca"
        )
    _readable(trust.authorities, "client_ca")
    try:
        context.load_verify_locations(trust.authorities)
    except ssl.SSLError:
        pass  # told below, as what it comes to
    if not context.cert_store_stats()["x509_ca"]:
        raise ConfigurationError(
            f"{trust.authorities} holds no certificate of an authority: no client could be admitted", option="client_ca"
        )
    if trust.revoked is not None:
        _readable(trust.revoked, "revoked")
        try:
            context.load_verify_locations(trust.revoked)
        except ssl.SSLError:
            pass
        if not context.cert_store_stats()["crl"]:
            raise ConfigurationError(f"{trust.revoked} holds no revocation list in PEM", option="revoked")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _readable(file: Path, option: str) -> None:
    try:
        with open(file, "rb"):
            pass
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file}: {getattr(error, 'strerror', None) or error}", option=option) from error


def own_certificate(context: ssl.SSLContext, pair: Pair | None) -> bytes:
    """The certificate that a context shows, in DER."""
    if pair is None:
        return b""
    text = pair.certificate.read_text("ascii", "replace")
    begin = text.find(ssl.PEM_HEADER)
    end = text.find(ssl.PEM_FOOTER, begin)
    if begin < 0 or end < 0:
        return b""
    der: Any = ssl.PEM_cert_to_DER_cert(text[begin : end + len(ssl.PEM_FOOTER)] + "\n")
    return bytes(der)
