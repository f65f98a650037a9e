"""Runs the examples of a page of the documentation. docs/contributing-docs.md says how a page is written for it.

A page's blocks are carried out from top to bottom in a folder of its own: files are written, commands typed at a
terminal, what they print is compared with what the page shows. Ports are replaced by free ones of as many digits.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import termios
import time
import tomllib
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

LANGUAGES = ("console", "python", "toml")
PATIENCE = 120.0
"""Seconds after which a command that should have ended, or printed something, has hung."""

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\w+)\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
# A comment ends at its own end: what stands between two of them belongs to neither.
_MARKS = re.compile(r"(?:^<!-- (?:(?!-->).)* -->\n+)+\Z", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"<!-- (file|server|exit|not run): (.*?) -->", re.DOTALL)
_FILES_OF = re.compile(r"<!-- files of: (.*?) -->")
_PORT = re.compile(r"""(?:(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]|\*)["']?(?::|, ?| )|--port[ =])(\d{4,5})\b""")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_READY = re.compile(r"^(?:plugserve ready |Ctrl-C lets requests finish)", re.MULTILINE)


class Wrong(Exception):
    """An example is not as the page says; the message names the page and the line."""


class Absent(Exception):
    """A program that the page uses is not installed."""


@dataclass
class Block:
    """One fenced block.

    Attributes:
        line: where it begins, counted from 1.
        marks: what the comments before it say.
    """

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str]

    def wrong(self, message: str) -> Wrong:
        """An error that says where."""
        return Wrong(f"{self.page}:{self.line}: {message}")


@dataclass
class Command:
    """One line after a `$`, and what the page shows below it.

    Attributes:
        interrupt_at: how many lines of its output come before Ctrl-C; None if nobody presses it.
    """

    text: str
    output: list[str] = field(default_factory=list)
    interrupt_at: int | None = None


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page that are examples."""
    text = page.read_text("utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        before = _MARKS.search(text[: fence.start()])
        marks = {name: value.strip() for name, value in _MARK.findall(before[0])} if before else {}
        # A file in another language is what a command below needs.
        if fence["language"] in LANGUAGES or "file" in marks:
            line = text.count("\n", 0, fence.start()) + 1
            found.append(Block(page, line, fence["language"], fence["text"], marks))
    return found


def commands_of(block: Block) -> list[Command]:
    """The commands of a console block. The first may be empty: the block then goes on with a server's output."""
    found: list[Command] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            # What is behind ` # ` is for the reader, and for the shell a comment as well.
            found.append(Command(command))
            continue
        if not found:
            found.append(Command(""))
        if line == "^C":
            found[-1].interrupt_at = len(found[-1].output)
        else:
            found[-1].output.append(line)
    return found


def pattern_of(lines: Sequence[str]) -> re.Pattern[str]:
    """What matches the output that a page shows: `...` is anything in a line, alone in a line any lines."""
    pieces = []
    for line in lines:
        if line.strip() == "...":
            pieces.append(r"(?:.*\n)*?")
        else:
            pieces.append(".*".join(re.escape(piece) for piece in _squeezed(line).split("...")) + r"\n")
    return re.compile("".join(pieces))


def _squeezed(line: str) -> str:
    # How wide a column is depends on what stands in it, ports and versions among it.
    return " ".join(line.split())


class Terminal:
    """A command that runs at a terminal of its own."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str]) -> None:
        self.output = ""
        self._bytes = b""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        try:
            self.process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                # Whoever started the tests in the background has made all their children deaf to Ctrl-C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
            )
        finally:
            os.close(theirs)

    def read(self, seconds: float) -> bool:
        """Take what it has printed, waiting for some; returns False once its terminal is closed."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return True
        try:
            more = os.read(self._ours, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # what Linux says when nobody has the other end open
                raise
            more = b""
        self._bytes += more
        text = _ESCAPES.sub("", self._bytes.decode("utf-8", "replace")).replace("\r\n", "\n")
        self.output = "".join(f"{_squeezed(line)}\n" for line in text.splitlines()) if text else ""
        return bool(more)

    def until(self, done: Any) -> bool:
        """Read until `done()`, which may look at what has been printed, or its end; False if neither comes."""
        limit = time.monotonic() + PATIENCE
        while not done():
            if not self.read(0.02):
                return self._ended(limit)
            if self.process.poll() is not None and not self._open():
                return True
            if time.monotonic() > limit:
                return False
        return True

    def _open(self) -> bool:
        """Whether there is more to read of a process that has ended."""
        return bool(select.select([self._ours], [], [], 0)[0]) and self.read(0)

    def _ended(self, limit: float) -> bool:
        try:
            self.process.wait(max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: int) -> None:
        """To it and to what it has started."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """End it, and everything it has started."""
        self.signal(signal.SIGTERM)
        if not self.until(lambda: False):
            self.signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)


class Run:
    """One page, carried out.

    Parameters:
        page: the page.
        folder: an empty folder to do it in.
    """

    def __init__(self, page: Path, folder: Path) -> None:
        self.page = page
        self.folder = folder / "page"
        self.folder.mkdir()
        self.where = folder / "where"
        self.where.write_text(str(self.folder))
        self.blocks = blocks_of(page)
        self.servers: list[tuple[set[str], Terminal]] = []
        self.environment = _environment(folder) if any(b.language == "console" for b in self.blocks) else None
        text = "".join(block.text for block in (*self._borrowed(), *self.blocks))
        self.ports = _free_ports(set(_PORT.findall(text)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        for _, terminal in self.servers:
            terminal.close()

    def all(self) -> None:
        """Carry out every block.

        Raises:
            Wrong: something is not as the page says.
            Absent: a program is missing.
        """
        for block in self._borrowed():
            self._write(block)
        for number, block in enumerate(self.blocks):
            if "not run" in block.marks:
                if len(block.marks["not run"].split()) < 3:
                    raise block.wrong("say in a sentence why it is not run")
            elif block.language == "console":
                for command in commands_of(block):
                    self._command(block, command)
            else:
                later = [other for other in self.blocks[number + 1 :] if "not run" not in other.marks]
                self._file(block, typed=any(other.language == "console" for other in later))

    def _borrowed(self) -> Iterator[Block]:
        """The files of earlier pages that this one goes on with."""
        for name in _FILES_OF.findall(self.page.read_text("utf-8")):
            other = self.page.parent / name
            if not other.is_file():
                raise Wrong(f"{self.page}: 'files of: {name}': there is no such page")
            yield from (block for block in blocks_of(other) if "file" in block.marks and "not run" not in block.marks)

    # -- files ---------------------------------------------------------------------------------------------------------

    def _write(self, block: Block) -> Path:
        file = self.folder / block.marks.get("file", "example.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._with_ports(block.text), "utf-8")
        return file

    def _file(self, block: Block, *, typed: bool) -> None:
        """Write a file. What no command below can be about is run by itself."""
        if block.language == "toml":
            try:
                tomllib.loads(block.text)
            except tomllib.TOMLDecodeError as error:
                raise block.wrong(f"this is no TOML: {error}") from None
            if "file" not in block.marks or not typed:
                raise block.wrong(
                    "this does nothing: name it with <!-- file: NAME --> and use it in a console block below, or say "
                    "why not: <!-- not run: REASON -->"
                )
        file = self._write(block)
        if "file" in block.marks and typed:
            return
        shown = subprocess.run(
            [sys.executable, file.name],
            cwd=file.parent,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        if shown.returncode:
            raise block.wrong(f"it failed:\n{shown.stderr}")

    # -- commands ------------------------------------------------------------------------------------------------------

    def _command(self, block: Block, command: Command) -> None:
        if not command.text:
            if not self.servers:
                raise block.wrong("this shows output, and no server runs: begin commands with '$ '")
            self._compare(block, command, self.servers[-1][1], running=True)
            return
        ports = set(block.marks.get("server", "").replace(",", " ").split())
        ports |= set(_PORT.findall(command.text))
        serves = "server" in block.marks or re.match(r"plugserve serve\b", command.text) is not None
        if serves:
            self._stop(ports)
        assert self.environment is not None, "there is a console block"
        # A folder that a command goes to is where the next one runs.
        typed = self._with_ports(command.text)
        wrapped = typed if serves else f"{typed}\nstatus=$?; pwd > {self.where}; exit $status"
        terminal = Terminal(wrapped, Path(self.where.read_text().strip()), self.environment)
        self.servers.append((ports, terminal))
        if serves:
            if not terminal.until(lambda: self._is_ready(block, command, terminal)):
                raise block.wrong(f"'{command.text}' is not ready after {PATIENCE:g} s:\n{terminal.output}")
            running = terminal.process.poll() is None
            if not running and "exit" not in block.marks:
                raise block.wrong(f"'{command.text}' ended instead of serving:\n{terminal.output}")
        else:
            running = False
        if command.interrupt_at is not None:
            before = pattern_of(command.output[: command.interrupt_at])
            terminal.until(lambda: before.match(self._shown(terminal)) is not None)
            terminal.signal(signal.SIGINT)
            running = False
        self._compare(block, command, terminal, running=running)
        if not running:
            self._stop_one(terminal)

    def _is_ready(self, block: Block, command: Command, terminal: Terminal) -> bool:
        # Ours listen before they say so, and a client that came in between would have its lines above those.
        if re.search(r"\bplugserve serve\b", command.text) and not _READY.search(terminal.output):
            return False
        named = set(block.marks.get("server", "").replace(",", " ").split())
        return _listening({self.ports.get(port, port) for port in named})

    def _compare(self, block: Block, command: Command, terminal: Terminal, *, running: bool) -> None:
        """What was printed with what the page shows, and the exit status of what has ended."""
        wanted = pattern_of(command.output)

        def as_shown() -> bool:
            return wanted.fullmatch(self._shown(terminal)) is not None

        if running:
            if command.output:
                terminal.until(as_shown)
                if not as_shown():
                    raise self._differs(block, command, terminal)
            return
        if not terminal.until(lambda: False):
            raise block.wrong(
                f"'{command.text}' did not end within {PATIENCE:g} s; if it is a server, put <!-- server: PORT --> "
                f"before the block. It printed:\n{terminal.output}"
            )
        status = terminal.process.returncode
        if status == 127 and (missing := re.search(r"(\S+): command not found", terminal.output)):
            raise Absent(missing[1])
        if command.output and not as_shown():
            raise self._differs(block, command, terminal)
        last = commands_of(block)[-1].text == command.text
        expected = int(block.marks.get("exit", 0)) if last else 0
        # A program that Ctrl-C ends says so in several ways, all of which are right.
        if status != expected and command.interrupt_at is None:
            raise block.wrong(f"'{command.text}' ended with status {status}, not {expected}:\n{terminal.output}")

    def _differs(self, block: Block, command: Command, terminal: Terminal) -> Wrong:
        shown = "\n".join(f"  {line}" for line in command.output)
        printed = "\n".join(f"  {line}" for line in self._shown(terminal).splitlines())
        return block.wrong(f"'{command.text}' printed\n{printed}\nand the page shows\n{shown}")

    def _shown(self, terminal: Terminal) -> str:
        """What it printed, with the page's ports."""
        text = terminal.output
        for port, free in self.ports.items():
            text = re.sub(rf"\b{free}\b", port, text)
        return text.replace(str(self.folder), "").strip("\n") + "\n"

    def _stop(self, ports: set[str]) -> None:
        """Stop the servers on these ports: a person presses Ctrl-C before starting another one."""
        for others, terminal in list(self.servers):
            if others & ports:
                self._stop_one(terminal)

    def _stop_one(self, terminal: Terminal) -> None:
        self.servers = [server for server in self.servers if server[1] is not terminal]
        terminal.close()

    def _with_ports(self, text: str) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text


def _environment(folder: Path) -> dict[str, str]:
    """A virtual environment that sees what is installed here, and can be installed into without a network."""
    place = folder / "environment"
    venv.EnvBuilder(symlinks=True).create(place)
    programs = place / "bin"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    # A .pth file in a folder that is added this way counts, too: that of an editable installation.
    (site / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name in ("pip", "plugserve", "pytest"):
        (programs / name).write_text(f'#!/bin/sh\nexec "{programs / "python"}" -m {name} "$@"\n')
        (programs / name).chmod(0o755)
    return {
        "COLUMNS": "100",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "LINES": "40",
        "NO_COLOR": "1",
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's own logic: no "no isolation" is "no" to isolation
        "PIP_NO_INDEX": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TERM": "dumb",
        "TMPDIR": str(folder),
        "VIRTUAL_ENV": str(place),
    }


def _free_ports(ports: set[str]) -> dict[str, str]:
    """For each port one that is free, with as many digits, and not one that the system gives to others."""
    chosen: dict[str, str] = {}
    while len(chosen) < len(ports):
        port = min(ports - chosen.keys())
        # The system gives 32768 and above to whoever asks for any port (ip(7), ip_local_port_range on Linux).
        free = str(random.SystemRandom().randrange(*((2000, 10_000) if len(port) == 4 else (10_000, 32_000))))
        if free not in chosen.values() and free not in ports and _is_free(int(free)):
            chosen[port] = free
    return chosen


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def _listening(ports: set[str]) -> bool:
    """Whether somebody listens on all of them. Connecting would count as a request, so proc(5) is asked."""
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        file = Path("/proc/net") / table
        if file.exists():
            for line in file.read_text().splitlines()[1:]:
                words = line.split()
                # 0A is LISTEN, 07 the state of a bound datagram socket.
                if words[3] == ("0A" if table.startswith("tcp") else "07"):
                    found.add(str(int(words[1].rpartition(":")[2], 16)))
    return ports <= found
