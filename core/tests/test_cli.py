from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from plugserve.cli import main

MODULE = """
    from dataclasses import dataclass
    from plugserve import BaseRequestHandler, ConfigurationError, CoroutineHandler, hookimpl

    class Echo(CoroutineHandler):
        async def handle(self):
            while data := await self.connection.read():
                self.connection.write(data)

    class Files(Echo):
        url_scheme = "http"

        @dataclass(frozen=True)
        class Options:
            root: str
            max_age: int = 0

    class Deaf(BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"here")
            while True:
                self.request.recv(1)

    class Gate:
        def __init__(self, *, limit: int = 100, words: tuple[str, ...] = ()): ...
        @hookimpl
        def verify_request(self):
            return True

    class Refusing:
        @hookimpl
        def server_activate(self):
            raise ConfigurationError("the moon is full: wait")
    """

ENTRY_POINTS = """
    [plugserve.handlers]
    zzecho = zzcli:Echo
    zzfiles = zzcli:Files
    zzdeaf = zzcli:Deaf
    [plugserve.plugins]
    zzgate = zzcli:Gate
    zzrefusing = zzcli:Refusing
    [plugserve.engines]
    zzthreads = plugserve.threaded:ThreadingMixIn
    zzforks = plugserve.forking:ForkingMixIn
    """


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path of this process and its children with one installed package."""
    info = tmp_path / "zzcli-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zzcli\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(dedent(ENTRY_POINTS))
    (tmp_path / "zzcli.py").write_text(dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    yield tmp_path
    sys.modules.pop("zzcli", None)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def _serve(*arguments: str) -> Result:
    return _run("serve", "--engine", "zzthreads", *arguments)


class Process:
    """The command in a process of its own, after it has announced its listeners."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plugserve", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith("plugserve ready"):
                break
            self.lines.append(line.rstrip())

    def connect(self, line: int = 0) -> socket.socket:
        """A client of the listener on that line of the announcement."""
        found = re.search(r"//([\d.]+):(\d+)", self.lines[line])
        assert found, self.lines
        return socket.create_connection((found[1], int(found[2])), timeout=20)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; gives back the exit status and what stands on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, errors = self.process.communicate(timeout=30)
        self.lines += rest.splitlines()
        return self.process.returncode, errors


def facts_of(line: str) -> dict[str, str]:
    """What a line for programs says, taken apart as such a program would."""
    program, event, *facts = shlex.split(line)
    assert program == "plugserve"
    return {"event": event, **dict(fact.split("=", 1) for fact in facts)}


@pytest.fixture
def start(site: Path) -> Iterator[Callable[..., Process]]:
    """Starts commands; each is killed when the test ends."""
    if sys.platform == "win32":
        pytest.skip("stops servers with signals")
    started: list[Process] = []

    def run(*arguments: str) -> Process:
        started.append(Process(*arguments))
        return started[-1]

    yield run
    for command in started:
        command.end(signal.SIGKILL)


# -- words -------------------------------------------------------------------------------------------------------------


def test_the_help_shows_commands_to_copy() -> None:
    """Examples stand in `serve --help` as they have to be typed, each on a line of its own."""
    output = _run("serve", "--help").output
    assert "\n  plugserve serve echo\n" in output
    for option in ("--bind", "--engine", "--with", "--option"):
        assert option in output


def test_a_command_line_that_click_does_not_understand_is_a_usage_error() -> None:
    """Exit status 2, as everywhere."""
    assert _run("serve").exit_code == 2
    assert _run("serve", "echo", "--no-such").exit_code == 2


@pytest.mark.parametrize(
    "words, told",
    [
        (["serv", "echo"], "No such command 'serv': did you mean 'serve'?"),
        (["quux"], "No such command 'quux': there are serve, check, explain, "),
        (["zzecho@7007"], "No such command 'zzecho@7007': write plugserve serve zzecho@7007"),
        (["./echo.py:Echo"], "write plugserve serve ./echo.py:Echo"),
        (["site.toml"], "write plugserve serve -c site.toml"),
        (["serve", "echo", "--port", "7007"], "No such option '--port': write --bind HOST:PORT"),
        (["check", "--host=::1", "echo"], "No such option '--host': write --bind HOST:PORT"),
        (["serve", "echo", "--drain", "x"], "'x' is not a valid number of seconds"),
        (["serve", "site.toml"], "site.toml is a file: write -c site.toml"),
        (["check", "site.toml"], "site.toml is a file: write -c site.toml"),
        (["serve", "echo", "-c", "site.toml"], "HANDLER and -c do not go together: write it into the file."),
    ],
)
def test_what_people_try_first_is_told_what_to_write(site: Path, words: list[str], told: str) -> None:
    """The words of other programs, and a slip of the finger, are answered with the right ones; the status is 2."""
    done = _run(*words)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_folder_in_place_of_a_handler_is_a_configuration(tmp_path: Path) -> None:
    """Where a path leads to a folder it can only be meant for -c."""
    done = _run("check", str(tmp_path))
    assert done.exit_code == 2
    assert f"{tmp_path} is a folder: write -c {tmp_path}" in done.stderr


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_each_in_a_line(site: Path) -> None:
    """A wrong handler, plugin, engine and option word give four lines, status 78 and no traceback."""
    done = _run("serve", "zzecko", "zzfiles", "--engine", "zztreads", "--with", "zzgait,zzgate", "--option", "root")
    assert done.exit_code == 78
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "plugserve: --option root: write KEY=VALUE, or HANDLER.KEY=VALUE",
        "plugserve: no handler named 'zzecko' is installed: did you mean 'zzecho' (zzcli 1.0)?",
        "plugserve: no engine named 'zztreads' is installed: did you mean 'zzthreads' (zzcli 1.0)?",
        "plugserve: no plugin named 'zzgait' is installed: did you mean 'zzgate' (zzcli 1.0)?",
        "plugserve: handler 'zzfiles' of zzcli 1.0: option 'root' is missing: give it str",
    ]


def test_wrong_options_and_addresses_are_told_at_once(site: Path) -> None:
    """Each listener is looked at as a whole; what two of them share is told once."""
    done = _serve(
        "zzecho@1.2.3.4:5:6:x,127.0.0.1:0", "zzfiles", "--with", "zzgate:limit=few", "--option", "max-age=old"
    )
    assert done.exit_code == 78
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    assert "1.2.3.4:5:6:x" in lines[0]
    assert "plugin 'zzgate' of zzcli 1.0: option 'limit' ('few'): input should be a valid integer" in lines[1]
    assert "handler 'zzfiles' of zzcli 1.0: option 'root' is missing: give it str" in lines[2]
    assert "handler 'zzfiles' of zzcli 1.0: option 'max-age' ('old'): input should be a valid integer" in lines[3]


def test_a_plugin_that_refuses_to_start_is_a_mistake_in_words(site: Path) -> None:
    """What it says at server_activate is told without a traceback, and no socket is left."""
    done = _serve("zzecho", "--with", "zzrefusing")
    assert done.exit_code == 78
    assert "the moon is full: wait" in done.stderr
    assert "Traceback" not in done.output


def test_nothing_that_was_typed_is_obeyed_by_the_terminal(site: Path) -> None:
    """An escape sequence in a name is shown, not sent."""
    done = _serve("zz\x1b[2Jecho")
    assert done.exit_code == 78
    assert "\x1b" not in done.stderr
    assert "zz\\x1b[2Jecho" in done.stderr


def test_an_address_in_use_is_status_69_with_what_to_do(site: Path) -> None:
    """The message names handler and address, and nothing stays bound of the listeners beside it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        done = _serve("zzecho", f"zzecho@{address}")
    assert done.exit_code == 69
    [line] = done.stderr.splitlines()
    assert line.startswith(f"plugserve: zzecho on {address}: ")
    assert "choose another port" in line


def test_a_name_is_served_on_all_its_addresses(start: Callable[..., Process]) -> None:
    """`localhost` with a port is 127.0.0.1, and ::1 where the machine has it; each is told."""
    expected = {host for host in ("127.0.0.1", "::1") if _has(host)} & {
        str(found[4][0]) for found in socket.getaddrinfo("localhost", 0)
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start(f"zzecho@localhost:{port}", "--engine", "zzthreads")
    addresses = [facts_of(line)["address"] for line in process.lines]
    assert sorted(addresses) == sorted(
        f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}" for host in expected
    )
    for host in expected:
        with socket.create_connection((host, port), timeout=20) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"


def _has(host: str) -> bool:
    """Whether this machine has an address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


# -- serving -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["zzthreads", "zzforks"])
def test_several_listeners_are_announced_with_their_ports_and_served(
    start: Callable[..., Process], engine: str
) -> None:
    """Port 0 is told as the port taken, each with a command; SIGTERM ends all of them, with status 0."""
    process = start("zzecho@tcp://127.0.0.1:0,udp://127.0.0.1:0", "zzfiles", "--engine", engine, "--option", "root=x")
    facts = [facts_of(line) for line in process.lines]
    ports = [one["address"].rpartition(":")[2] for one in facts]
    common = {"event": "up", "engine": engine, "pid": str(process.process.pid)}
    assert facts == [
        common
        | {"listener": f"127.0.0.1:{port}", "handler": name}
        | {"address": f"{transport}://127.0.0.1:{port}", "try": f"{tool} {port}"}
        | more
        for name, transport, tool, port, more in (
            ("zzecho", "tcp", "ncat 127.0.0.1", ports[0], {}),
            ("zzecho", "udp", "ncat -u 127.0.0.1", ports[1], {}),
            (
                *("zzfiles", "tcp", "curl", ports[2]),
                {"url": f"http://127.0.0.1:{ports[2]}/", "try": f"curl http://127.0.0.1:{ports[2]}/"},
            ),
        )
    ]
    for line in (0, 2):
        with process.connect(line) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
    assert process.end() == (0, "")
    # Those with a process of their own end in any order.
    assert sorted(process.lines[3:]) == sorted(
        f"plugserve down listener={one['listener']} address={one['address']} status=0" for one in facts
    )
    for line in (0, 2):
        with pytest.raises(ConnectionRefusedError):
            process.connect(line)


@pytest.mark.parametrize("engine", ["zzthreads", "zzforks"])
@pytest.mark.parametrize("others", [[], ["zzecho"]], ids=["alone", "with another"])
def test_a_unix_listener_leaves_no_path_behind(
    start: Callable[..., Process], tmp_path: Path, engine: str, others: list[str]
) -> None:
    """Its path is announced, answers, and is gone when the command has ended."""
    path = tmp_path / "s"
    process = start(f"zzecho@unix://{path}", *others, "--engine", engine)
    told = facts_of(process.lines[0])
    assert (told["address"], told["try"]) == (f"unix://{path}", f"ncat -U {path}")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    assert process.end() == (0, "")
    assert not path.exists()


def test_a_unix_path_is_given_back_when_another_address_is_not_to_be_had(site: Path, tmp_path: Path) -> None:
    """What was bound before the failure does not stay."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("needs Unix sockets")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _serve(f"zzecho@unix://{tmp_path}/s", f"zzecho@127.0.0.1:{taken.getsockname()[1]}")
    assert done.exit_code == 69
    assert not (tmp_path / "s").exists()


def test_the_path_of_a_socket_needs_its_folder(site: Path, tmp_path: Path) -> None:
    """It is the folder that is missing, not the socket."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("needs Unix sockets")
    done = _serve(f"zzecho@unix://{tmp_path}/none/s")
    assert done.exit_code == 69
    assert f"there is no folder {tmp_path}/none: make it, or choose another path" in done.stderr


@pytest.mark.parametrize("engine", ["zzthreads", "zzforks"])
def test_the_first_ctrl_c_says_what_is_waited_for(site: Path, engine: str) -> None:
    """On a terminal, one line: how many requests still run, for how long they may, and how to end them now."""
    if sys.platform == "win32":
        pytest.skip("needs a terminal")
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "plugserve", "serve", "zzdeaf@127.0.0.1:0", "--engine", engine, "--drain", "60"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""

    def until(wanted: bytes) -> re.Match[bytes]:
        nonlocal shown
        while not (found := re.search(wanted, shown)):
            shown += os.read(ours, 4096)
        return found

    try:
        port = int(until(rb"tcp://127.0.0.1:(\d+)")[1])
        until(rb"Ctrl-C lets requests finish")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            assert client.recv(4) == b"here"
            process.send_signal(signal.SIGINT)
            until(rb"\r\n1 request still running, up to 60 s; Ctrl-C again ends it\r\n")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 128 + signal.SIGINT
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize("engine", ["zzthreads", "zzforks"])
def test_one_listener_is_served_and_ends_at_ctrl_c(start: Callable[..., Process], engine: str) -> None:
    """SIGINT is an ordinary end: status 0, nothing on standard error."""
    process = start("zzecho", "--engine", engine)
    with process.connect() as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    assert process.end(signal.SIGINT) == (0, "")


@pytest.mark.parametrize("engine", ["zzthreads", "zzforks"])
def test_a_second_signal_ends_the_program_at_once(start: Callable[..., Process], engine: str) -> None:
    """A handler that listens to nobody holds the drain up; the second Ctrl-C does not wait for it."""
    process = start("zzdeaf", "--engine", engine)
    with process.connect() as client:
        assert client.recv(4) == b"here"
        # Two signals that come together may be one to Python, so keep pressing, as people do.
        while process.process.poll() is None:
            process.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.process.wait(0.1)
    assert process.end() == (128 + signal.SIGINT, "")


@pytest.mark.skipif(sys.platform != "linux", reason="needs what fcntl(2) says of O_ASYNC on a pipe")
def test_no_listener_outlives_a_killed_parent(start: Callable[..., Process]) -> None:
    """Processes of the listeners end when the one that the user knows is killed: their addresses are free again."""
    process = start("zzecho", "zzfiles@127.0.0.1:0", "--engine", "zzforks", "--option", "root=x")
    process.connect().close()
    # Standard error ends with its last holder, so this returns when all of them have ended.
    assert process.end(signal.SIGKILL)[0] == -signal.SIGKILL
    with pytest.raises(ConnectionRefusedError):
        process.connect()


def test_a_listener_that_cannot_start_in_its_process_ends_the_others(start: Callable[..., Process]) -> None:
    """Status 78 and the words of the plugin, without an announcement."""
    process = start("zzecho", "zzfiles", "--engine", "zzforks", "--option", "root=x", "--with", "zzrefusing")
    assert process.lines == []
    status, errors = process.end()
    assert status == 78
    assert "the moon is full: wait" in errors
    assert "Traceback" not in errors


def test_a_reader_who_goes_away_does_not_end_the_servers(site: Path) -> None:
    """`plugserve serve ... | head -0` goes on serving: the words are lost, not the listeners."""
    if sys.platform == "win32":
        pytest.skip("stops servers with signals")
    reading, writing = os.pipe()
    os.close(reading)
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "plugserve", "serve", f"zzecho@127.0.0.1:{port}", "--engine", "zzthreads"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    try:
        while process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                    client.sendall(b"hello")
                    assert client.recv(100) == b"hello"
                    break
            except ConnectionRefusedError:
                continue
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
