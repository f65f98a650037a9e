"""The engines by name: on the command line, in a configuration, in code; and where uvloop is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner

import plugserve_asyncio
from plugserve import PluginError
from plugserve.cli import main
from plugserve.discovery import list_entries, load

HANDLER = """\
    import asyncio

    from plugserve import CoroutineHandler


    class Slow(CoroutineHandler):
        async def handle(self):
            while data := await self.connection.read():
                await asyncio.sleep(0)
                self.connection.write(data.upper())
    """


def in_new_process(text: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of its own."""
    command = [sys.executable, "-c", dedent(text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check)


def test_the_engines_are_found_by_name(engine: str) -> None:
    """Each is an entry point, and the mix-in that the package exports."""
    assert {"asyncio", "uvloop"} <= {entry.name for entry in list_entries("plugserve.engines")}
    mix_in = load("engine", engine)
    assert mix_in is getattr(plugserve_asyncio, f"{engine.capitalize()}MixIn")
    assert mix_in.engine_name == engine


def test_a_configuration_and_explain_know_them(engine: str, tmp_path: Path) -> None:
    """`engine = "asyncio"`, with the options of the engine; `explain` says where handlers run."""
    (tmp_path / "slow.py").write_text(dedent(HANDLER), "utf-8")
    site = tmp_path / "site.toml"
    site.write_text(
        dedent(f"""\
            [[listen]]
            bind = "tcp://127.0.0.1:0"
            handler = "slow.py:Slow"
            engine = "{engine}"
            engine-options = {{ max-threads = 4 }}
            """),
        "utf-8",
    )
    checked = CliRunner().invoke(main, ["check", "-c", str(site)])
    assert checked.exit_code == 0, checked.output
    explained = CliRunner().invoke(main, ["explain", "-c", str(site), "--json"])
    assert explained.exit_code == 0, explained.output
    [listener] = json.loads(explained.output)
    assert listener["engine"] == engine
    assert "loop, a thread for a classic handler" in json.dumps(listener)


def test_the_command_serves_with_them(engine: str, tmp_path: Path) -> None:
    """`plugserve serve --engine uvloop`, ended by SIGTERM as ever."""
    (tmp_path / "slow.py").write_text(dedent(HANDLER), "utf-8")
    done = in_new_process(f"""
        import re, signal, socket, subprocess, sys
        command = [sys.executable, "-m", "plugserve", "serve", "slow.py:Slow@127.0.0.1:0", "--engine", "{engine}"]
        process = subprocess.Popen(command, cwd={str(tmp_path)!r}, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if found := re.search(r"127[.]0[.]0[.]1:(\\d+)", line):
                break
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=20) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            print(client.recv(100))
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        print(process.wait(20))
    """)
    assert (done.stdout.splitlines(), done.stderr) == (["b'HELLO'", "0"], "")


def test_without_uvloop_its_engine_says_what_to_install() -> None:
    """The rest of the package works without it."""
    done = in_new_process("""
        import sys
        sys.modules["uvloop"] = None
        import plugserve_asyncio
        from plugserve import PluginError
        from plugserve.discovery import load

        print(load("engine", "asyncio").__name__, plugserve_asyncio.AsyncioTCPServer.__name__)
        for ask in (lambda: load("engine", "uvloop"), lambda: plugserve_asyncio.UvloopMixIn):
            try:
                ask()
            except (PluginError, ImportError) as error:
                print(error)
    """)
    first, *errors = done.stdout.splitlines()
    assert first == "AsyncioMixIn AsyncioTCPServer"
    assert len([line for line in errors if "pip install 'plugserve-asyncio[uvloop]'" in line]) == 2, done.stdout


def test_the_core_loads_no_asyncio() -> None:
    """Only who asks for the engine pays for it."""
    done = in_new_process("""
        import sys
        import plugserve
        print("asyncio" in sys.modules)
    """)
    assert done.stdout == "False\n"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'TrioMixIn'"):
        _: Any = plugserve_asyncio.TrioMixIn  # type: ignore[attr-defined]


def test_an_engine_that_is_not_there_is_refused() -> None:
    """With the nearest name."""
    with pytest.raises(PluginError, match="asyncio"):
        load("engine", "asyncoi")
