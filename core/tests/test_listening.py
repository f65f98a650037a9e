"""Listening sockets: what is bound, who may connect, what is removed and what is not."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    TCPServer,
    UnixSeqpacketServer,
    UnixStreamServer,
    listening,
)
from plugserve.address import parse_address
from plugserve.compose import make_server
from plugserve.listening import bind, claim_release, transport_of

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="waits for a platform with Unix sockets")


class Echo(BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(self.request.recv(100).upper())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: Unix paths may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ps") as name:
        yield Path(name)


def asked(server: Any, address: Any, family: int = socket.AF_UNIX, kind: int = socket.SOCK_STREAM) -> bytes:
    """What a server answers to one client."""
    with socket.socket(family, kind) as client:
        client.settimeout(20)
        client.connect(address)
        client.sendall(b"hallo")
        server.handle_request()
        return client.recv(100)


def test_a_star_serves_ipv4_and_ipv6_from_one_socket() -> None:
    """Dual-stack: an IPv4 client comes in as ::ffff:127.0.0.1."""
    with make_server("tcp://*:0", Echo, engine="sync") as server:
        port = server.server_address[1]
        assert asked(server, ("127.0.0.1", port), socket.AF_INET) == b"HALLO"
        if server.address_family == socket.AF_INET6:
            assert asked(server, ("::1", port), socket.AF_INET6) == b"HALLO"


def test_a_server_class_takes_an_ipv6_address_as_it_is() -> None:
    """Where address_family has not been set, the address decides."""
    if not socket.has_ipv6:
        pytest.skip("waits for a machine with IPv6")

    class Dual(TCPServer):
        dual_stack = True

    with Dual(("::", 0), Echo) as server:
        assert asked(server, ("127.0.0.1", server.server_address[1]), socket.AF_INET) == b"HALLO"


def test_a_unix_path_has_the_asked_for_mode_from_its_first_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at between bind and chmod: until then nobody may connect."""
    path = folder / "s"
    seen: list[int] = []
    chmod = os.chmod

    def looking(target: Any, mode: int, **more: Any) -> None:
        seen.append(stat.S_IMODE(os.lstat(path).st_mode))
        chmod(target, mode, **more)

    monkeypatch.setattr(os, "chmod", looking)
    before = os.umask(0)
    try:
        sock = bind(parse_address(f"unix://{path}?mode=0660"))
    finally:
        os.umask(before)
    with sock:
        assert seen == [0]
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o660


def test_a_path_left_behind_by_a_dead_process_is_taken_over(folder: Path) -> None:
    """The probe is refused, so nobody is there."""
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with make_server(f"unix://{path}", Echo, engine="sync") as server:
        assert asked(server, str(path)) == b"HALLO"
    assert not path.exists(), "ours is removed at the end"


def test_a_living_socket_is_never_removed(folder: Path) -> None:
    """Whoever listens keeps the path."""
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen(5)
        with pytest.raises(OSError, match="somebody listens") as caught:
            bind(parse_address(f"unix://{path}"))
        assert caught.value.errno == errno.EADDRINUSE
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_is_no_socket_is_never_removed(folder: Path, what: str) -> None:
    """A file, or a symbolic link, even one to a dead socket, is somebody's: refused."""
    path, victim = folder / "s", folder / "victim"
    if what == "file":
        path.write_text("precious")
    else:
        victim.write_text("precious")
        path.symlink_to(victim)
    with pytest.raises(ConfigurationError, match="taken by something that is no socket: remove it yourself"):
        bind(parse_address(f"unix://{path}"))
    assert path.read_text() == "precious"


def test_a_path_that_was_replaced_meanwhile_is_not_removed_at_the_end(folder: Path) -> None:
    """Only the inode that was made is taken away."""
    path = folder / "s"
    with bind(parse_address(f"unix://{path}")) as sock:
        release = claim_release(sock)
        assert release is not None
        path.unlink()
        path.write_text("somebody else's")
        release()
    assert path.read_text() == "somebody else's"


def test_in_code_a_unix_server_is_as_in_socketserver_unless_it_says_more(folder: Path) -> None:
    """An existing path is refused and the path stays; with manage_path and a mode it is looked after."""
    path = str(folder / "s")
    with UnixStreamServer(path, Echo) as server:
        assert asked(server, path) == b"HALLO"
    with pytest.raises(OSError, match="in use"):
        UnixStreamServer(path, Echo)

    class Managed(UnixStreamServer):
        manage_path = True
        socket_mode = 0o600

    with Managed(path, Echo) as server:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert asked(server, path) == b"HALLO"
    assert not os.path.exists(path)


def test_abstract_names_are_refused_unless_asked_for() -> None:
    """They have no permissions: everybody on the machine may connect."""
    name = f"\0plugserve-test-{os.getpid()}"
    with pytest.raises(ConfigurationError, match="abstract name"):
        UnixStreamServer(name, Echo)

    class Allowed(UnixStreamServer):
        allow_abstract = True

    if sys.platform == "linux":
        with Allowed(name, Echo) as server:
            assert asked(server, name) == b"HALLO"


def test_a_seqpacket_server_keeps_records(folder: Path) -> None:
    """One send of the client is one receive of the handler."""
    if sys.platform != "linux":
        pytest.skip("waits for a platform with SOCK_SEQPACKET on Unix sockets")
    path = str(folder / "s")
    with UnixSeqpacketServer(path, Echo) as server:
        assert asked(server, path, kind=socket.SOCK_SEQPACKET) == b"HALLO"


def test_a_path_that_is_too_long_says_so(folder: Path) -> None:
    """The kernel would only say EINVAL."""
    with pytest.raises(ConfigurationError, match=r"has \d+ bytes, the most is 107"):
        bind(parse_address(f"unix://{folder}/{'x' * 120}"))


def test_an_unknown_owner_is_refused_before_anything_is_made(folder: Path) -> None:
    """The message names the path and the user."""
    with pytest.raises(ConfigurationError, match="there is no user 'nobody-at-all'"):
        bind(parse_address(f"unix://{folder}/s?owner=nobody-at-all"))
    assert not list(folder.iterdir())


def test_an_inherited_descriptor_is_served() -> None:
    """By number, whatever its family; it is not inherited further."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        copy = os.dup(listener.fileno())
        address = listener.getsockname()
    with make_server(f"fd://{copy}", Echo, engine="sync") as server:
        assert not os.get_inheritable(copy)
        assert asked(server, address, socket.AF_INET) == b"HALLO"


def test_a_descriptor_that_is_no_socket_is_refused() -> None:
    """With its number."""
    with tempfile.TemporaryFile() as file, pytest.raises(ConfigurationError, match=f"descriptor {file.fileno()} can"):
        bind(parse_address(f"fd://{file.fileno()}"))


SYSTEMD = """
import os, socket, sys
os.environ["LISTEN_PID"] = str(os.getpid())
from plugserve.listening import from_systemd
from plugserve import ConfigurationError
for name in sys.argv[1:]:
    try:
        sock = from_systemd(name)
        print(name, sock.getsockname()[1])
    except ConfigurationError as error:
        print(name, "refused:", error)
    else:
        sock.detach()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="waits for systemd's platform")
def test_sockets_that_systemd_passed_are_found_by_name_and_number_and_given_out_once() -> None:
    """As sd_listen_fds(3) describes: LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, from descriptor 3 on."""
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as admin:
        ports = [web.getsockname()[1], admin.getsockname()[1]]
        shell = f'exec 3<&{web.fileno()} 4<&{admin.fileno()}; exec "$@"'
        run = subprocess.run(
            ["bash", "-c", shell, "bash", sys.executable, "-c", SYSTEMD, "web", "web", "1", "nope", ""],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:admin"},
            pass_fds=[web.fileno(), admin.fileno()],
            capture_output=True,
            text=True,
            timeout=50,
        )
    lines = run.stdout.splitlines()
    assert lines[0] == f"web {ports[0]}", run.stderr
    assert "each has been taken" in lines[1]
    assert lines[2] == f"1 {ports[1]}"
    assert "there is no such socket; passed were 0 (web), 1 (admin)" in lines[3]
    assert "refused" in lines[4]


def test_sockets_passed_to_another_process_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """LISTEN_PID names whom they are for."""
    monkeypatch.setenv("LISTEN_PID", "1")
    with pytest.raises(ConfigurationError, match="has passed no sockets to this process"):
        bind(parse_address("systemd://web"))


def test_reuseport_lets_two_servers_share_a_port() -> None:
    """Each has a queue of its own (socket(7), SO_REUSEPORT)."""
    if not hasattr(socket, "SO_REUSEPORT"):
        pytest.skip("waits for a platform with SO_REUSEPORT")
    with bind(parse_address("tcp://127.0.0.1:0?reuseport=yes")) as first:
        port = first.getsockname()[1]
        with bind(parse_address(f"tcp://127.0.0.1:{port}?reuseport=yes")) as second:
            assert second.getsockname() == first.getsockname()


def test_a_name_that_does_not_resolve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address as it was written."""

    def unknown(*arguments: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(listening.socket, "getaddrinfo", unknown)
    with pytest.raises(ConfigurationError, match=r"nowhere\.invalid: Name or service not known"):
        bind(parse_address("tcp://nowhere.invalid:1"))


def test_the_kind_of_a_socket_is_told_in_the_words_of_transport() -> None:
    """tcp, udp, unix, unix-dgram, unix-seqpacket, vsock."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert transport_of(sock) == "udp"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        assert transport_of(sock) == "unix-dgram"
