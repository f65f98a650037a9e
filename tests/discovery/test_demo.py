from __future__ import annotations

import json
import re
import shlex
import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stops servers with SIGTERM")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("engine", ["threading", "sync", "forking"])
def test_the_demo_serves_its_page_echo_and_the_time_and_logs_each_request_once(
    serve: Callable[..., Any], engine: str
) -> None:
    """What `make serve` runs, on free ports: every listener answers, and the log has a line for each request."""
    command = re.search(r"^DEMO := plugserve serve (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command
    words = shlex.split(re.sub(r":\d{4}\b", ":0", command[1]))
    demo = serve(*words, "--engine", engine, cwd=ROOT)

    host, port = demo.address("http")
    for name in ("index.html", "life.html", "style.css"):
        with urllib.request.urlopen(f"http://{host}:{port}/{name}", timeout=20) as reply:
            assert reply.read() == (ROOT / "docs" / "demo" / name).read_bytes()
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=20) as reply:
        assert b"<title>plugserve" in reply.read()
    assert demo.talk(b"hello") == b"hello"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"hello", demo.address("udp"))
        assert client.recv(100) == b"hello"
    daytime = next(line for line in demo.lines if "handler=daytime" in line)
    found = re.search(r"tcp://([\d.]+):(\d+)", daytime)
    assert found
    with socket.create_connection((found[1], int(found[2])), timeout=20) as connection:
        assert re.search(rb"\d\d:\d\d:\d\d", connection.recv(100))

    status, errors = demo.stop()
    assert status == 0
    events = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    requests = [event for event in events if event["event"] == "request"]
    assert len(requests) == 7
    assert {event["outcome"] for event in requests} <= {"ok", "peer-closed"}


def test_a_client_that_the_demo_denies_gets_no_byte_and_a_line_in_the_log(serve: Callable[..., Any]) -> None:
    """With a rule against this machine the same listeners let nobody in, and say so."""
    server = serve("echo", "--with", "access:deny=127.0.0.0/8,log")
    assert server.talk(b"hello") == b""
    status, errors = server.stop()
    assert status == 0
    events = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events if event["event"] in ("request", "rejected")] == ["rejected"]
