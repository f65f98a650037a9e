from __future__ import annotations

from typing import Any

import pytest

from plugserve import BaseRequestHandler, BaseServer
from plugserve.hints import command_for, listener_name, shown_address


@pytest.mark.parametrize(
    "transport,address,scheme,shown,command",
    [
        ("tcp", ("127.0.0.1", 7007), None, "tcp://127.0.0.1:7007", "ncat 127.0.0.1 7007"),
        ("tcp", ("127.0.0.1", 80), "http", "http://127.0.0.1:80/", "curl http://127.0.0.1:80/"),
        ("tcp", ("::1", 80, 0, 0), "http", "http://[::1]:80/", "curl http://[::1]:80/"),
        ("tcp", ("0.0.0.0", 80), "http", "http://127.0.0.1:80/", "curl http://127.0.0.1:80/"),
        ("tcp", ("0.0.0.0", 7), None, "tcp://0.0.0.0:7", "ncat 127.0.0.1 7"),
        ("tcp", ("::", 7, 0, 0), None, "tcp://[::]:7", "ncat ::1 7"),
        ("udp", ("127.0.0.1", 7), None, "udp://127.0.0.1:7", "ncat -u 127.0.0.1 7"),
        ("unix", "/run/a b", None, "unix:///run/a b", "ncat -U '/run/a b'"),
        ("unix", "/run/x", "http", "unix:///run/x", "curl --unix-socket /run/x http://localhost/"),
        ("unix", "\0name", None, "unix://@name", "socat - abstract-connect:name"),
        ("unix", b"\0name", None, "unix://@name", "socat - abstract-connect:name"),
        ("unix-dgram", "/run/x", None, "unix-dgram:///run/x", "ncat -uU /run/x"),
        ("unix-seqpacket", "/run/x", None, "unix-seqpacket:///run/x", "socat - unix-connect:/run/x,type=5"),
        ("vsock", (2, 7007), None, "vsock://2:7007", "ncat --vsock 2 7007"),
    ],
)
def test_an_address_is_shown_with_a_command_that_reaches_it(
    transport: str, address: Any, scheme: str | None, shown: str, command: str
) -> None:
    """A URL where the protocol has one; and what can be typed on the machine itself, wherever the listener is bound."""
    assert shown_address(transport, address, scheme) == shown
    assert command_for(transport, address, scheme) == command


@pytest.mark.parametrize(
    "address,name",
    [(("127.0.0.1", 7007), "127.0.0.1:7007"), (("::1", 7, 0, 0), "::1:7"), ("/run/x", "/run/x"), (b"\0name", "\0name")],
)
def test_a_listener_without_a_name_is_called_as_by_its_server(address: Any, name: str) -> None:
    """Lines for programs and logs speak of the same listener with the same word."""
    assert listener_name(address) == BaseServer(address, BaseRequestHandler).listener_name == name
