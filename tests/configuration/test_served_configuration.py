from __future__ import annotations

import errno
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

APP = """
    from dataclasses import dataclass
    from plugserve import CoroutineHandler, DatagramRequestHandler

    class Shout(CoroutineHandler):
        @dataclass(frozen=True)
        class Options:
            mark: str = "."

        async def handle(self):
            while data := await self.connection.read():
                self.connection.write(data.upper() + self.options.mark.encode())

    class Mirror(DatagramRequestHandler):
        def handle(self):
            self.wfile.write(self.rfile.read()[::-1])
    """


class Serving:
    """`plugserve serve` in a process, until it is ready."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plugserve", "serve", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.up: list[Mapping[str, str]] = []
        self.ready = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("plugserve up "):
                self.up.append(dict(word.split("=", 1) for word in shlex.split(line)[2:]))
            elif line.startswith("plugserve ready "):
                self.ready = line.strip()
                break
        assert self.ready, self.process.communicate(timeout=20)

    def address(self, index: int) -> tuple[str, int]:
        """Where a listener is."""
        found = re.fullmatch(r"\w+://([\d.]+):(\d+)", self.up[index]["address"])
        assert found
        return found[1], int(found[2])

    def stop(self) -> tuple[int, list[str], str]:
        """SIGTERM, and `end`."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> tuple[int, list[str], str]:
        """Wait for its end; gives back the status, the lines that follow, and standard error."""
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output.splitlines(), errors


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Write files and serve; whatever still runs in the end is stopped."""
    running: list[Serving] = []

    def start(text: str, *arguments: str) -> Serving:
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc" / "app.py").write_text(dedent(APP))
        (tmp_path / "etc" / "site.toml").write_text(dedent(text))
        running.append(Serving(tmp_path, *arguments or ("-c", "etc/site.toml")))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate(timeout=20)


def talk(address: tuple[str, int], data: bytes) -> bytes:
    """Send, and read to the end; nothing from a server that refuses, which may be done with us before we have sent."""
    with socket.create_connection(address, timeout=20) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise
            return b""


def ask(address: tuple[str, int], data: bytes) -> bytes:
    """One datagram there, one back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(data, address)
        return client.recv(65536)


def test_two_listeners_from_their_start_to_the_drain(serve: Callable[..., Serving]) -> None:
    """A file is served over TCP and UDP, tells its addresses, and on SIGTERM lets a request finish and ends with 0."""
    served = serve(
        """
        drain = 20

        [[listen]]
        bind    = "tcp://127.0.0.1:0"
        handler = "./app.py:Shout"
        name    = "shout"
        options = { mark = "!" }

        [[listen]]
        bind    = "udp://127.0.0.1:0"
        handler = "./app.py:Mirror"
        """
    )
    [shout, mirror] = served.up
    assert shout["listener"] == "shout"
    # Without a name it goes by its address, as in logs.
    assert mirror["listener"] == mirror["address"].removeprefix("udp://")
    assert served.ready == "plugserve ready listeners=2"
    assert talk(served.address(0), b"hello") == b"HELLO!"
    assert ask(served.address(1), b"hello") == b"olleh"
    with socket.create_connection(served.address(0), timeout=20) as connection:
        connection.sendall(b"a")
        assert connection.recv(10) == b"A!"
        served.process.send_signal(signal.SIGTERM)
        connection.sendall(b"b")
        assert connection.recv(10) == b"B!"
    status, lines, errors = served.end()
    assert (status, errors) == (0, "")
    assert sorted(line.partition(" address=")[0] for line in lines) == [
        f"plugserve down listener={mirror['listener']}",
        "plugserve down listener=shout",
    ]
    assert all(line.endswith(" status=0") for line in lines)


def test_files_plugins_and_engines_together(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """`http-files` with a folder beside the file, `access` that refuses, `log` that writes beside the file."""
    (tmp_path / "etc" / "public").mkdir(parents=True)
    (tmp_path / "etc" / "public" / "index.html").write_text("it works")
    served = serve(
        """
        [[listen]]
        bind    = "127.0.0.1:0"
        handler = "http-files"
        options = { root = "public" }
        [[listen.plugin]]
        use  = "log"
        path = "access.log"

        [[listen]]
        bind    = ["127.0.0.1:0", "127.0.0.1:0"]
        handler = "echo"
        name    = "closed"
        engine  = "forking"
        engine-options = { max-children = 2 }
        [[listen.plugin]]
        use  = "access"
        deny = ["127.0.0.1"]
        """
    )
    assert [one["engine"] for one in served.up] == ["threading", "forking", "forking"]
    assert [one["handler"] for one in served.up] == ["http-files", "echo", "echo"]
    assert [one["listener"] for one in served.up[1:]] == ["closed.1", "closed.2"]
    host, port = served.address(0)
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=20) as reply:
        assert reply.read() == b"it works"
    for index in (1, 2):
        assert talk(served.address(index), b"x") == b""
    status, _, errors = served.stop()
    assert (status, errors) == (0, "")
    assert '"127.0.0.1' in (tmp_path / "etc" / "access.log").read_text()


def test_the_option_of_the_command_line_is_stronger(serve: Callable[..., Serving]) -> None:
    """`--drain` takes the place of what the file says: nobody waits an hour for a client that says nothing."""
    served = serve(
        'drain = 3600\n[[listen]]\nbind = "127.0.0.1:0"\nhandler = "./app.py:Shout"',
        "-c",
        "etc/site.toml",
        "--drain",
        "0",
    )
    with socket.create_connection(served.address(0), timeout=20) as connection:
        connection.sendall(b"a")
        assert connection.recv(10) == b"A."
        assert served.stop()[0] == 0


def test_a_mistake_binds_nothing(tmp_path: Path) -> None:
    """With one wrong listener of two, the other is not served for a moment."""
    site = tmp_path / "site.toml"
    site.write_text('[[listen]]\nbind = "127.0.0.1:0"\nhandler = "echo"\n[[listen]]\nbind = "1"\nhandler = "ehco"\n')
    result = subprocess.run(
        [sys.executable, "-m", "plugserve", "serve", "-c", str(site)], capture_output=True, text=True, timeout=30
    )
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr.startswith(f"plugserve: {site}:6: listen[1].handler: no handler named 'ehco' is installed")
