"""The command `plugserve explain`: the life of a request as text and JSON, and what would happen to a client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner, Result

from plugserve.cli import main

SITE = """\
[[listen]]
bind = ["tcp://127.0.0.1:7070", "udp://127.0.0.1:7070"]
handler = "echo"
name = "site"

  [[listen.plugin]]
  use = "access"
  allow = ["192.0.2.0/24"]
  deny = ["192.0.2.7"]

  [[listen.plugin]]
  use = "log"
"""

PLUGINS = """\
from plugserve import RequestRejected, hookimpl


class Peek:
    '''Looks at what the client has sent.'''

    @hookimpl
    def verify_request(self, request):
        return request.recv(1) == b"x"


class Named:
    '''Lets in who has proved to be somebody.'''

    @hookimpl
    async def authorize(self, context):
        if context.identity is None or not context.tls:
            raise RequestRejected("nobody knows you")

    def explain(self, identity, tls):
        return f"{identity} came {'in secret' if tls else 'in clear'}"


class Proxy:
    '''A layer that is not run.'''

    phase = "peer"

    @hookimpl
    async def open_connection(self, connection):
        raise AssertionError("there is nobody to talk to")


class Broken:
    @hookimpl
    def server_activate(self):
        raise ValueError("the list is empty")

    @hookimpl
    def verify_request(self):
        return True
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a configuration and some plugins."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "some_plugins.py").write_text(PLUGINS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "some_plugins", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def _explain(*words: str) -> Result:
    return CliRunner().invoke(main, ["explain", *words])


def _verdict(*words: str) -> dict[str, Any]:
    [listener] = json.loads(_explain(*words, "--json").stdout)
    verdict: dict[str, Any] = listener["verdict"]
    return verdict


def test_every_plugin_stands_at_its_place_with_its_line(folder: Path) -> None:
    """For each address of the file, the steps in call order, each plugin with the line that asks for it."""
    stream, datagrams = json.loads(_explain("-c", "site.toml", "--json").stdout)
    steps = {step["step"]: step for step in stream["steps"]}
    assert list(steps) == [
        "server_activate",
        "accept",
        "verify_request",
        "layers",
        "authorize",
        "first byte",
        "process_request",
        "setup",
        "handle",
        "finish",
        "handle_error",
        "close",
        "connection_closed",
        "request_rejected",
        "service_actions",
        "server_close",
    ]
    assert [(call["plugin"], call["origin"]) for call in steps["server_activate"]["calls"]] == [
        ("access", "site.toml:6"),
        ("log", "site.toml:11"),
    ]
    assert steps["verify_request"]["rule"] == "vote"
    assert steps["handle"]["place"] == steps["connection_closed"]["place"] == "a thread for each request"
    assert (stream["name"], stream["origin"], stream["handler"]) == ("site.1", "site.toml:1", "echo")
    assert datagrams["address"] == "udp://127.0.0.1:7070"
    assert not {"layers", "first byte"} & {step["step"] for step in datagrams["steps"]}


def test_what_a_child_cannot_tell_is_told_by_its_parent(folder: Path) -> None:
    """With the forking engine the end of a request is back in the server's own process, for logs and counters."""
    [listener] = json.loads(_explain("echo", "--engine", "forking", "--json").stdout)
    places = {step["step"]: step["place"] for step in listener["steps"]}
    assert places["handle"] == places["finish"] == "a child process for each request"
    assert places["handle_error"] == places["close"] == places["connection_closed"] == "the server's own loop"


def test_the_text_shows_the_same_to_people(folder: Path) -> None:
    """One line a step and plugin, no colours on a pipe."""
    done = _explain("-c", "site.toml")
    assert done.exit_code == 0
    assert "site.1  tcp://127.0.0.1:7070  site.toml:1" in done.stdout
    [line] = [line for line in done.stdout.splitlines() if line.startswith("  verify_request")][:1]
    assert line.split() == ["verify_request", "access", "vote", "site.toml:6"]
    assert "\x1b" not in done.stdout


def test_the_drawing_is_a_drawing_with_every_plugin(folder: Path) -> None:
    """`--svg` gives a document of its own that names plugins and lines."""
    done = _explain("-c", "site.toml", "--svg", "--client", "192.0.2.7")
    assert done.exit_code == 1
    assert done.stdout.lstrip().startswith("<svg")
    for word in ("access", "log", "site.toml:6", "192.0.2.7"):
        assert word in done.stdout


@pytest.mark.parametrize("client,served", [("192.0.2.1", True), ("192.0.2.7", False), ("198.51.100.1", False)])
def test_a_client_is_judged_by_the_rules_and_told_by_which(folder: Path, client: str, served: bool) -> None:
    """Status 0 for one that every listener serves, 1 for one that is refused; each vote has its reason."""
    done = _explain("-c", "site.toml", "--client", client)
    assert done.exit_code == (0 if served else 1)
    assert f"client {client}: {'served' if served else 'refused'}" in done.stdout
    assert "192.0.2.0/24 (allow rule 1 of allow)" in done.stdout or client == "198.51.100.1"
    if client == "192.0.2.7":
        assert "192.0.2.7/32 (deny rule 1 of deny)" in done.stdout
        assert "at verify_request: denied by access" in done.stdout


def test_who_was_not_asked_is_shown_as_such(folder: Path) -> None:
    """After a denial nobody else is asked, as in the server."""
    verdict = _verdict(
        "echo", "--with", "access:deny=192.0.2.7", "--with", "some_plugins.py:Named", "--client", "192.0.2.7"
    )
    assert [(vote["hook"], vote["plugin"], vote["answer"]) for vote in verdict["votes"]] == [
        ("verify_request", "access", "denies"),
        ("authorize", "access", "not asked"),
        ("authorize", "Named", "not asked"),
    ]


def test_identity_and_tls_are_given_and_layers_are_assumed_to_pass(folder: Path) -> None:
    """What a layer would prove is said on the command line; the layer itself does not run."""
    words = ["echo", "--with", "some_plugins.py:Proxy", "--with", "some_plugins.py:Named", "--client", "192.0.2.7"]
    refused = _verdict(*words)
    assert (refused["served"], refused["ended_at"], refused["reason"]) == (False, "authorize", "nobody knows you")
    assert refused["votes"][0]["why"] == "None came in clear"
    served = _verdict(*words, "--identity", "ann", "--tls")
    assert served["served"] is True
    assert served["assumed"] == ["Proxy passes"]
    assert served["votes"][0]["why"] == "ann came in secret"


def test_a_client_behind_a_proxy_is_voted_on_after_its_peer(folder: Path) -> None:
    """`verify_request` sees the proxy, `authorize` the client."""
    words = ["echo", "--with", "access:allow=10.0.0.1,allow=192.0.2.0/24", "--peer", "10.0.0.1"]
    assert _verdict(*words, "--client", "192.0.2.7")["served"] is True
    refused = _verdict(*words, "--client", "198.51.100.1")
    assert (refused["served"], refused["ended_at"]) == (False, "authorize")


def test_what_depends_on_the_clients_bytes_cannot_be_told(folder: Path) -> None:
    """A voter that looks at the socket is named, and no answer is invented."""
    done = _explain("echo", "--with", "some_plugins.py:Peek", "--client", "192.0.2.7")
    assert done.exit_code == 1
    assert "cannot be told, at verify_request: Peek looks at the connection itself" in done.stdout


@pytest.mark.parametrize(
    "address,client,words",
    [
        ("127.0.0.1:0", "192.0.2.300", "write an IP address such as 192.0.2.7"),
        ("127.0.0.1:0", "unix", "nobody comes to tcp://127.0.0.1:0 from unix"),
        ("unix:///tmp/s", "192.0.2.7", "a client of it is, say, unix"),
        ("127.0.0.1:0", "2001:db8::1", "it listens on IPv4 alone"),
        ("127.0.0.1:0", "vsock:x", "write vsock:CID with a number"),
        ("127.0.0.1:0", "192.0.2.1:99999", "write an IP address"),
    ],
)
def test_a_client_that_cannot_come_is_a_mistake_in_words(folder: Path, address: str, client: str, words: str) -> None:
    """Status 78 and what to write."""
    done = _explain(f"echo@{address}", "--client", client)
    assert done.exit_code == 78
    assert words in done.stderr
    assert "Traceback" not in done.output


def test_a_plugin_that_cannot_start_is_a_mistake_with_its_line(folder: Path) -> None:
    """What its server_activate raises names the plugin and where it is asked for."""
    (folder / "broken.toml").write_text(
        dedent("""\
            [[listen]]
            bind = "127.0.0.1:0"
            handler = "echo"
              [[listen.plugin]]
              use = "./some_plugins.py:Broken"
            """)
    )
    done = _explain("-c", "broken.toml", "--client", "192.0.2.7")
    assert done.exit_code == 78
    assert done.stderr.startswith("plugserve: broken.toml:4: listen[0].plugin[0]: plugin 'Broken'")
    assert "the list is empty" in done.stderr


@pytest.mark.parametrize(
    "words", [["echo", "--json", "--svg"], ["echo", "--tls"], ["echo", "-c", "site.toml"], []], ids=" ".join
)
def test_words_that_do_not_go_together_are_a_usage_error(folder: Path, words: list[str]) -> None:
    """Status 2, as click has it."""
    assert _explain(*words).exit_code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")
def test_no_socket_is_opened(folder: Path, strace: str) -> None:
    """Nor is one needed: the system is never asked for a socket."""
    command = [strace, "-f", "-e", "trace=socket,socketpair,bind,connect", sys.executable, "-m", "plugserve"]
    done = subprocess.run(
        [*command, "explain", "-c", "site.toml", "--client", "192.0.2.1"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "client 192.0.2.1: served" in done.stdout
    assert "socket(" not in done.stderr


def test_the_drawing_in_the_documentation_is_what_the_command_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """If not: run the command on the page docs/explanation/life-of-a-request.md in its folder."""
    folder = Path(__file__).parents[2] / "docs" / "explanation"
    monkeypatch.chdir(folder)
    done = _explain("echo", "--bind", "127.0.0.1:7007", "--with", "access,log", "--svg")
    assert done.stdout == (folder / "life-of-a-request.svg").read_text("utf-8")
