from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import click
import pytest
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete
from click.testing import CliRunner

from plugserve.cli import main
from plugserve.completions import complete_engine, complete_handler, complete_plugins

POINTS = """
    [plugserve.handlers]
    zzecho = zzmod:Echo
    zzfiles = zzmod:Files
    [plugserve.plugins]
    zzaccess = zzmod:Access
    zzaudit = zzmod:Audit
    zzlog = zzmod:Log
    zzbroken = zz-mod.py
    [plugserve.engines]
    zzfibres = zzmod:Fibres
    """

PROGRAM = """\
#!{python}
from plugserve.cli import main

main(prog_name="plugserve")
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path of this process and its children with one distribution, of which nothing can be imported."""
    info = tmp_path / "plugserve_zz-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: plugserve-zz\nVersion: 1.0\nSummary: for tests\n")
    (info / "entry_points.txt").write_text(dedent(POINTS))
    (tmp_path / "zzmod.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _offered(complete: Complete, incomplete: str, *before: str) -> list[str]:
    """What is offered for an option `--zz` that may be given several times."""
    option = click.Option(["--zz"], multiple=True, shell_complete=complete)
    command = click.Command("plugserve", params=[option])
    items = ShellComplete(command, {}, "plugserve", "_PLUGSERVE_COMPLETE").get_completions(
        [*before, "--zz"], incomplete
    )
    assert "zzmod" not in sys.modules
    return [item.value for item in items]


def _ours(values: list[str]) -> list[str]:
    return [value for value in values if "zz" in value]


# -- names -------------------------------------------------------------------------------------------------------------


def test_handlers_are_offered_by_name() -> None:
    """Those whose names begin so; the others are not."""
    assert _ours(_offered(complete_handler, "")) == ["zzecho", "zzfiles"]
    assert _offered(complete_handler, "zze") == ["zzecho"]
    assert _offered(complete_handler, "zzecho@") == []


def test_engines_are_offered_by_name() -> None:
    """The core's own, and installed ones."""
    assert {"sync", "threading", "zzfibres"} <= set(_offered(complete_engine, ""))
    assert _offered(complete_engine, "threadi") == ["threading"]


@pytest.mark.parametrize(
    "incomplete,offered",
    [
        ("zza", ["zzaccess", "zzaudit"]),
        ("zzlog,zza", ["zzlog,zzaccess", "zzlog,zzaudit"]),
        ("zzaccess:allow=10.0.0.0/8,192.0.2.1,zzl", ["zzaccess:allow=10.0.0.0/8,192.0.2.1,zzlog"]),
        ("zzaccess,zza", ["zzaccess,zzaudit"]),
        ("zzaccess:al", []),
        ("zzaccess:allow=zz", []),
        ("zzb", []),
    ],
)
def test_the_last_word_of_a_list_of_plugins_is_completed(incomplete: str, offered: list[str]) -> None:
    """Behind a comma begins another plugin; none is offered twice, no option, and none that cannot be used."""
    assert _offered(complete_plugins, incomplete) == offered


def test_a_plugin_of_an_earlier_option_is_not_offered_again() -> None:
    """`--with log --with ...` cannot mean log twice."""
    assert _ours(_offered(complete_plugins, "zza", "--zz", "zzlog,zzaccess:flag")) == ["zzaudit"]


@pytest.mark.parametrize("complete", [complete_handler, complete_plugins])
def test_what_begins_like_a_path_is_completed_as_a_file(complete: Complete) -> None:
    """The shell itself knows files best."""
    option = click.Option(["--zz"], shell_complete=complete)
    [item] = option.shell_complete(click.Context(click.Command("plugserve", params=[option])), "./han")
    assert (item.type, item.value) == ("file", "./han")


def test_shells_that_show_descriptions_get_the_summary() -> None:
    """zsh and fish show the distribution's summary beside the name."""
    option = click.Option(["--zz"], shell_complete=complete_handler)
    [item] = option.shell_complete(click.Context(click.Command("plugserve", params=[option])), "zze")
    assert ZshComplete(main, {}, "plugserve", "X").format_completion(item) == "plain\nzzecho\nfor tests"
    assert FishComplete(main, {}, "plugserve", "X").format_completion(item) == "plain,zzecho\tfor tests"
    assert BashComplete(main, {}, "plugserve", "X").format_completion(item) == "plain,zzecho"


@pytest.mark.parametrize(
    "before,incomplete,offered",
    [
        ([], "plu", ["plugins"]),
        ([], "--v", ["--version"]),
        (["completion"], "", ["bash", "zsh", "fish"]),
        (["plugins", "--kind"], "h", ["handler"]),
        (["plugins"], "--j", ["--json"]),
    ],
)
def test_the_command_line_itself_is_completed(before: list[str], incomplete: str, offered: list[str]) -> None:
    """Subcommands, options and choices come from click."""
    items = ShellComplete(main, {}, "plugserve", "_PLUGSERVE_COMPLETE").get_completions(before, incomplete)
    assert [item.value for item in items] == offered


# -- scripts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_tells_how_to_install_it(shell: str) -> None:
    """The comment stands at the top; zsh finds the name of the command on the first line."""
    result = CliRunner().invoke(main, ["completion", shell], catch_exceptions=False)
    assert result.exit_code == 0
    head, *lines = result.stdout.splitlines()
    if shell == "zsh":
        assert head == "#compdef plugserve"
        head = lines[0]
    assert head.startswith(f"# Completion of plugserve for {shell}")
    assert any(line.startswith("#") and f"plugserve completion {shell} >" in line for line in lines)
    assert f"_PLUGSERVE_COMPLETE={shell}_complete" in result.stdout


def test_a_shell_that_nobody_knows_is_refused() -> None:
    """Status 2, with the shells that there are."""
    result = CliRunner().invoke(main, ["completion", "tcsh"])
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr


def _shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed: apt-get install {name}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture
def program(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command `plugserve` on PATH, as an installer writes it."""
    if sys.platform == "win32":
        pytest.skip("the shells are those of POSIX")
    folder = site / "bin"
    folder.mkdir()
    (folder / "plugserve").write_text(PROGRAM.format(python=sys.executable))
    (folder / "plugserve").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))
    monkeypatch.setenv("HOME", str(site))
    return folder


# readline cuts words at each of COMP_WORDBREAKS, ":", "=" and "@" among them; an answer takes the place of the last.
TYPED = {
    "plugserve plu": "plugserve plugins ",
    "plugserve serve zze": "plugserve serve zzecho ",
    "plugserve serve --engine zz": "plugserve serve --engine zzfibres ",
    "plugserve serve --engine=zz": "plugserve serve --engine=zzfibres ",
    "plugserve serve --with zzl": "plugserve serve --with zzlog ",
    "plugserve serve --with zzlog,zzac": "plugserve serve --with zzlog,zzaccess ",
    "plugserve serve --with=zzlog,zzac": "plugserve serve --with=zzlog,zzaccess ",
    "plugserve serve --with zzaccess:allow=::1/128,zzl": "plugserve serve --with zzaccess:allow=::1/128,zzlog ",
    "plugserve serve zzecho@[::1]:7007 zzf": "plugserve serve zzecho@[::1]:7007 zzfiles ",
    "plugserve  serve   zzecho --wi": "plugserve  serve   zzecho --with ",
    "plugserve completion f": "plugserve completion fish ",
    "plugserve serve ./bin/plug": "plugserve serve ./bin/plugserve ",
    # Nothing fits these, so they stay as they are.
    "plugserve serve zzecho@zz": "plugserve serve zzecho@zz",
    "plugserve serve --with zzaccess:": "plugserve serve --with zzaccess:",
}

STARTS = {
    "bash": r"""
        PS1='ready> '
        eval "$(plugserve completion bash)"
        answer() { printf '%s|\n' "$READLINE_LINE" >> answers; READLINE_LINE=; }
        bind -x '"\C-x\C-a": answer'
        """,
    "zsh": r"""
        PS1='ready> '
        plugserve completion zsh > zfunctions/_plugserve
        fpath+=($PWD/zfunctions)
        autoload -U compinit
        compinit -u -D
        answer() { printf '%s|\n' "$BUFFER" >> answers; BUFFER= }
        zle -N answer
        bindkey '^X^A' answer
        """,
}


def _typed(shell: list[str], site: Path) -> dict[str, str]:
    """What stands on the line of an interactive shell after TAB has been pressed, for each of the lines above."""
    pty = pytest.importorskip("pty", reason="waits for a platform with pseudo-terminals")
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "INPUTRC": os.devnull, "HISTFILE": "", "ZDOTDIR": str(site)}
    with subprocess.Popen(
        shell, stdin=theirs, stdout=theirs, stderr=theirs, cwd=site, env=environment, start_new_session=True
    ):
        os.close(theirs)
        shown = b""
        while b"ready> " not in shown:
            shown += os.read(ours, 4096)
        for line in TYPED:
            # TAB, and then the keys that write down what stands on the line.
            os.write(ours, line.encode() + b"\t\x18\x01")
        os.write(ours, b"exit\r")
        try:
            while os.read(ours, 4096):
                pass
        except OSError:
            pass  # so Linux says that the other end has gone
        os.close(ours)
    answers = (site / "answers").read_text().split("|\n")[:-1]
    return dict(zip(TYPED, answers, strict=True))


def test_bash_completes_what_is_typed(program: Path, site: Path) -> None:
    """A real, interactive bash that has read the script writes each word out after a TAB."""
    (site / "bashrc").write_text(dedent(STARTS["bash"]))
    assert _typed([_shell("bash"), "--noprofile", "--rcfile", "bashrc", "-i"], site) == TYPED


def test_zsh_completes_what_is_typed(program: Path, site: Path) -> None:
    """So does zsh, which has found the script as a file in its fpath."""
    (site / "zfunctions").mkdir()
    (site / ".zshrc").write_text(dedent(STARTS["zsh"]))
    assert _typed([_shell("zsh"), "-d", "-i"], site) == TYPED


def test_fish_completes_what_is_typed(program: Path, site: Path) -> None:
    """fish gives the whole words that it would offer, and their descriptions."""
    lines = {
        "plugserve plu": "plugins\tList installed handlers, plugins and engines.",
        "plugserve serve zze": "zzecho\tfor tests",
        "plugserve serve --with zzlog,zzac": "zzlog,zzaccess\tfor tests",
        "plugserve serve --with zzaccess:allow=::1/128,zzl": "zzaccess:allow=::1/128,zzlog\tfor tests",
        "plugserve serve --with=zza": "--with=zzaccess\tfor tests\n--with=zzaudit\tfor tests",
        "plugserve completion f": "fish",
        "plugserve serve ./bin/plug": "./bin/plugserve",
    }
    script = "plugserve completion fish | source; for line in $argv; complete --do-complete $line; echo '|'; end"
    done = subprocess.run(
        [_shell("fish"), "--no-config", "-c", script, *lines], cwd=site, capture_output=True, text=True, check=True
    )
    assert dict(zip(lines, done.stdout.split("\n|\n"), strict=False)) == lines
