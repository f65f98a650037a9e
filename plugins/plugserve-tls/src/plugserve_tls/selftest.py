"""A handshake with ourselves, before anybody else can have one."""

from __future__ import annotations

import ssl

from plugserve import ConfigurationError
from plugserve.errors import PlugserveError

from .transform import TLSTransform

__all__ = ["prove"]

_ROUNDS = 10


def prove(context: ssl.SSLContext) -> None:
    """See that a client without a certificate is refused where one is required, in every version that is allowed.

    Errors: `ConfigurationError` if it is not.
    """
    if context.verify_mode is not ssl.CERT_REQUIRED:
        return
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        if version >= context.minimum_version and _admits_anybody(context, version):
            raise ConfigurationError(
                f"the self-test failed: a client without a certificate was admitted by {version.name}. This server "
                f"must not start",
                option="client_certificates",
            )


def _admits_anybody(context: ssl.SSLContext, version: ssl.TLSVersion) -> bool:
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.check_hostname = False
    stranger.verify_mode = ssl.CERT_NONE
    stranger.minimum_version = stranger.maximum_version = version
    server, client = TLSTransform(context), TLSTransform(stranger, server_side=False, server_hostname="self.test")
    try:
        for _ in range(_ROUNDS):
            for giver, taker in ((client, server), (server, client)):
                data = giver.pending()
                if data:
                    taker.feed(data)
            if server.established:
                return True
    except PlugserveError:
        return False
    return False
