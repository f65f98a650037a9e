"""`plugserve adopt`: programs that were written for `socketserver`, run as they are, with plugins attached."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import venv
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import dnslib
import pytest

import plugserve
from plugserve.adoption import Adoption
from plugserve.program import find_program

from .helpers import PATIENCE, drain

PROGRAMS = Path(__file__).parent / "adopt_programs"
# With -P the folder of the test is not on its path, as with the command that is installed.
# Without the working directory on the path: what a program has beside it is for the program.
ADOPT = [sys.executable, "-P", "-m", "plugserve", "adopt"]
DENY = "access:deny=127.0.0.0/8"
ALLOW = "access:allow=127.0.0.0/8"
LOG = "log:format=json"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")


def environment(**variables: str) -> dict[str, str]:
    """That of the tests, without what could show in a program's output."""
    return os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | variables


def run(*words: str, cwd: Path | None = None, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """`plugserve adopt WORDS` from its start to its end."""
    command = [*ADOPT, *words]
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=PATIENCE, env=environment(**variables)
    )


class Adopted:
    """An adopted program with the plugin `log`, whose lines on standard error say what has happened.

    Attributes:
        events: those lines, as far as they have been read.
        others: what else was on standard error.
    """

    def __init__(self, *words: str, cwd: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [*ADOPT, *words],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            # Whatever it starts can be ended with it.
            start_new_session=True,
        )
        self.events: list[dict[str, Any]] = []
        self.others: list[str] = []

    def next(self, *events: str) -> dict[str, Any]:
        """The next line of the log about one of these events."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if not line.startswith("{"):
                self.others.append(line)
                continue
            self.events.append(json.loads(line))
            if self.events[-1]["event"] in events:
                return self.events[-1]
        raise AssertionError(f"no {events}; standard error: {self.events} {''.join(self.others)}")

    def port(self) -> int:
        """That of the next server that starts."""
        return int(self.next("start")["address"].rpartition(":")[2])

    def end(self, number: int | None = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal, unless it is None and the end of its input is enough; returns status, output and errors."""
        if number is not None:
            self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE)
        for line in errors.splitlines(keepends=True):
            if line.startswith("{"):
                self.events.append(json.loads(line))
            else:
                self.others.append(line)
        return self.process.returncode, output, "".join(self.others)


@contextlib.contextmanager
def adopted(*words: str, cwd: Path | None = None) -> Iterator[Adopted]:
    """Run a program while the body does, and end it whatever happens."""
    program = Adopted(*words, cwd=cwd)
    with program.process as process:
        try:
            yield program
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def patiently(ask: Callable[[int], Any], port: int) -> Any:
    """Ask a server that has told the log of its start, which it does just before it listens."""
    deadline = monotonic() + PATIENCE
    while True:
        try:
            return ask(port)
        except ConnectionRefusedError:
            assert monotonic() < deadline, "nobody listens there"


def connect(port: int) -> socket.socket:
    """A client's connection."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


# -- programs ------------------------------------------------------------------------------------------------------


def ask_http(port: int) -> bool:
    """Whether there is an answer of status 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    except (ConnectionResetError, BrokenPipeError):  # RemoteDisconnected is one
        return False
    finally:
        connection.close()


def ask_rpc(port: int) -> bool:
    """Whether a call has its result."""
    try:
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}") as proxy:
            return proxy.pow(2, 10) == 1024
    except (ConnectionResetError, BrokenPipeError):
        return False


def ask_dns(port: int) -> bool:
    """Whether a question over TCP has an answer, of the name it asked for."""
    question = dnslib.DNSRecord.question("plugserve.test")
    try:
        answer = dnslib.DNSRecord.parse(question.send("127.0.0.1", port, tcp=True, timeout=PATIENCE))
    except (ConnectionResetError, BrokenPipeError, struct.error):  # no length where one was to come
        return False
    return str(answer.short()) == "192.0.2.1"


def ask_listener(port: int) -> bool:
    """Send a configuration; it is the program's output that shows whether it has been obeyed."""
    words = {"version": 1, "incremental": True, "loggers": {"listened": {"level": "ERROR"}}}
    data = json.dumps(words).encode()
    with connect(port) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(struct.pack(">L", len(data)) + data)
        assert drain(client) == b""
    return True


SERVERS: dict[str, tuple[list[str], Callable[[int], bool]]] = {
    "http.server": (["-m", "http.server", "0", "--bind", "127.0.0.1"], ask_http),
    "xmlrpc": ([str(PROGRAMS / "rpc.py")], ask_rpc),
    "wsgiref": ([str(PROGRAMS / "wsgi.py")], ask_http),
    "werkzeug": ([str(PROGRAMS / "werkzeug_site.py")], ask_http),
    "dnslib": (
        ["-m", "dnslib.fixedresolver", "--tcp", "-p", "0", "-a", "127.0.0.1", "-r", ". 60 IN A 192.0.2.1"],
        ask_dns,
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_program_serves_whom_access_allows(name: str, tmp_path: Path) -> None:
    """The standard library's servers and other people's, none of them changed: the client is served, and the log says
    so."""
    words, ask = SERVERS[name]
    with adopted("--with", f"{ALLOW},{LOG}", "--", *words, cwd=tmp_path) as program:
        if name == "dnslib":
            program.port()  # that of UDP
        assert patiently(ask, program.port())
        event = program.next("request", "rejected")
        assert (event["event"], event["outcome"]) == ("request", "ok")
        program.end()


@pytest.mark.parametrize("name", SERVERS)
def test_a_program_refuses_whom_access_denies(name: str, tmp_path: Path) -> None:
    """The connection is closed without a byte, the handler does not run, and the log names who refused."""
    words, ask = SERVERS[name]
    with adopted("--with", DENY, "--with", LOG, "--", *words, cwd=tmp_path) as program:
        if name == "dnslib":
            program.port()
        assert not patiently(ask, program.port())
        event = program.next("request", "rejected")
        assert (event["event"], event["rejected_by"], event["bytes_out"]) == ("rejected", "access", 0)
        program.end()


@pytest.mark.parametrize("rule, outcome", [(ALLOW, "request"), (DENY, "rejected")])
def test_datagrams_of_dnslib_are_served_or_refused(rule: str, outcome: str, tmp_path: Path) -> None:
    """`dnslib` subclasses the datagram server, too."""
    words, _ = SERVERS["dnslib"]
    words = [word for word in words if word != "--tcp"]
    with adopted("--with", f"{rule},{LOG}", "--", *words, cwd=tmp_path) as program:
        port = program.port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.sendto(dnslib.DNSRecord.question("plugserve.test").pack(), ("127.0.0.1", port))
            assert program.next("request", "rejected")["event"] == outcome
            if outcome == "request":
                assert str(dnslib.DNSRecord.parse(client.recv(512)).short()) == "192.0.2.1"
        program.end()


def test_dig_gets_its_answer(tmp_path: Path) -> None:
    """The real client, over TCP."""
    if shutil.which("dig") is None:
        assert not os.environ.get("CI"), "dig is missing: install bind9-dnsutils"
        pytest.skip("dig is missing: install bind9-dnsutils")
    words, _ = SERVERS["dnslib"]
    with adopted("--with", f"{ALLOW},{LOG}", "--", *words, cwd=tmp_path) as program:
        program.port()
        command = ["dig", "+short", "+tcp", "@127.0.0.1", "-p", str(program.port()), "plugserve.test"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert done.stdout == "192.0.2.1\n"
        program.end()


@pytest.mark.parametrize("rule, level", [(ALLOW, "40"), (DENY, "0")])
def test_logging_takes_its_configuration_from_whom_access_allows(rule: str, level: str) -> None:
    """`logging.config.listen` makes its server in a thread, and would obey anybody on this machine."""
    with adopted("--with", f"{rule},{LOG}", str(PROGRAMS / "listen.py")) as program:
        patiently(ask_listener, program.port())
        program.next("request", "rejected")
        assert program.end(None) == (0, f"{level}\n", "")


def test_a_log_in_a_file_has_every_line(tmp_path: Path) -> None:
    """Start, request and stop, in a file whose relative path begins where the command was given."""
    words, ask = SERVERS["http.server"]
    words = [*words, "--directory", "/"]
    with adopted("--with", f"log:path=site.log,format=json,{ALLOW}", "--", "-u", *words, cwd=tmp_path) as program:
        assert program.process.stdout is not None
        line = program.process.stdout.readline()
        assert ask(int(line.partition(" port ")[2].split()[0]))
        log, deadline = tmp_path / "site.log", monotonic() + PATIENCE
        # The request ends in a thread of its own, for which the program does not wait.
        while '"request"' not in log.read_text():
            assert monotonic() < deadline, log.read_text()
        assert program.end()[0] == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "request", "stop"]
    assert {event["pid"] for event in events if "pid" in event} == {program.process.pid}


def test_ctrl_c_ends_the_command_of_http_server_as_ever(tmp_path: Path) -> None:
    """The same words on both streams, the same status, in the very process that was started."""
    found = []
    for command in ([sys.executable], [*ADOPT, "--with", ALLOW, "--"]):
        process = subprocess.Popen(
            [*command, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        with process:
            assert process.stdout is not None
            first = process.stdout.readline()
            port = first.partition(" port ")[2].split()[0]
            # Once it has answered, it is where it waits for Ctrl-C.
            assert ask_http(int(port))
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=PATIENCE)
        found.append((first.replace(port, "PORT"), output, re.sub(r"\[.*\]", "", errors), process.returncode))
    assert found[0] == found[1]
    assert found[0][-1] == 0


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, -signal.SIGINT)])
def test_signals_end_a_program_as_ever(number: int, status: int) -> None:
    """They reach it directly; nothing stands between."""
    with adopted("--with", LOG, str(PROGRAMS / "rpc.py")) as program:
        program.port()
        assert program.end(number)[0] == status


# -- how a program is started --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["facts.py", "a", "--with", "b", "--"], ["-W", "error", "-Xdev", "-m", "facts", "-m"]]
)
def test_a_program_sees_what_it_sees_in_a_plain_run(words: list[str]) -> None:
    """`sys.argv`, `sys.path`, `__main__`, flags, the working directory; and nothing has been imported for it."""
    plain = subprocess.run(
        [sys.executable, *words], cwd=PROGRAMS, capture_output=True, text=True, timeout=PATIENCE, env=environment()
    )
    done = run("--with", ALLOW, "--", *words, cwd=PROGRAMS)
    assert json.loads(done.stdout) == json.loads(plain.stdout)
    assert done.returncode == plain.returncode == 0


def test_the_module_has_the_names_of_the_standard_one(tmp_path: Path) -> None:
    """And its own name; it may be imported again, and its classes pickled."""
    done = run(str(PROGRAMS / "names.py"), cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("as expected\n", 0), done.stderr


@pytest.mark.parametrize(
    "head",
    [f"#!{sys.executable}\n", f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n"],
    ids=["plain", "long path"],
)
def test_a_console_script_is_found_on_path(head: str, tmp_path: Path) -> None:
    """By its name, with the first line that installers write, or the three that they write for long paths."""
    script = tmp_path / "greet"
    script.write_text(f"{head}import sys, socketserver\nprint(sys.argv, socketserver.TCPServer.__module__)\n")
    script.chmod(0o755)
    done = run("greet", "-x", PATH=os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    assert done.stdout == f"{[str(script), '-x']} plugserve.internet\n"


def test_a_program_may_have_a_file_of_any_name_beside_it(tmp_path: Path) -> None:
    """What plugserve imports is what is installed, not what has the same name in the program's folder."""
    (tmp_path / "pluggy.py").write_text("raise SystemExit('not meant')")
    (tmp_path / "server.py").write_text("import socketserver, sys; print('pluggy' in sys.modules)")
    done = run("--with", ALLOW, "server.py", cwd=tmp_path)
    assert done.stdout == "True\n", done.stderr


def test_another_sitecustomize_is_run_in_its_turn(tmp_path: Path) -> None:
    """As if ours were not there; servers that it makes are adopted."""
    (tmp_path / "sitecustomize.py").write_text("import socketserver; print(socketserver.TCPServer.__module__)")
    (tmp_path / "program.py").write_text("import sitecustomize; print(sitecustomize.__file__)")
    done = run("program.py", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    # Once in the Python of the command itself.
    assert done.stdout.splitlines()[-2:] == ["plugserve.internet", str(tmp_path / "sitecustomize.py")]


def test_another_sitecustomize_fails_as_ever(tmp_path: Path) -> None:
    """`site` says so in the same words, and the program runs."""
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('theirs')")
    (tmp_path / "program.py").write_text("import sys, socketserver; print('sitecustomize' in sys.modules)")
    arguments = {"PYTHONPATH": str(tmp_path)}
    plain = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(**arguments),
    )
    done = run("program.py", cwd=tmp_path, **arguments)
    assert done.stdout == plain.stdout
    assert "ValueError: theirs" in plain.stderr
    assert done.stderr.startswith(plain.stderr * 2)


def test_an_import_before_the_program_is_told(tmp_path: Path) -> None:
    """By a .pth file, which comes before everything: one line says what is not adopted, and the rest is."""
    python = make_environment(tmp_path / "other", f"{plugserve_path()}\nimport http.server\n")
    (tmp_path / "program.py").write_text("import socketserver; print(socketserver.TCPServer.__module__)")
    variables = Adoption((), str(tmp_path)).environment(environment())
    done = subprocess.run(
        [python, "program.py"], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "plugserve.internet\n"
    first, _, rest = done.stderr.partition("\n")
    assert first == (
        "plugserve: socketserver was imported before the program, by a .pth file: http.server is not adopted"
    )
    assert rest.startswith("plugserve: nothing was adopted: ")


def plugserve_path() -> str:
    """The folders in which the core and what it needs are found, one a line."""
    return "\n".join(entry for entry in sys.path if entry)


def make_environment(folder: Path, pth: str = "") -> str:
    """A virtual environment with nothing in it but a .pth file; returns its interpreter."""
    venv.create(folder, symlinks=True)
    library = next((folder / "lib").glob("python3*/site-packages"))
    (library / "test.pth").write_text(pth)
    return str(folder / "bin" / "python")


# -- children ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("rule, answer", [(ALLOW, b"hello\n"), (DENY, b"")])
def test_a_child_that_makes_a_server_is_adopted(method: str, rule: str, answer: bytes) -> None:
    """However multiprocessing starts it."""
    with adopted("--with", f"{rule},{LOG}", str(PROGRAMS / "children.py"), method) as program:
        with patiently(connect, program.port()) as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(b"hello\n")
            assert drain(client) == answer
        status, _, errors = program.end(None)
        assert status == 0
        assert program.events[0]["pid"] != program.process.pid
        # The program itself has made none, and does not claim that nobody has.
        assert errors == "" or errors.endswith("; those of processes that it started may have been\n")


def test_a_program_that_a_program_starts_is_adopted(tmp_path: Path) -> None:
    """`subprocess`, with the environment handed on."""
    (tmp_path / "outer.py").write_text(
        f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, {str(PROGRAMS / 'names.py')!r}]))"
    )
    done = run("outer.py", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("as expected\n", 0)
    assert "those of processes that it started may have been" in done.stderr


def test_a_child_without_plugserve_says_so_once_and_goes_on(tmp_path: Path) -> None:
    """A Python of another virtual environment, and its own child: one line in all, and none if it makes no server."""
    python = make_environment(tmp_path / "other")
    (tmp_path / "inner.py").write_text(
        "import socketserver, subprocess, sys\n"
        "print(socketserver.TCPServer.__module__, socketserver.__file__ is not None, flush=True)\n"
        "if len(sys.argv) == 1: subprocess.call([sys.executable, __file__, 'again'])\n"
    )
    (tmp_path / "outer.py").write_text(
        "import subprocess\n"
        f"subprocess.call([{python!r}, '-c', 'pass'])\n"
        f"subprocess.call([{python!r}, {str(tmp_path / 'inner.py')!r}])\n"
        "import socketserver\n"
        "socketserver.TCPServer(('127.0.0.1', 0), None).server_close()\n"
    )
    done = run("--with", ALLOW, "outer.py", cwd=tmp_path)
    assert done.stdout == "socketserver True\n" * 2
    assert re.fullmatch(
        rf"plugserve: process \d+ \({re.escape(python)}\) is not adopted: ModuleNotFoundError: .*plugserve.*\n",
        done.stderr,
    )


# -- plugins -------------------------------------------------------------------------------------------------------


def test_a_class_with_an_attribute_called_plugins_is_not_open_to_everybody() -> None:
    """What a program calls so for a purpose of its own does not take the place of what was asked for."""
    with adopted("--with", f"{DENY},{LOG}", str(PROGRAMS / "pair.py")) as program:
        for port in [program.port(), program.port()]:
            with patiently(connect, port) as client:
                assert drain(client) == b""
            assert program.next("request", "rejected")["event"] == "rejected"
        assert program.end(None)[0] == 0


def test_a_program_written_for_plugserve_keeps_its_own_plugins(tmp_path: Path) -> None:
    """Those asked for come first, and each server has instances of its own."""
    (tmp_path / "program.py").write_text(
        "import socketserver\n"
        "from layer import Layer\n"
        "class Server(socketserver.TCPServer):\n"
        "    plugins = staticmethod(lambda: [Layer()])\n"
        "made = [Server(('127.0.0.1', 0), None), Server(('127.0.0.1', 0), None)]\n"
        "print([list(server.plugins) for server in made])\n"
        "print(all(made[0].plugins[name] is not made[1].plugins[name] for name in made[0].plugins))\n"
        "given = socketserver.TCPServer(('127.0.0.1', 0), None, plugins=[Layer()])\n"
        "print(list(given.plugins))\n"
        "for server in [*made, given]: server.server_close()\n"
    )
    shutil.copy(PROGRAMS / "layer.py", tmp_path)
    done = run("--with", ALLOW, "program.py", cwd=tmp_path)
    names = ["access", "layer"]
    assert (done.stdout, done.stderr) == (f"{[names, names]}\nTrue\n{names}\n", "")


def test_a_server_that_a_plugin_makes_at_its_start_is_its_own(tmp_path: Path) -> None:
    """Or it would be given a plugin that makes a server, and so on."""
    (tmp_path / "page.py").write_text(
        "import http.server\n"
        "from plugserve import hookimpl\n"
        "class Page:\n"
        "    @hookimpl\n"
        "    def server_activate(self, server):\n"
        "        with http.server.HTTPServer(('127.0.0.1', 0), None) as page: print(list(page.plugins))\n"
    )
    (tmp_path / "program.py").write_text(
        "import socketserver\n"
        "with socketserver.TCPServer(('127.0.0.1', 0), None) as server: print(list(server.plugins))\n"
    )
    done = run("--with", "./page.py:Page", "program.py", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n['Page']\n", "")


def test_a_plugin_that_a_program_attaches_itself_is_not_asked_for_again(tmp_path: Path) -> None:
    """Two of one name would be a riddle."""
    (tmp_path / "program.py").write_text(
        "import socketserver\nfrom layer import Layer\n"
        "socketserver.TCPServer(('127.0.0.1', 0), None, plugins={'Layer': Layer()})\n"
    )
    shutil.copy(PROGRAMS / "layer.py", tmp_path)
    done = run("--with", "./layer.py:Layer", "program.py", cwd=tmp_path)
    assert done.stderr == "plugserve: the program attaches a plugin 'Layer' of its own: leave it out of --with\n"
    assert done.returncode == 78


def test_a_class_may_make_its_plugins_anew_for_each_server() -> None:
    """`plugins = staticmethod(...)`, without any adoption."""

    class Quiet:
        @plugserve.hookimpl
        def server_close(self) -> None:
            pass

    class Server(plugserve.TCPServer):
        plugins = staticmethod(lambda: [Quiet()])

    address = ("127.0.0.1", 0)
    with Server(address, plugserve.BaseRequestHandler) as one, Server(address, plugserve.BaseRequestHandler) as other:
        assert isinstance(one.plugins["quiet"], Quiet)
        assert one.plugins["quiet"] is not other.plugins["quiet"]


def test_a_plugin_that_refuses_a_server_ends_the_program_with_a_line(tmp_path: Path) -> None:
    """No traceback, and the status of a mistake in what was asked for."""
    done = run("--with", "access:allow_file=none.txt", str(PROGRAMS / "rpc.py"), cwd=tmp_path)
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("plugserve: ")
    assert str(tmp_path / "none.txt") in done.stderr


def test_a_plugin_that_refuses_a_server_in_a_thread_ends_the_thread_with_a_line(tmp_path: Path) -> None:
    """As when its address is in use; the program itself is not asked."""
    done = run("--with", "access:allow_file=none.txt", str(PROGRAMS / "listen.py"), cwd=tmp_path)
    assert "none.txt" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_a_layer_on_datagrams_is_refused_with_the_reason(tmp_path: Path) -> None:
    """In the core's own words, when the server is made."""
    words, _ = SERVERS["dnslib"]
    done = run("--with", f"{PROGRAMS / 'layer.py'}:Layer", "--", *words, cwd=tmp_path)
    assert done.returncode == 78
    assert done.stderr.startswith("plugserve: plugin 'Layer' is a layer, layers need a stream, and UDPServer serves")


# -- what cannot be done -------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_and_nothing_is_run() -> None:
    """An unknown plugin, a misspelt option, a wrong value and a program that is not there: status 78."""
    done = run("--with", "acess,access:alow=1,log:level=loud", "--", "nowhere.py")
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    for line, words in zip(lines, ("'acess'", "'alow'", "'loud'", "nowhere.py"), strict=True):
        assert line.startswith("plugserve: ")
        assert words in line


@pytest.mark.parametrize(
    "words, reason",
    [
        (["-c", "pass"], "in the command line itself cannot be adopted"),
        (["-"], "from standard input cannot be adopted"),
        (["-I", "x.py"], "isolated mode"),
        (["-uE", "x.py"], "without PYTHONPATH"),
        (["-S", "x.py"], "without the module site"),
        (["-V"], "Python runs no program with it"),
        (["-u"], "there is no program"),
        (["-X"], "its value is missing"),
        (["--wiht", "log"], "--wiht is no option"),
        (["missing.py"], "neither such a file here nor such a program"),
        (["./missing.py"], "there is no such file: correct the path"),
        (["missing.py"], "nor such a program on PATH: correct the name, or give its path"),
        (["http.server"], r"did you mean -m http.server\?"),
        (["binary"], "that is a binary"),
        (["shell"], "that is a program for /bin/sh"),
        (["text"], "that is no Python program"),
        (["folder"], "a folder without __main__"),
        (["python3"], "leave it out"),
        ([sys.executable, "x.py"], "leave it out"),
        (["-m", "nothing_of_this_name"], "has no module of that name: correct it, or install what brings it"),
        (["-m", "http.nothing"], "has no module of that name"),
        (["-m", "http.server.more"], "has no module of that name"),
        (["-m", "http"], "a package without __main__"),
        (["-m", "program.py"], "leave -m out"),
        (["-m", "./program"], "write the name of a module"),
    ],
)
def test_what_cannot_be_adopted_says_so(
    words: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what it is and, where there is one, a remedy."""
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "shell").write_text("#!/bin/sh\necho\n")
    (tmp_path / "text").write_text("dear reader,\n")
    (tmp_path / "program.py").write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(plugserve.ConfigurationError, match=reason):
        find_program(words)


def test_a_command_of_another_python_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on PATH it would run without what it needs; by its path, it is the user's decision."""
    script = tmp_path / "greet"
    script.write_text("#!/elsewhere/bin/python3\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(plugserve.ConfigurationError, match="runs on another Python, /elsewhere/bin/python3"):
        find_program(["greet"])
    assert find_program([str(script)]).arguments == (str(script),)


@pytest.mark.parametrize(
    "words, arguments",
    [
        (["-um", "http.server", "-c"], ["-u", "-m", "http.server", "-c"]),
        (["-mhttp.server"], ["-m", "http.server"]),
        (["-Werror", "-X", "dev", "-bb", "-m", "this"], ["-Werror", "-X", "dev", "-bb", "-m", "this"]),
        (["--check-hash-based-pycs", "never", "program.py"], ["--check-hash-based-pycs", "never", "program.py"]),
        (["--", "program.py", "--", "-I"], ["program.py", "--", "-I"]),
        (["plain", "-m"], ["plain", "-m"]),
        (["-m", "space.inner.thing"], ["-m", "space.inner.thing"]),
        (["-m", "moving.thing"], ["-m", "moving.thing"]),
    ],
)
def test_words_are_read_as_python_reads_them(
    words: list[str], arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options together and apart, a module in a namespace, one in a package that changes its own path."""
    (tmp_path / "program.py").write_text("")
    (tmp_path / "plain").write_text("print('Python without saying so')\n")
    (tmp_path / "space" / "inner").mkdir(parents=True)
    (tmp_path / "space" / "inner" / "thing.py").write_text("")
    (tmp_path / "moving").mkdir()
    (tmp_path / "moving" / "__init__.py").write_text("__path__.append(__path__[0] + '/there')\n")
    (tmp_path / "moving" / "there").mkdir()
    (tmp_path / "moving" / "there" / "thing.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert list(find_program(words).arguments) == arguments


def test_an_archive_of_python_is_a_program(tmp_path: Path) -> None:
    """As `zipapp` makes it; one without `__main__` is not."""
    import zipapp

    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "__main__.py").write_text("")
    zipapp.create_archive(tmp_path / "source", tmp_path / "tool.pyz")
    assert find_program([str(tmp_path / "tool.pyz")]).arguments == (str(tmp_path / "tool.pyz"),)


@pytest.mark.parametrize(
    "words, reason",
    [
        ([], "the program did not import socketserver; what is made with sockets alone cannot be adopted"),
        (["asyncio"], "the program did not import socketserver; what is made with asyncio cannot be adopted"),
        (["http.server"], "the program made no server of socketserver; what is made with sockets alone"),
    ],
)
def test_a_program_that_makes_no_server_is_told_of(words: list[str], reason: str) -> None:
    """In one line at its end, with what may be the reason."""
    done = run(str(PROGRAMS / "quiet.py"), *words)
    assert done.stderr.startswith(f"plugserve: nothing was adopted: {reason}")
    assert (len(done.stderr.splitlines()), done.returncode) == (1, 0)


def test_a_program_with_a_socketserver_of_its_own_keeps_it(tmp_path: Path) -> None:
    """It is not the standard module that it asks for."""
    (tmp_path / "socketserver.py").write_text("mine = True")
    (tmp_path / "program.py").write_text("import socketserver; print(socketserver.mine)")
    done = run("program.py", cwd=tmp_path)
    assert done.stdout == "True\n"
    assert f"a module socketserver of its own, {tmp_path / 'socketserver.py'}" in done.stderr


def test_a_program_that_breaks_down_is_not_commented_on() -> None:
    """Its traceback says what there is to say."""
    done = run(str(PROGRAMS / "quiet.py"), "fail")
    assert done.returncode == 1
    assert "ValueError: no" in done.stderr
    assert "plugserve:" not in done.stderr


def test_a_program_whose_plugins_cannot_be_had_does_not_run_without_them(tmp_path: Path) -> None:
    """What was there when it was checked may have gone; an open door is no way to say so."""
    variables = Adoption.from_text(json.dumps({"plugins": [["gone", {}]], "folder": str(tmp_path)}))
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "rpc.py")],
        env=variables.environment(environment()),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 78
    assert done.stderr.startswith("plugserve: the program cannot be adopted: no plugin named 'gone'")
    assert len(done.stderr.splitlines()) == 1


def test_a_program_may_clear_its_environment_first(tmp_path: Path) -> None:
    """What was asked for has been taken down before."""
    (tmp_path / "program.py").write_text(
        "import os; os.environ.clear()\n"
        "import socketserver\n"
        "with socketserver.TCPServer(('127.0.0.1', 0), None) as server: print(list(server.plugins))\n"
    )
    assert run("--with", ALLOW, "program.py", cwd=tmp_path).stdout == "['access']\n"
