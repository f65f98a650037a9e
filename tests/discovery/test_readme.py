from __future__ import annotations

import html.parser
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stops servers with SIGTERM")

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def _code_lines(block: str) -> int:
    return len([line for line in block.splitlines() if line.strip()])


def test_the_echo_server_of_the_readme_echoes(tmp_path: Path) -> None:
    """The first block runs as it stands, but for the port, and takes no more than ten lines."""
    block = _blocks("python")[0]
    assert _code_lines(block) <= 10
    # A free port instead of its own, and word of which one that is.
    code = block.replace("7007", "0").replace(
        "    server.serve_forever()", "    print(server.server_address[1], flush=True)\n    server.serve_forever()"
    )
    file = tmp_path / "echo.py"
    file.write_text(code)
    process = subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"hello")
            assert connection.recv(100) == b"hello"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def test_the_plugin_of_the_readme_is_a_package_with_its_two_blocks(
    package: Callable[..., Path], serve: Callable[..., Any]
) -> None:
    """The plugin's class, of ten lines, and its entry point are all that `--with quota:limit=3` needs."""
    plugin = _blocks("python")[1]
    assert _code_lines(plugin) <= 10
    [entry_point] = [block for block in _blocks("toml") if "entry-points" in block]
    handler = _blocks("python")[0].partition("\n\n\nwith ")[0] + "\n"
    site = package(
        "plugserve-quota",
        {
            "pyproject.toml": (
                '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
                '[project]\nname = "plugserve-quota"\nversion = "1.0"\n\n'
                f'{entry_point}\n[project.entry-points."plugserve.handlers"]\n'
                'readme-echo = "plugserve_quota.echo:Echo"\n\n'
                '[tool.hatch.build.targets.wheel]\npackages = ["plugserve_quota"]\n'
            ),
            "plugserve_quota/__init__.py": plugin,
            "plugserve_quota/echo.py": handler,
        },
    )
    command = next(line for block in _blocks("console") for line in block.splitlines() if "quota:" in line)
    words = command.removeprefix("$ plugserve serve ").replace("7007", "0").split()
    assert words[0] == "echo"
    server = serve("readme-echo", *words[1:], path=[site])
    assert [server.talk(b"hello") for _ in range(4)] == [b"hello", b"hello", b"hello", b""]
    assert server.stop() == (0, "")


def test_the_plugin_of_the_readme_is_attached_from_its_file(tmp_path: Path, serve: Callable[..., Any]) -> None:
    """`--with ./quota.py:Quota:limit=3` needs nothing but the file."""
    plugin, handler = _blocks("python")[1], _blocks("python")[0].partition("\n\n\nwith ")[0] + "\n"
    (tmp_path / "quota.py").write_text(plugin)
    (tmp_path / "echo.py").write_text(handler)
    command = next(line for block in _blocks("console") for line in block.splitlines() if "./quota.py" in line)
    words = command.removeprefix("$ plugserve serve ").replace("7007", "0").replace("./", f"{tmp_path}/").split()
    assert words[0] == "echo"
    server = serve(f"{tmp_path}/echo.py:Echo", *words[1:])
    assert [server.talk(b"hello") for _ in range(4)] == [b"hello", b"hello", b"hello", b""]
    assert server.stop() == (0, "")


class _Code(html.parser.HTMLParser):
    """Collects the code elements that say they come from the README."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "code" and ("data-from", "README.md") in attributes:
            self.inside = True
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.blocks[-1] += data


def test_the_demo_page_shows_the_same_code_as_the_readme() -> None:
    """What the page shows is what these tests run."""
    page = _Code()
    page.feed((ROOT / "docs" / "demo" / "index.html").read_text())
    assert page.blocks == _blocks("python")


def test_the_demo_pages_load_nothing_from_elsewhere() -> None:
    """No address of another host stands in a link, a script or a stylesheet, and local links lead to files."""
    demo = ROOT / "docs" / "demo"
    for page in demo.glob("*.html"):
        for target in re.findall(r"""(?:href|src)=["']([^"'#]+)["']""", page.read_text()):
            assert target.startswith("data:") or (demo / target).is_file(), f"{page.name}: {target}"
    assert "url(" not in (demo / "style.css").read_text()


def test_the_configuration_of_the_readme_is_all_right(tmp_path: Path) -> None:
    """`check` has nothing to say against it, and a client of this machine would be served."""
    [configuration] = [block for block in _blocks("toml") if "[[listen]]" in block]
    (tmp_path / "site.toml").write_text(configuration)
    (tmp_path / "public").mkdir()
    command = [sys.executable, "-m", "plugserve"]
    for words in (["check", "-c", "site.toml"], ["explain", "-c", "site.toml", "--client", "127.0.0.1"]):
        done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
