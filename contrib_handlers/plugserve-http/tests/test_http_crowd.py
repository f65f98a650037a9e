"""What a client too many is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugserve import Limits
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_http import FilesHandler


@pytest.mark.parametrize("engine", [engine for engine in STREAM_ENGINES if engine != "sync"])
def test_a_client_too_many_gets_503_and_when_to_come_again(engine: str, tmp_path: Path) -> None:
    """A whole response, so that clients and proxies know what to do; then the connection ends."""
    options = FilesHandler.Options(root=tmp_path)
    with hosted(engine, FilesHandler, options=options, limits=Limits(connections=1)) as host:
        first = host.connect()
        first.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert first.take(12) == b"HTTP/1.1 200"
        head, _, body = host.connect().rest().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"Retry-After: 1" in head
        assert b"Connection: close" in head
        assert f"Content-Length: {len(body)}".encode() in head
