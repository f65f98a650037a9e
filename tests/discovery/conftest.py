"""Build a package as its author would, install it where a server finds it, and run the command in a process."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest


class Command:
    """`plugserve serve ...` in a process of its own, from its first line of output to its end.

    Attributes:
        lines: what it has printed about its listeners.
    """

    def __init__(self, arguments: Sequence[str], path: Sequence[Path] = (), cwd: Path | None = None) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([*map(str, path), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONUNBUFFERED": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plugserve", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=cwd,
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("plugserve ready"):
                break
            self.lines.append(line.rstrip())

    def address(self, scheme: str = "tcp") -> tuple[str, int]:
        """The host and port of the first listener with such an address or URL."""
        for line in self.lines:
            # A listener whose protocol has URLs is asked for by its URL.
            key = "address" if "url=" not in line else "url"
            if found := re.search(rf"\b{key}={scheme}://([\d.]+):(\d+)", line):
                return found[1], int(found[2])
        raise AssertionError(f"no {scheme}:// in {self.lines}, standard error: {self.stop()[1]}")

    def talk(self, data: bytes = b"") -> bytes:
        """Connect to the first TCP listener, send everything, and read to the end."""
        with socket.create_connection(self.address(), timeout=20) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b""))
            except OSError as error:
                # A server that refuses may be done before we are: then even shutdown says ENOTCONN.
                if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                    raise
                return b""

    def stop(self) -> tuple[int, str]:
        """SIGTERM; gives back the exit status and what stands on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def serve() -> Iterator[Callable[..., Command]]:
    """Start commands; each is stopped when the test ends."""
    running: list[Command] = []

    def start(*arguments: str, path: Sequence[Path] = (), cwd: Path | None = None) -> Command:
        running.append(Command(arguments, path, cwd))
        return running[-1]

    yield start
    for command in running:
        command.stop()


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a package, build its wheel and install it, each by the tool that its author and its user would take."""

    def make(name: str, files: dict[str, str]) -> Path:
        folder = tmp_path_factory.mktemp(name)
        source, wheels, site = folder / "source", folder / "wheels", folder / "site"
        for file, text in files.items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_text(text)
        # Nothing is fetched: the builder is the one that has built our own packages.
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        options = ["--no-index", "--no-deps"]
        subprocess.run(
            [*pip, "wheel", *options, "--no-build-isolation", "--wheel-dir", str(wheels), str(source)], check=True
        )
        [wheel] = wheels.glob("*.whl")
        subprocess.run([*pip, "install", *options, "--target", str(site), str(wheel)], check=True)
        return site

    return make
