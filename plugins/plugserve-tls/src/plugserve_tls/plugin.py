"""The plugin: its options, and where in the life of a request it stands."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

from plugserve import BaseServer, ConfigurationError, Connection, Identity, PluginMixIn, RequestRejected, hookimpl
from plugserve.faults import report
from plugserve.secret import Secret

from .contexts import NamedPair, Pair, Trust
from .facts import facts_of
from .identity import identity_of
from .keyring import Keyring, Wanted
from .names import Names
from .self_signed import make_files
from .transform import TLSTransform

__all__ = ["TLS", "TLSMixIn"]


class TLS:
    """Encrypts connections, from their first byte or when a handler asks for it.

    Afterwards `context.tls` is a `TLSFacts`, and `context.identity` who has shown a certificate. TLS 1.2 at least, the
    cipher suites of Mozilla's intermediate profile, no renegotiation, no compression. The time for all layers together
    is `Limits.layers_timeout`. Files are read at the server's start, and again when they change: established
    connections keep what they have, and what cannot be used is reported and leaves the old in force.

    Parameters:
        certificate: a file in PEM: the certificate and those that sign it, without the root.
        key: its key in PEM; without it the key stands in the same file.
        password: of an encrypted key.
        names: further certificates by the names that clients ask for: `www.example.org`, or `*.example.org` for one
            label; each with `certificate`, `key` and `password`.
        client_certificates: whether clients have to show one: `"none"`, `"optional"`, or `"required"`.
        client_ca: a file of certificates in PEM that may sign a client's.
        revoked: a file of revocation lists in PEM, one for each of these.
        identity_from: which name of a client's certificate is its identity: `"san"`, the first DNS name, e-mail or IP
            address of its alternative names; `"uri"`, the first URI there; `"cn"`, its common name.
        client_names: the only identities that are admitted, exact or `*.example.org`; empty: all that are signed.
        alpn: the protocols to agree on (RFC 7301), the preferred one first.
        minimum_version: `"1.2"` or `"1.3"`.
        ciphers: those of TLS 1.2, in the form of ciphers(1); by default those of the profile.
        psk_file: pre-shared keys, one a line, `IDENTITY:KEY` with the key in hexadecimal digits; Python 3.13.
        upgrade: connections begin in clear, and handlers encrypt them by `start_tls` (STARTTLS).
        self_signed: make a certificate for localhost at each start, for development: nobody can trust it.
        handshake_timeout: seconds for the handshake alone; None: what all layers together have.
        reload_interval: seconds between two looks at the files.

    Errors: `ConfigurationError` at the server's start, for what cannot be read, does not fit together or is not safe.
    """

    plugin_name = "tls"
    phase = "encryption"

    def __init__(
        self,
        *,
        certificate: Path | str | None = None,
        key: Path | str | None = None,
        password: Secret | None = None,
        names: Mapping[str, NamedPair] | None = None,
        client_certificates: Literal["none", "optional", "required"] = "none",
        client_ca: Path | str | None = None,
        revoked: Path | str | None = None,
        identity_from: Literal["san", "uri", "cn"] = "san",
        client_names: Sequence[str] = (),
        alpn: Sequence[str] = (),
        minimum_version: Literal["1.2", "1.3"] = "1.2",
        ciphers: str | None = None,
        psk_file: Path | str | None = None,
        upgrade: bool = False,
        self_signed: bool = False,
        handshake_timeout: float | None = None,
        reload_interval: float = 1.0,
    ) -> None:
        _check_choices(client_certificates, identity_from, minimum_version)
        if self_signed and certificate is not None:
            raise ConfigurationError("self_signed makes a certificate, and one is given", option="self_signed")
        if certificate is None and not self_signed and psk_file is None:
            raise ConfigurationError("give certificate and key, or self_signed for development", option="certificate")
        pair = _pair(certificate, key, password) if certificate is not None else None
        self._wanted = Wanted(
            pair=pair,
            names={name: _pair_of(name, given) for name, given in (names or {}).items()},
            trust=Trust(client_certificates, _path(client_ca, "client_ca"), _path(revoked, "revoked")),
            minimum=minimum_version,
            ciphers=ciphers,
            alpn=tuple(alpn),
            psk_file=_path(psk_file, "psk_file"),
        )
        self.alpn = tuple(alpn)
        """The protocols to agree on, for handlers that need one."""
        self._identity_from: Literal["san", "uri", "cn"] = identity_from
        self._client_names = Names(dict.fromkeys(client_names, True), False) if client_names else None
        if client_names and client_certificates == "none":
            raise ConfigurationError(
                "client_names is of no use while no certificate is asked for: add client_certificates = required",
                option="client_names",
            )
        self._self_signed = self_signed
        self._timeout = handshake_timeout
        self._interval = reload_interval
        self._keyring: Keyring | None = None
        # One of the two: a plugin whose attribute for a hook is None does not implement it.
        if upgrade:
            self.open_connection = None  # type: ignore[method-assign, assignment]
        else:
            self.start_tls = None  # type: ignore[method-assign, assignment]

    @hookimpl
    def server_activate(self, server: BaseServer) -> None:
        """Load everything, and prove that it refuses whom it has to."""
        if server.transport == "tcp":
            # Accepted sockets inherit it (tcp(7)). TLS speaks before its handler does: with Nagle's algorithm (RFC 896)
            # the first answer would wait until the peer acknowledges that, 40 ms or more.
            server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._keyring is not None:
            return  # another listener's, or again
        if not self._self_signed:
            self._keyring = Keyring(self._wanted, self._interval)
            return
        file, fingerprint = make_files()
        try:
            wanted = Wanted(**{**vars(self._wanted), "pair": Pair(file)})
            self._keyring = Keyring(wanted, float("inf"))
        finally:
            file.unlink()
        report(
            f"plugin 'tls' on {server.listener_name}",
            level="warning",
            text=f"a certificate for development was made, which nobody can trust: SHA-256 {fingerprint}",
        )

    @hookimpl
    async def open_connection(self, connection: Connection) -> None:
        """Encrypt from the first byte."""
        await self._encrypt(connection)

    @hookimpl
    async def start_tls(self, connection: Connection) -> None:
        """Encrypt from here on."""
        await self._encrypt(connection)

    async def _encrypt(self, connection: Connection) -> None:
        assert self._keyring is not None, "it has been activated"
        loaded = self._keyring.refresh(monotonic())
        transform = TLSTransform(loaded.choose, psk=loaded.psk)
        await self._shake_hands(connection, transform)
        session = transform.session
        own = loaded.own_certificate(session.context)
        facts = facts_of(session, own, transform.server_name, transform.psk_identity)
        connection.tls = facts
        identity = Identity(facts.psk, "psk") if facts.psk is not None else identity_of(facts, self._identity_from)
        if identity is None:
            return
        if self._client_names is not None and identity.method == "tls" and not self._client_names.find(identity.name):
            raise RequestRejected(f"the client's certificate is that of {identity.name!r}, who is not admitted")
        connection.identity = identity

    async def _shake_hands(self, connection: Connection, transform: TLSTransform) -> None:
        before = connection.deadline
        if self._timeout is not None:
            limit = connection.server.clock() + self._timeout
            connection.deadline = limit if before is None else min(before, limit)
        await connection.push_established(transform)
        connection.deadline = before

    @property
    def certificate_der(self) -> bytes:
        """The default certificate that is in force, in DER; empty before the start."""
        return b"" if self._keyring is None else self._keyring.loaded.own_certificate(self._keyring.loaded.context)


class TLSMixIn(PluginMixIn):
    """Mix-in: a server that encrypts; the parameters of `TLS` are its attributes `tls_certificate`, `tls_key`, ..."""

    plugin_class = TLS


_KEY_MATERIAL: Final = re.compile(r"-----BEGIN |[\r\n]|:[0-9a-fA-F]{32,}\s*$")
"""PEM, or a line of a file of pre-shared keys."""


def _path(given: Path | str | None, option: str) -> Path | None:
    """Errors: `ConfigurationError` for a key itself, which every later message would quote as the name of a file."""
    if given is not None and _KEY_MATERIAL.search(str(given)):
        raise ConfigurationError(
            f"{option} is the path of a file, and what stands here looks like the file's content: write it into a file",
            option=option,
        )
    return None if given is None else Path(given)


def _pair(certificate: Path | str, key: Path | str | None, password: Secret | None, name: str | None = None) -> Pair:
    before = "" if name is None else f"names, {name}: "
    if password is not None and not isinstance(password, Secret):
        raise ConfigurationError(f"{before}the password is no plugserve.Secret: write Secret(...)", option="password")
    file = _path(certificate, f"{before}certificate")
    assert file is not None, "it has been given"
    return Pair(file, _path(key, f"{before}key"), password, option="certificate" if name is None else "names")


def _pair_of(name: str, given: NamedPair | Mapping[str, Any]) -> Pair:
    """In code a plain mapping does as well."""
    if isinstance(given, NamedPair):
        return _pair(given.certificate, given.key, given.password, name)
    unknown = set(given) - {"certificate", "key", "password"}
    if unknown or "certificate" not in given:
        wrong = f"has no option {min(unknown)!r}" if unknown else "needs a certificate"
        raise ConfigurationError(f"names, {name}: {wrong}: write certificate and key", option="names")
    return _pair(given["certificate"], given.get("key"), given.get("password"), name)


def _check_choices(client_certificates: str, identity_from: str, minimum_version: str) -> None:
    """From code any text may come."""
    for option, value, choices in (
        ("client_certificates", client_certificates, ("none", "optional", "required")),
        ("identity_from", identity_from, ("san", "uri", "cn")),
        ("minimum_version", minimum_version, ("1.2", "1.3")),
    ):
        if value not in choices:
            raise ConfigurationError(f"{option} is {value!r}: use one of {', '.join(choices)}", option=option)
