"""What every server of the benchmarks shares: one queue length, one way to say that it is ready.

Each script is called with `tcp`, `udp` or `tls` (some cannot do all), listens on a free port of 127.0.0.1, prints
`ready PORT`, and serves until it is killed. Its echo is the one that the manual of its framework shows.
"""

from __future__ import annotations

import ssl

BACKLOG = 1024
"""Connections that may wait to be accepted, the same for all: a full queue would cost a client a whole second."""

HOST = "127.0.0.1"


def server_context() -> ssl.SSLContext:
    """For `tls`: the same key for all, on the curve P-256, of a certificate that nobody verifies."""
    from plugserve_tls.self_signed import make_files

    file, _ = make_files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    file.unlink()
    return context


def ready(port: int) -> None:
    """Tell the measuring process where to connect."""
    print("ready", port, flush=True)
