"""Listening sockets: what is bound, who may connect, what is removed and what is not."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    SynchronousMixIn,
    TCPServer,
    listening,
)
from plugserve.address import parse_address
from plugserve.compose import make_server
from plugserve.listening import (
    bind,
    bind_unix,
    check_unix_path,
    claim_release,
    discard,
    max_backlog,
    release_unix,
    resolve,
    socket_name,
    transport_of,
)

needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="waits for a platform with Unix sockets")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="waits for Linux")
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="waits for root, who may become somebody else"
)
NOBODY = 65534
_getaddrinfo = socket.getaddrinfo


class Echo(BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(self.request.recv(100).upper())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, Unix paths may have 107 bytes, in which everybody may look."""
    with tempfile.TemporaryDirectory(prefix="ps") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def path(folder: Path) -> str:
    """Where to bind."""
    return str(folder / "s")


@pytest.fixture(params=["fchmod", "private folder"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a path gets its permissions: Linux's own way, and that of the other systems, which works on Linux too."""
    if request.param == "fchmod" and sys.platform != "linux":
        pytest.skip("waits for Linux")
    monkeypatch.setattr(listening, "_fchmod_decides", request.param == "fchmod")
    return str(request.param)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """With a umask for a while."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode_of(path: str) -> int:
    """The permissions of a path."""
    return stat.S_IMODE(os.lstat(path).st_mode)


def bound(path: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A living socket, made by somebody else."""
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    return sock


def leave_dead(path: str) -> None:
    """What a killed process leaves behind."""
    bound(path).close()


def lives(path: str) -> bool:
    """Whether a stream listener can be reached there."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def asked(server: Any, address: Any, family: int = socket.AF_INET) -> bytes:
    """What a server answers to one client."""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect(address)
        client.sendall(b"hallo")
        server.handle_request()
        return client.recv(100)


def in_child(action: Callable[[], object]) -> int:
    """The exit status of a forked child that does something: 0, or 1 if it raised."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            action()
            status = 0
        except PermissionError:
            pass  # what is hoped for
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def nobody_can_connect(path: str) -> bool:
    """Whether a user without rights is turned away."""

    def connect() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    return in_child(connect) == 1


# -- internet ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["*", "[::]"])
def test_one_socket_serves_ipv4_and_ipv6(host: str) -> None:
    """Dual-stack: an IPv4 client comes in as ::ffff:127.0.0.1."""
    if host == "[::]" and not socket.has_ipv6:
        pytest.skip("waits for a machine with IPv6")
    with make_server(f"tcp://{host}:0", Echo, engine=SynchronousMixIn) as server:
        port = server.server_address[1]
        assert asked(server, ("127.0.0.1", port)) == b"HALLO"
        if server.address_family == socket.AF_INET6:
            assert asked(server, ("::1", port), socket.AF_INET6) == b"HALLO"


@pytest.mark.skipif(not socket.has_ipv6, reason="waits for a machine with IPv6")
@pytest.mark.parametrize("text", ["tcp://[::]:0?v6only=yes", "tcp://*:0?v6only=yes", "udp://[::1]:0"])
def test_v6only_leaves_the_port_to_ipv4(text: str) -> None:
    """Another program may have the same port there."""
    for tries in range(20):
        with bind(parse_address(text)) as sock:
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            host, port = ("0.0.0.0" if "::1" not in text else "127.0.0.1"), sock.getsockname()[1]
            try:
                with bind(parse_address(f"{transport_of(sock)}://{host}:{port}")) as other:
                    assert other.family == socket.AF_INET
                break
            except OSError:
                # The port that is free for IPv6 may be some other program's for IPv4, but not time and again.
                assert tries < 19


@pytest.mark.skipif(not socket.has_ipv6, reason="waits for a machine with IPv6")
def test_a_star_takes_no_port_of_which_only_one_family_is_free() -> None:
    """It does not silently serve half of what was asked for."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        bind(parse_address(f"tcp://*:{taken.getsockname()[1]}"))


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:0?v6only=yes", "udp://0.0.0.0:0?v6only=yes"])
def test_v6only_on_ipv4_is_refused(text: str) -> None:
    """Rather than served on IPv4 all the same."""
    with pytest.raises(ConfigurationError, match="v6only=yes leaves nothing, this is IPv4: remove it"):
        bind(parse_address(text))


def test_a_star_serves_ipv4_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python built without it, or a kernel that makes no such sockets; but not if only IPv6 was asked for."""
    monkeypatch.setattr(socket, "has_ipv6", False)
    with bind(parse_address("udp://*:0")) as sock:
        assert sock.family == socket.AF_INET
    with pytest.raises(ConfigurationError, match="v6only=yes leaves nothing"):
        bind(parse_address("udp://*:0?v6only=yes"))

    class NoIpv6(socket.socket):
        def __init__(self, family: int, kind: int) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            super().__init__(family, kind)

    monkeypatch.setattr(socket, "has_ipv6", True)
    monkeypatch.setattr(socket, "socket", NoIpv6)
    with bind(parse_address("tcp://*:0")) as sock:
        assert sock.family == socket.AF_INET
    with pytest.raises(OSError) as caught:
        bind(parse_address("tcp://*:0?v6only=yes"))
    assert caught.value.errno == errno.EAFNOSUPPORT


def test_a_server_class_takes_an_ipv6_address_as_it_is() -> None:
    """Where address_family has not been set, the address decides."""
    if not socket.has_ipv6:
        pytest.skip("waits for a machine with IPv6")

    class Dual(TCPServer):
        dual_stack = True

    with Dual(("::", 0), Echo) as server:
        assert asked(server, ("127.0.0.1", server.server_address[1])) == b"HALLO"


def named(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let every host name stand for these addresses."""

    def lookup(host: str, port: int, type: int, flags: int) -> list[Any]:
        return [place for one in hosts for place in _getaddrinfo(one, port, type=type, flags=flags)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_name_is_resolved_to_each_of_its_addresses_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numeric, with the same port and options; whatever is no name stands for itself."""
    named(monkeypatch, "127.0.0.1", "::1", "127.0.0.1")
    found = resolve(parse_address("tcp://localhost:80?reuseport=yes"))
    assert [str(one) for one in found] == ["tcp://127.0.0.1:80?reuseport=yes", "tcp://[::1]:80?reuseport=yes"]
    only = resolve(parse_address("tcp://localhost:80?v6only=yes"))
    assert [str(one) for one in only] == ["tcp://[::1]:80?v6only=yes"]
    for text in ("tcp://*:80", "unix:///x", "fd://3"):
        assert resolve(parse_address(text)) == [parse_address(text)]


def test_a_name_is_bound_on_its_first_address_that_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of documentation (RFC 5737) is nobody's; if all are, the kernel's error says so."""
    named(monkeypatch, "192.0.2.1", "127.0.0.1")
    with bind(parse_address("tcp://here.test:0")) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
    named(monkeypatch, "192.0.2.1")
    with pytest.raises(OSError) as caught:
        bind(parse_address("tcp://here.test:0"))
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_name_that_does_not_resolve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address as it was written; a name that cannot exist, too."""

    def unknown(*arguments: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(ConfigurationError, match=r"tcp://nowhere\.invalid:1'.*Name or service not known"):
            bind(parse_address("tcp://nowhere.invalid:1"))
    for host in ("a" * 64 + ".test", "a..b"):
        with pytest.raises(ConfigurationError, match=r"tcp://a.*:1"):
            bind(parse_address(f"tcp://{host}:1"))


@pytest.mark.skipif(sys.platform == "win32", reason="waits for SO_REUSEADDR to mean this")
def test_a_port_is_free_again_at_once_but_never_shared_by_accident() -> None:
    """SO_REUSEADDR for streams, whose last connections linger; for datagrams it would let another take the port."""
    with bind(parse_address("tcp://127.0.0.1:0")) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        sock.listen()
        with pytest.raises(OSError, match="in use"):
            bind(parse_address(f"tcp://127.0.0.1:{sock.getsockname()[1]}"))
    with bind(parse_address("udp://127.0.0.1:0")) as sock:
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        with pytest.raises(OSError, match="in use"):
            bind(parse_address(f"udp://127.0.0.1:{sock.getsockname()[1]}"))


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="waits for a platform with SO_REUSEPORT")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_reuseport_lets_two_servers_share_a_port(transport: str) -> None:
    """Each has a queue of its own (socket(7), SO_REUSEPORT)."""
    with bind(parse_address(f"{transport}://127.0.0.1:0?reuseport=yes")) as first:
        port = first.getsockname()[1]
        with bind(parse_address(f"{transport}://127.0.0.1:{port}?reuseport=yes")) as second:
            assert second.getsockname() == first.getsockname()


def test_reuseport_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, not as an AttributeError."""
    monkeypatch.delattr(socket, "SO_REUSEPORT", raising=False)
    with pytest.raises(ConfigurationError, match="this platform has no SO_REUSEPORT"):
        bind(parse_address("tcp://127.0.0.1:0?reuseport=yes"))


def test_the_queue_is_as_long_as_the_kernel_allows_and_a_short_one_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, no_drift: list[str]
) -> None:
    """listen(2) would cut it silently; a system that does not tell its limit is believed to have none."""
    limit = folder / "somaxconn"
    monkeypatch.setattr(listening, "_SOMAXCONN", str(limit))
    monkeypatch.setattr(listening, "_warned", False)
    assert max_backlog() == 1024
    limit.write_text("4096\n")
    assert max_backlog() == 1024
    assert max_backlog(4096) == 4096
    assert no_drift == []
    limit.write_text("128\n")
    assert max_backlog() == 128
    assert max_backlog(5) == 5
    assert max_backlog(2000) == 128
    assert len(no_drift) == 1
    assert "holds 128, not 1024: raise the sysctl net.core.somaxconn" in no_drift.pop()


@pytest.mark.skipif(not hasattr(socket, "AF_VSOCK"), reason="waits for a platform with VM sockets")
def test_a_vm_socket_is_bound_on_any_cid_and_any_port() -> None:
    """Port 0 is the system's choice, as with the other families."""
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError:
        pytest.skip("waits for a kernel with VM sockets")
    with bind(parse_address("vsock://*:0")) as sock:
        cid, port = sock.getsockname()
        assert cid == socket.VMADDR_CID_ANY
        assert 0 < port < socket.VMADDR_PORT_ANY
        assert transport_of(sock) == "vsock"
        with pytest.raises(OSError) as caught:
            bind(parse_address(f"vsock://*:{port}"))
        assert caught.value.errno == errno.EADDRINUSE


def test_vm_sockets_are_refused_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words."""
    monkeypatch.delattr(socket, "AF_VSOCK", raising=False)
    with pytest.raises(ConfigurationError, match="this platform has no VM sockets"):
        bind(parse_address("vsock://*:1"))


# -- Unix: who may connect ---------------------------------------------------------------------------------------------


@needs_linux
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, getattr(socket, "SOCK_SEQPACKET", 5)])
@pytest.mark.parametrize(("mask", "mode", "becomes"), [(0, 0, 0), (0, 0o640, 0o640), (0o27, 0o666, 0o640)])
def test_the_kernel_lets_fchmod_before_bind_decide(path: str, kind: int, mask: int, mode: int, becomes: int) -> None:
    """What everything below rests on, and no manual page promises."""
    with umask(mask), socket.socket(socket.AF_UNIX, kind) as sock:
        os.fchmod(sock.fileno(), mode)
        sock.bind(path)
        assert mode_of(path) == becomes


@needs_unix
@pytest.mark.parametrize("transport", ["unix", "unix-dgram", "unix-seqpacket"])
@pytest.mark.parametrize("mask", [0, 0o22, 0o777])
@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_path_has_the_mode_that_was_asked_for(way: str, path: str, transport: str, mask: int, mode: int) -> None:
    """Whatever the umask."""
    if transport == "unix-seqpacket" and sys.platform != "linux":
        pytest.skip("waits for a platform with SOCK_SEQPACKET on Unix sockets")
    with umask(mask):
        sock = bind(parse_address(f"{transport}://{path}?mode={mode:04o}"))
    with sock:
        assert mode_of(path) == mode
        assert transport_of(sock) == transport
        assert socket_name(sock) == path
        assert os.listdir(os.path.dirname(path)) == ["s"]


@needs_unix
def test_only_the_owner_may_connect_unless_more_is_asked_for(way: str, path: str) -> None:
    """0600, even with a umask of 0."""
    with umask(0), bind(parse_address(f"unix://{path}")):
        assert mode_of(path) == 0o600


@needs_unix
@pytest.mark.parametrize("give_away", [False, True])
def test_no_moment_has_looser_permissions_than_asked_for(
    way: str, path: str, give_away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at before and after each step. One that is to be given away lets nobody in until it is."""
    moments: list[int] = []

    def look() -> None:
        if os.path.lexists(path):
            moments.append(mode_of(path))

    def watched(step: Callable[..., Any]) -> Callable[..., Any]:
        def and_look(*arguments: Any, **more: Any) -> Any:
            look()
            try:
                return step(*arguments, **more)
            finally:
                look()

        return and_look

    class Watched(socket.socket):
        bind = watched(socket.socket.bind)

    for step in ("chmod", "chown", "link", "mkdir", "open", "lstat", "unlink"):
        if step != "lstat":
            monkeypatch.setattr(os, step, watched(getattr(os, step)))
    with umask(0o2), Watched(socket.AF_UNIX) as sock:
        bind_unix(sock, path, mode=0o660, owner=os.getuid() if give_away else None)
    monkeypatch.undo()
    assert moments[-1] == 0o660
    # A path that is linked to its place has been given away before.
    assert set(moments) == ({0, 0o660} if give_away and way == "fchmod" else {0o660})


@needs_unix
def test_until_it_is_in_place_the_socket_stands_in_a_folder_that_nobody_else_may_enter(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On systems where fchmod decides nothing."""
    monkeypatch.setattr(listening, "_fchmod_decides", False)
    folders: list[int] = []

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            assert not os.path.lexists(path)
            folders.append(mode_of(os.path.dirname(address)))
            super().bind(address)

    with umask(0), Watched(socket.AF_UNIX) as sock:
        bind_unix(sock, path, mode=0o666)
    assert folders == [0o700]


@needs_unix
@needs_root
def test_nobody_else_can_connect_at_any_moment(way: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without rights tries between any two steps, with the widest umask."""
    tries: list[bool] = []

    def tried(step: Callable[..., Any]) -> Callable[..., Any]:
        def and_try(*arguments: Any, **more: Any) -> Any:
            tries.append(nobody_can_connect(path))
            result = step(*arguments, **more)
            tries.append(nobody_can_connect(path))
            return result

        return and_try

    for step in ("chmod", "chown", "link", "open"):
        monkeypatch.setattr(os, step, tried(getattr(os, step)))
    with umask(0):
        sock = bind(parse_address(f"unix://{path}?mode=0660&group=0"))
    with sock:
        sock.listen()
        monkeypatch.undo()
        assert len(tries) >= 4
        assert all(tries)
        assert nobody_can_connect(path)
        os.chmod(path, 0o666)
        assert not nobody_can_connect(path), "or the test has shown nothing"


@needs_unix
@needs_root
def test_owner_and_group_are_set_by_name_or_number(way: str, path: str) -> None:
    """As root; the mode is not lost on the way."""
    import grp
    import pwd

    user, group = pwd.getpwuid(NOBODY).pw_name, grp.getgrgid(1).gr_name
    for owner, its_group in ((user, group), (str(NOBODY), "1")):
        with bind(parse_address(f"unix://{path}?mode=0640&owner={owner}&group={its_group}")) as sock:
            found = os.lstat(path)
            assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (NOBODY, 1, 0o640)
            discard(sock)


@needs_unix
@needs_root
def test_who_may_not_give_away_is_told_and_leaves_nothing_behind(way: str, folder: Path, path: str) -> None:
    """chown(2) says EPERM; the path is named."""
    folder.chmod(0o777)

    def try_it() -> None:
        os.setuid(NOBODY)
        with pytest.raises(PermissionError, match=path):
            bind(parse_address(f"unix://{path}?owner=0"))

    assert in_child(try_it) == 0
    assert os.listdir(folder) == []


@needs_unix
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("owner=nobody-at-all", "there is no user 'nobody-at-all'"),
        ("group=no-such-group", "there is no group 'no-such-group'"),
        ("owner=4294967295", "4294967295 is no number of a user or group"),
        ("group=99999999999999999999", "is no number of a user or group"),
    ],
)
def test_an_unknown_owner_is_refused_before_anything_is_made(folder: Path, option: str, message: str) -> None:
    """The message names the path and the user; the last number would mean "no change" to chown(2)."""
    with pytest.raises(ConfigurationError, match=message):
        bind(parse_address(f"unix://{folder}/s?{option}"))
    assert not list(folder.iterdir())


@needs_linux
@pytest.mark.parametrize("proc", [True, False], ids=["proc", "no proc"])
def test_permissions_are_set_on_the_socket_that_was_made_whatever_has_its_name_by_then(
    path: str, folder: Path, proc: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with rights in the folder puts a link to a victim there, between bind and chmod."""
    victim = folder / "victim"
    victim.write_text("precious")
    victim.chmod(0o400)
    chown = os.chown

    def swapped(target: Any, uid: int, gid: int, **more: Any) -> None:
        chown(target, uid, gid, **more)
        os.rename(path, folder / "aside")
        os.symlink(victim, path)

    if not proc:
        monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(os, "chown", swapped)
    with socket.socket(socket.AF_UNIX) as sock:
        if proc:
            bind_unix(sock, path, mode=0o666, owner=os.getuid())
            assert mode_of(str(folder / "aside")) == 0o666
        else:
            with pytest.raises(OSError, match="was replaced"):
                bind_unix(sock, path, mode=0o666, owner=os.getuid())
    assert mode_of(str(victim)) == 0o400
    assert os.path.islink(path), "what is not ours stays"


@needs_linux
def test_what_takes_the_place_of_the_new_socket_at_once_is_left_alone(path: str, folder: Path) -> None:
    """A file, or a socket that cannot be the one just made: not given away, not removed."""
    for replace in (lambda: Path(path).write_text("precious"), lambda: leave_dead(path)):

        class Replaced(socket.socket):
            def bind(self, address: Any, replace: Callable[[], object] = replace) -> None:
                super().bind(address)
                os.rename(path, folder / "aside")
                replace()

        with Replaced(socket.AF_UNIX) as sock:
            with pytest.raises(OSError, match="the new socket was replaced"):
                bind_unix(sock, path, mode=0o666, owner=os.getuid())
            assert mode_of(path) & 0o044 == 0o044
            os.unlink(path)
            os.unlink(folder / "aside")


@needs_linux
def test_without_proc_permissions_are_right_too(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a bare chroot."""
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with umask(0o77), socket.socket(socket.AF_UNIX) as sock:
        bind_unix(sock, path, mode=0o660, owner=os.getuid(), group=os.getgid())
        assert mode_of(path) == 0o660


# -- Unix: what is in the way ------------------------------------------------------------------------------------------


@needs_unix
def test_a_path_left_behind_by_a_killed_process_is_taken_over(way: str, path: str) -> None:
    """kill -9, restart."""
    code = f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({path!r}); s.listen(); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        assert lives(path)
        killed.kill()
        killed.wait()
        assert os.path.lexists(path)
    with make_server(f"unix://{path}", Echo, engine=SynchronousMixIn) as server:
        assert asked(server, path, socket.AF_UNIX) == b"HALLO"
        assert os.listdir(os.path.dirname(path)) == ["s"]
    assert not os.path.lexists(path), "ours is removed at the end"


@needs_unix
@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
@pytest.mark.parametrize("state", ["bound", "listening", "full", "held by another process"])
def test_a_living_socket_is_never_removed(way: str, path: str, kind: str, state: str) -> None:
    """Not even one that does not listen yet: a server binds all its addresses before it serves the first."""
    if kind == "SOCK_SEQPACKET" and sys.platform != "linux":
        pytest.skip("waits for a platform with SOCK_SEQPACKET on Unix sockets")
    with ExitStack() as stack:
        living = stack.enter_context(bound(path, getattr(socket, kind)))
        if kind != "SOCK_DGRAM" and state in ("listening", "full"):
            living.listen(0)
        if state == "full" and kind != "SOCK_DGRAM":
            client = stack.enter_context(socket.socket(socket.AF_UNIX, getattr(socket, kind)))
            client.connect(path)
        if state == "held by another process":
            reader, writer = os.pipe()
            pid = os.fork()
            if not pid:
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
            os.close(reader)
            stack.callback(os.waitpid, pid, 0)
            stack.callback(os.close, writer)
            living.close()
        before = os.lstat(path)
        with pytest.raises(OSError, match="somebody listens there") as caught:
            bind(parse_address(f"unix://{path}"))
        assert (caught.value.errno, caught.value.filename) == (errno.EADDRINUSE, path)
        assert os.path.samestat(before, os.lstat(path))
        assert os.listdir(os.path.dirname(path)) == ["s"]


@needs_unix
def test_the_probe_disturbs_nobody(path: str) -> None:
    """No connection comes in, no datagram either."""
    with bound(path) as living:
        living.listen()
        living.setblocking(False)
        with pytest.raises(OSError, match="somebody listens there"):
            bind(parse_address(f"unix://{path}"))
        with pytest.raises(BlockingIOError):
            living.accept()


@needs_unix
@needs_root
def test_a_socket_that_may_not_be_probed_counts_as_living(folder: Path, path: str) -> None:
    """Whoever may not connect cannot know."""
    folder.chmod(0o777)
    with umask(0o22):
        leave_dead(path)

    def try_it() -> None:
        os.setuid(NOBODY)
        with pytest.raises(OSError, match="somebody listens there, or may"):
            bind(parse_address(f"unix://{path}"))

    assert in_child(try_it) == 0
    assert os.listdir(folder) == ["s"]


@needs_unix
@pytest.mark.parametrize("what", ["file", "link to a file", "link to a dead socket", "dangling link", "folder", "fifo"])
def test_what_is_no_socket_is_never_removed(way: str, folder: Path, path: str, what: str) -> None:
    """It is somebody's; nor is anything made or removed where a link leads."""
    victim = folder / "victim"
    if what == "file":
        Path(path).write_text("precious")
    elif what == "folder":
        os.mkdir(path)
    elif what == "fifo":
        os.mkfifo(path)
    else:
        os.symlink(victim, path)
        if what == "link to a file":
            victim.write_text("precious")
        elif what == "link to a dead socket":
            leave_dead(str(victim))
    before, names = os.lstat(path), sorted(os.listdir(folder))
    with pytest.raises(ConfigurationError, match="taken by something that is no socket: remove it yourself"):
        bind(parse_address(f"unix://{path}"))
    assert os.path.samestat(before, os.lstat(path))
    assert sorted(os.listdir(folder)) == names


def swap_after(monkeypatch: pytest.MonkeyPatch, step: str, swap: Callable[[], object]) -> None:
    """Let somebody else be quicker: right after the probe, or right before the dead socket is taken away."""
    if step == "probe":
        probe = listening._lives

        def probed(path: str) -> bool:
            found = probe(path)
            swap()
            return found

        monkeypatch.setattr(listening, "_lives", probed)
    else:
        rename = os.rename
        done: list[int] = []

        def renamed(source: Any, target: Any) -> None:
            if not done:
                done.append(1)
                swap()
            rename(source, target)

        monkeypatch.setattr(os, "rename", renamed)


@needs_unix
@pytest.mark.parametrize("step", ["probe", "look"])
def test_a_living_socket_that_takes_the_place_of_a_dead_one_meanwhile_keeps_it(
    way: str, path: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead one was probed; what is removed is looked at once more, out of everybody's way."""
    leave_dead(path)
    with ExitStack() as stack:

        def swap() -> None:
            os.unlink(path)
            stack.enter_context(bound(path)).listen()

        swap_after(monkeypatch, step, swap)
        with pytest.raises(OSError, match="in use") as caught:
            bind(parse_address(f"unix://{path}"))
        assert (caught.value.errno, caught.value.filename) == (errno.EADDRINUSE, path)
        assert lives(path)
        assert os.listdir(os.path.dirname(path)) == ["s"]


@needs_unix
def test_a_living_socket_that_is_seen_in_time_is_not_even_moved(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clients find it at every moment."""
    leave_dead(path)
    renamed: list[object] = []
    with ExitStack() as stack:

        def swap() -> None:
            os.unlink(path)
            stack.enter_context(bound(path))

        swap_after(monkeypatch, "probe", swap)
        monkeypatch.setattr(os, "rename", lambda *names: renamed.append(names))
        with pytest.raises(OSError, match="in use"):
            bind(parse_address(f"unix://{path}"))
    assert renamed == []


@needs_unix
@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_what_takes_the_place_of_a_dead_socket_meanwhile_is_put_back(
    way: str, path: str, folder: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a link to a victim, a folder."""
    leave_dead(path)
    victim = folder / "victim"
    victim.write_text("precious")

    def swap() -> None:
        os.unlink(path)
        if what == "file":
            os.link(victim, path)
        elif what == "link":
            os.symlink(victim, path)
        else:
            os.mkdir(path)

    swap_after(monkeypatch, "look", swap)
    with pytest.raises(OSError, match="in use"):
        bind(parse_address(f"unix://{path}"))
    assert sorted(os.listdir(folder)) == ["s", "victim"]
    assert victim.read_text() == "precious"
    assert os.path.islink(path) == (what == "link")
    assert os.path.isdir(path) == (what == "folder")


@needs_unix
def test_a_living_socket_whose_place_a_third_has_taken_is_not_unlinked(
    path: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two others are quicker, one after the other: both stay alive, and nothing is lost."""
    leave_dead(path)
    with ExitStack() as stack:
        link = os.link

        def swap() -> None:
            os.unlink(path)
            stack.enter_context(bound(path)).listen()

        def linked(source: Any, target: Any, **more: Any) -> None:
            stack.enter_context(bound(path)).listen()
            link(source, target, **more)

        swap_after(monkeypatch, "look", swap)
        monkeypatch.setattr(os, "link", linked)
        with pytest.raises(OSError, match="in use"):
            bind(parse_address(f"unix://{path}"))
        names = os.listdir(folder)
        assert len(names) == 2
        assert all(lives(str(folder / name)) for name in names)


STARTER = """
import socket, sys
from plugserve.address import parse_address
from plugserve.listening import bind
address = parse_address(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    sock = bind(address)
except OSError as error:
    print("lost", error, flush=True)
else:
    print("won", flush=True)
    sock.listen()
    sys.stdin.readline()
    sock.accept()
"""


@needs_unix
def test_of_several_that_start_on_a_dead_path_at_once_one_gets_it(folder: Path, path: str) -> None:
    """As workers that a supervisor restarts: the others are told that it is taken, and the one can be reached."""
    leave_dead(path)
    with ExitStack() as stack:
        starters = []
        for _ in range(8):
            process = subprocess.Popen(
                [sys.executable, "-c", STARTER, f"unix://{path}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            starters.append(stack.enter_context(process))
        streams = [(process.stdin, process.stdout) for process in starters]
        for _, output in streams:
            assert output is not None
            assert output.readline() == "ready\n"
        for order, _ in streams:
            assert order is not None
            order.write("go\n")
        said = [output.readline() for _, output in streams if output is not None]
        assert said.count("won\n") == 1, said
        assert all("EADDRINUSE" in line or "Errno" in line for line in said if line != "won\n"), said
        assert os.listdir(folder) == ["s"]
        winner = starters[said.index("won\n")]
        assert winner.stdin is not None
        winner.stdin.write("serve\n")
        with socket.socket(socket.AF_UNIX) as client:
            while client.connect_ex(path) == errno.ECONNREFUSED:
                os.sched_yield()  # bound, and about to listen
        assert winner.wait(20) == 0


@needs_unix
def test_a_lock_that_was_removed_while_waiting_for_it_is_taken_anew(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had it has removed it, and a third may have made the next one."""
    import fcntl

    leave_dead(path)
    locked: list[int] = []
    flock = fcntl.flock

    def waited(fd: int, how: int) -> None:
        if len(locked) < 2:
            os.unlink(f"{path}.lock")
            if not locked:
                Path(f"{path}.lock").touch()
        locked.append(os.fstat(fd).st_ino)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", waited)
    with bind(parse_address(f"unix://{path}")):
        assert len(locked) == 3
        assert os.listdir(os.path.dirname(path)) == ["s"]


@needs_unix
@needs_root
def test_a_lock_file_of_somebody_else_is_refused(folder: Path, path: str) -> None:
    """Who could open it could hold it for ever; a link is not followed either."""
    leave_dead(path)
    lock = Path(f"{path}.lock")
    lock.touch()
    os.chown(lock, NOBODY, NOBODY)
    with pytest.raises(ConfigurationError, match=r"the lock file '.*s\.lock' is somebody else's: remove it yourself"):
        bind(parse_address(f"unix://{path}"))
    lock.unlink()
    lock.symlink_to(folder / "made")
    with pytest.raises(OSError, match=r"s\.lock"):
        bind(parse_address(f"unix://{path}"))
    assert not (folder / "made").exists()


@needs_unix
def test_errors_of_the_kernel_name_the_path(way: str, folder: Path, path: str) -> None:
    """Its own words do not: a missing folder, or a path in use where nothing is to be removed."""
    missing = str(folder / "no" / "s")
    with pytest.raises(FileNotFoundError, match="/no"):
        bind(parse_address(f"unix://{missing}"))
    leave_dead(path)
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="in use") as caught:
        bind_unix(sock, path)
    assert (caught.value.errno, caught.value.filename) == (errno.EADDRINUSE, path)
    assert os.listdir(folder) == ["s"]


# -- Unix: giving back -------------------------------------------------------------------------------------------------


@needs_unix
def test_only_the_file_that_was_made_is_removed_at_the_end(way: str, path: str) -> None:
    """Whatever took its place stays."""
    with bind(parse_address(f"unix://{path}")) as sock:
        release = claim_release(sock)
        assert release is not None
        os.unlink(path)
        release()  # gone already
        Path(path).write_text("somebody else's")
        release()
        assert Path(path).read_text() == "somebody else's"
        os.unlink(path)
        with bound(path) as living:
            living.listen()
            release()
            assert lives(path)


@needs_unix
def test_a_newcomer_with_the_same_inode_number_keeps_the_path(path: str) -> None:
    """Once our socket is closed, the file system may give its number to the next file; ext4 does so at once."""
    with socket.socket(socket.AF_UNIX) as sock:
        ours = bind_unix(sock, path)
    os.unlink(path)
    with bound(path) as living:
        living.listen()
        release_unix(path, ours)
        assert lives(path)
    release_unix(path, ours)


@needs_unix
def test_a_path_is_removed_from_whatever_folder_the_process_is_in_by_then(
    way: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path means the folder in which it was bound."""
    monkeypatch.chdir(folder)
    with bind(parse_address("unix://s")) as sock:
        assert socket_name(sock) == "s"
        monkeypatch.chdir("/")
        discard(sock)
    assert os.listdir(folder) == []


@needs_unix
def test_a_forked_child_leaves_the_path_to_its_parent_unless_it_claims_it(path: str) -> None:
    """A child that closes its copy of a server ends nothing; one that takes the socket over does."""
    with bind(parse_address(f"unix://{path}")) as sock:
        release = claim_release(sock)
        assert release is not None
        assert in_child(release) == 0
        assert os.path.lexists(path)
        assert in_child(lambda: discard(sock)) == 0
        assert not os.path.lexists(path)


@needs_unix
def test_what_will_not_be_served_is_given_back(way: str, folder: Path, path: str) -> None:
    """discard() closes and removes; other sockets it only closes."""
    sock = bind(parse_address(f"unix://{path}"))
    discard(sock)
    assert sock.fileno() == -1
    assert os.listdir(folder) == []
    other = bind(parse_address("tcp://127.0.0.1:0"))
    assert claim_release(other) is None
    discard(other)
    assert other.fileno() == -1


@needs_unix
def test_giving_back_never_fails(folder: Path, path: str) -> None:
    """The folder has gone meanwhile: nothing is left to remove."""
    with bind(parse_address(f"unix://{path}")) as sock:
        os.unlink(path)
        folder.rmdir()
        release = claim_release(sock)
        assert release is not None
        release()
        folder.mkdir()


# -- Unix: names -------------------------------------------------------------------------------------------------------


@needs_unix
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is empty: write one"),
        (b"", "is empty: write one"),
        ("\0name", "abstract name, to which everybody on this machine may connect"),
        (b"\0name", "abstract name"),
        ("/run/a\0b", "holds a NUL byte: remove it"),
        ("x" * 108, "has 108 bytes, the most is 10[37]: use a shorter one"),
        ("ä" * 60, "has 120 bytes"),
    ],
)
def test_what_is_no_good_path_is_refused_in_words(path: str | bytes, message: str) -> None:
    """The kernel would bind a random abstract name, everybody's, a shorter path, or say nothing that helps."""
    with pytest.raises(ConfigurationError, match=message):
        check_unix_path(path)
    if isinstance(path, str):
        with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ConfigurationError, match=message):
            bind_unix(sock, path)


@needs_unix
def test_the_longest_path_that_is_allowed_can_be_bound(folder: Path) -> None:
    """sun_path holds it with its NUL (unix(7))."""
    most = 107 if sys.platform == "linux" else 103
    path = f"{folder}/".ljust(most, "x")
    with bind(parse_address(f"unix://{path}")) as sock:
        assert sock.getsockname() == path
    with pytest.raises(ConfigurationError, match=f"has {most + 1} bytes, the most is {most}"):
        bind(parse_address(f"unix://{path}x"))


@needs_linux
def test_an_abstract_name_is_bound_if_it_is_asked_for() -> None:
    """Up to 107 bytes after the NUL that marks it."""
    name = f"plugserve-test-{os.getpid()}".ljust(107, "x")
    with bind(parse_address(f"unix://@{name}?abstract=yes")) as sock:
        assert sock.getsockname() == b"\0" + name.encode()
        assert socket_name(sock) == sock.getsockname()
        assert claim_release(sock) is None
    with pytest.raises(ConfigurationError, match="has 109 bytes, the most is 108"):
        bind(parse_address(f"unix://@{name}x?abstract=yes"))


@needs_unix
def test_abstract_names_are_refused_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Linux has them; elsewhere the kernel would look for a path."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigurationError, match="which only Linux has"):
        check_unix_path("\0name", allow_abstract=True)


# -- inherited ---------------------------------------------------------------------------------------------------------


def pass_on(sock: socket.socket) -> int:
    """A copy of a socket as a parent passes it: one that survives exec."""
    copy = os.dup(sock.fileno())
    os.set_inheritable(copy, True)
    return copy


def test_an_inherited_descriptor_is_served() -> None:
    """By number, whatever its family; it is not inherited further."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        passed, address = pass_on(listener), listener.getsockname()
    with make_server(f"fd://{passed}", Echo, engine=SynchronousMixIn) as server:
        assert not os.get_inheritable(passed)
        assert asked(server, address) == b"HALLO"


@needs_unix
@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
def test_an_inherited_unix_socket_is_recognised(path: str, kind: str) -> None:
    """With its transport, and nothing to give back: the path is whoever's who bound it."""
    if kind == "SOCK_SEQPACKET" and sys.platform != "linux":
        pytest.skip("waits for a platform with SOCK_SEQPACKET on Unix sockets")
    with bound(path, getattr(socket, kind)) as other:
        passed = pass_on(other)
    with bind(parse_address(f"fd://{passed}")) as sock:
        assert transport_of(sock) == {"STREAM": "unix", "DGRAM": "unix-dgram", "SEQPACKET": "unix-seqpacket"}[kind[5:]]
        assert claim_release(sock) is None


def test_a_descriptor_that_this_program_opened_itself_is_refused() -> None:
    """Where 3 was not passed, it is the first listener's own number."""
    with bind(parse_address("tcp://127.0.0.1:0")) as sock:
        with pytest.raises(ConfigurationError, match=f"descriptor {sock.fileno()} was not passed to this program"):
            bind(parse_address(f"fd://{sock.fileno()}"))
        assert sock.getsockname()[1] > 0, "it is still open"


def test_a_descriptor_is_given_out_once() -> None:
    """Two owners of one number would close each other's files."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        passed = pass_on(listener)
    with bind(parse_address(f"fd://{passed}")):
        os.set_inheritable(passed, True)
        with pytest.raises(ConfigurationError, match=f"descriptor {passed} has been taken already"):
            bind(parse_address(f"fd://{passed}"))


def test_a_descriptor_that_cannot_be_served_is_refused_and_left_alone() -> None:
    """No file, nothing open, a connection, a socket that was never bound, a raw one: each with its reason."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        with pytest.raises(ConfigurationError, match=f"descriptor {file.fileno()} cannot be served: .*non-socket"):
            bind(parse_address(f"fd://{file.fileno()}"))
        with pytest.raises(ConfigurationError, match="descriptor 1000000 cannot be served: Bad file descriptor"):
            bind(parse_address("fd://1000000"))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        client.set_inheritable(True)
        with pytest.raises(ConfigurationError, match=r"is a connection, not a listener: .* Accept=no"):
            bind(parse_address(f"fd://{client.fileno()}"))
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            unbound = stack.enter_context(socket.socket(socket.AF_INET, kind))
            unbound.set_inheritable(True)
            with pytest.raises(ConfigurationError, match="a socket without address: bind it before passing it"):
                bind(parse_address(f"fd://{unbound.fileno()}"))
            assert unbound.getsockname()
        assert client.get_inheritable()
        client.getpeername()


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="waits for a kind of socket that nobody serves")
def test_a_socket_of_a_kind_that_nobody_serves_is_refused() -> None:
    """Such as a netlink socket."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as sock:
        sock.set_inheritable(True)
        with pytest.raises(ConfigurationError, match=f"descriptor {sock.fileno()} is a socket of a kind"):
            bind(parse_address(f"fd://{sock.fileno()}"))


@pytest.mark.parametrize(
    ("family", "kind", "transport"),
    [("AF_INET", "SOCK_STREAM", "tcp"), ("AF_INET", "SOCK_DGRAM", "udp"), ("AF_INET6", "SOCK_DGRAM", "udp")],
)
def test_the_kind_of_a_socket_is_told_in_the_words_of_transport(family: str, kind: str, transport: str) -> None:
    """The words of `Context.transport`; for Unix and VM sockets see above."""
    if family == "AF_INET6" and not socket.has_ipv6:
        pytest.skip("waits for a machine with IPv6")
    with socket.socket(getattr(socket, family), getattr(socket, kind)) as sock:
        assert transport_of(sock) == transport


SYSTEMD = """
import os, sys
for target, number in enumerate(filter(None, sys.argv[1].split(",")), 3):
    os.dup2(int(number), target)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
from plugserve.address import parse_address
from plugserve.listening import bind, socket_name, transport_of
from plugserve import ConfigurationError
kept = []
for text in sys.argv[2:]:
    try:
        kept.append(bind(parse_address(text)))
        print(transport_of(kept[-1]), socket_name(kept[-1]))
    except ConfigurationError as error:
        print("refused:", error)
number = 3
while number < 6:
    try:
        print(number, "inherited" if os.get_inheritable(number) else "kept")
    except OSError:
        print(number, "closed")
    number += 1
"""


def run_as_systemd_does(sockets: list[socket.socket], texts: list[str], **variables: str) -> list[str]:
    """What SYSTEMD prints, with these sockets as descriptors 3, 4 ... and these variables."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LISTEN_")}
    numbers = [sock.fileno() for sock in sockets]
    done = subprocess.run(
        [sys.executable, "-c", SYSTEMD, ",".join(map(str, numbers)), *texts],
        env=environment | variables,
        pass_fds=numbers,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Three TCP listeners with numbers that leave 3, 4 and 5 free."""
    with ExitStack() as stack:
        made = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        yield [stack.enter_context(_moved_up(sock)) for sock in made]


def _moved_up(sock: socket.socket) -> socket.socket:
    import fcntl

    return socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 20))


def shown(sock: socket.socket) -> str:
    """A TCP socket as SYSTEMD prints it."""
    return f"tcp {sock.getsockname()}"


@needs_linux
def test_sockets_that_systemd_passed_are_found_by_name_and_number_and_given_out_once(
    sockets: list[socket.socket],
) -> None:
    """As sd_listen_fds(3) describes; of two with one name each comes once; children inherit none of them."""
    asked_for = ["systemd://web", "systemd://nope", "systemd://web", "systemd://", "systemd://1", "systemd://web"]
    lines = run_as_systemd_does(sockets, asked_for, LISTEN_FDS="3", LISTEN_FDNAMES="web:admin:web")
    assert lines[0] == shown(sockets[0])
    assert lines[1].endswith("there is no such socket; passed were 0 (web), 1 (admin), 2 (web)")
    assert lines[2] == shown(sockets[2])
    assert "say which; passed were 0 (web), 1 (admin), 2 (web)" in lines[3]
    assert lines[4] == shown(sockets[1])
    assert "each has been taken" in lines[5]
    assert lines[6:] == ["3 kept", "4 kept", "5 kept"]


@needs_linux
def test_the_only_socket_that_systemd_passed_needs_no_name(sockets: list[socket.socket]) -> None:
    """Nor does it have one, without LISTEN_FDNAMES; it is not there twice, as an inherited descriptor."""
    lines = run_as_systemd_does(sockets, ["systemd://", "systemd://unknown", "fd://3", "fd://4"], LISTEN_FDS="1")
    assert lines[0] == shown(sockets[0])
    assert "each has been taken; passed were 0 (unknown)" in lines[1]
    assert "descriptor 3 has been taken already" in lines[2]
    assert lines[3] == shown(sockets[1])


@needs_linux
def test_a_name_that_is_a_number_goes_before_the_number(sockets: list[socket.socket]) -> None:
    """FileDescriptorName= is free to be one."""
    lines = run_as_systemd_does(sockets, ["systemd://0", "systemd://2"], LISTEN_FDS="3", LISTEN_FDNAMES="a:0:b")
    assert lines[:2] == [shown(sockets[1]), shown(sockets[2])]
    assert lines[2:] == ["3 kept", "4 kept", "5 kept"], "that which nobody asked for is not inherited either"


@needs_linux
@pytest.mark.parametrize("value", ["0", "-1", "many", "", "99999999999", "²"])
def test_a_senseless_number_of_sockets_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LISTEN_FDS comes from outside."""
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", value)
    with pytest.raises(ConfigurationError, match=r"LISTEN_FDS is '.*', which is no number of sockets"):
        bind(parse_address("systemd://"))


@pytest.mark.parametrize("pid", [None, "", "1"])
def test_sockets_passed_to_another_process_are_not_ours(pid: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """LISTEN_PID names whom they are for."""
    monkeypatch.setenv("LISTEN_FDS", "1")
    if pid is None:
        monkeypatch.delenv("LISTEN_PID", raising=False)
    else:
        monkeypatch.setenv("LISTEN_PID", pid)
    with pytest.raises(ConfigurationError, match=r"has passed no sockets to this process .* start it from a \.socket"):
        bind(parse_address("systemd://web"))


@needs_linux
@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="waits for systemd-socket-activate")
def test_systemds_own_tool_passes_sockets_that_are_understood(folder: Path) -> None:
    """Not our idea of the protocol, but systemd's."""
    command = ["systemd-socket-activate", f"--listen={folder}/a", f"--listen={folder}/b", "--fdname=web:admin"]
    # It empties the environment; a virtual environment needs no more than its own interpreter.
    command += [f"--setenv=PYTHONPATH={':'.join(filter(None, sys.path))}"]
    with subprocess.Popen(
        [*command, sys.executable, "-c", SYSTEMD, "", "systemd://admin", "systemd://0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "as 3" in process.stderr.readline()
        assert "as 4" in process.stderr.readline()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{folder}/a")
            output, errors = process.communicate(timeout=50)
    assert output.splitlines()[:2] == [f"unix {folder}/b", f"unix {folder}/a"], errors


# -- other platforms ---------------------------------------------------------------------------------------------------


LIKE_WINDOWS = """
import os, sys
import _socket
for owner, names in ((_socket, "AF_UNIX AF_VSOCK SO_REUSEPORT"), (os, "fork fchmod mkfifo getuid geteuid O_PATH")):
    for name in names.split():
        if hasattr(owner, name):
            delattr(owner, name)
for module in ("fcntl", "pwd", "grp"):
    sys.modules[module] = None
import socket, logging, importlib.metadata, pluggy, selectors, tempfile, threading
socket.SO_EXCLUSIVEADDRUSE = socket.SO_KEEPALIVE  # any that can be set and read
sys.platform = "win32"
from plugserve.address import parse_address
from plugserve.errors import ConfigurationError
from plugserve.listening import bind, max_backlog, transport_of
with bind(parse_address("tcp://127.0.0.1:0")) as sock:
    assert transport_of(sock) == "tcp"
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE)
    assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
for text in ("unix:///x", "vsock://*:1", "tcp://127.0.0.1:0?reuseport=yes"):
    try:
        bind(parse_address(text))
    except ConfigurationError as error:
        print(error)
"""


def test_without_unix_sockets_all_else_is_bound_and_those_are_refused() -> None:
    """As on Windows, where a port is ours alone by another option."""
    done = subprocess.run([sys.executable, "-c", LIKE_WINDOWS], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    unix, vsock, reuseport = done.stdout.splitlines()
    assert "this platform has no Unix sockets" in unix
    assert "this platform has no VM sockets" in vsock
    assert "this platform has no SO_REUSEPORT" in reuseport


def test_a_server_in_code_loads_nothing_that_only_texts_and_names_need() -> None:
    """Importing it is cheap: what is rarely needed is loaded when it is."""
    code = (
        "import sys, plugserve.listening;"
        "print(*[m for m in ('plugserve.address', 'fcntl', 'pwd', 'grp', 'tempfile', 'ipaddress', 'urllib')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.split() == []
