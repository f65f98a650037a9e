from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts and "_extensions" not in page.parts]

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks /proc/net who listens")

if sys.platform != "win32":
    from .examples import Absent, Run, Wrong, blocks_of, commands_of, pattern_of


def carry_out(page: Path, folder: Path) -> None:
    """Run a page; skip where a program is missing, unless this is a machine that must have all."""
    wrong = ""
    with Run(page, folder) as run:
        try:
            run.all()
        except Absent as program:
            message = f"{page.name} uses {program}, which is not installed: see tests/apt-packages.txt"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
        except Wrong as error:
            wrong = str(error)
    if wrong:
        pytest.fail(wrong, pytrace=False)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page)], ids=lambda page: str(page.relative_to(DOCS))
)
def test_the_examples_of_a_page_do_what_it_shows(page: Path, tmp_path: Path) -> None:
    """Every block runs, and prints what stands below it, or says why it is not run."""
    carry_out(page, tmp_path)


def page_with(text: str, folder: Path) -> Path:
    """A page of a test."""
    (folder / "page.md").write_text(text)
    return folder / "page.md"


def test_a_page_may_do_all_that_the_convention_offers(tmp_path: Path) -> None:
    """Files in folders, a server whose port is replaced, its output, Ctrl-C, cd, exit status, wildcards."""
    text = """
<!-- file: code/server.py -->
```python
import socket

listener = socket.create_server(("127.0.0.1", 7007))
while True:
    try:
        peer, _ = listener.accept()
    except KeyboardInterrupt:
        break
    print("somebody came to 127.0.0.1:%d" % listener.getsockname()[1])
    peer.close()
```

<!-- server: 7007 -->
```console
$ cd code && exec python server.py
```

```console
$ cd code
$ python -c 'import socket; socket.create_connection(("127.0.0.1", 7007)).recv(1)' && ls
server.py
```

```console
somebody came to 127.0.0.1:7007
```

<!-- exit: 3 -->
```console
$ printf 'one\\ntwo\\nthree\\n'; \\
  exit 3
one
...
th...e
```

```console
$ trap 'echo caught; exit 4' INT; echo ready; while true; do sleep 0.1; done
ready
^C
caught
```

<!-- not run: it would take an hour -->
```console
$ sleep 3600
```
"""
    carry_out(page_with(text, tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console\n$ echo one\ntwo\n```\n", r"page\.md:1: 'echo one' printed\n  one\nand the page shows\n  two"),
        ("\n\n```console\n$ false\n```\n", r"page\.md:3: 'false' ended with status 1, not 0"),
        ("```toml\na = 1\n```\n", "name it with <!-- file: NAME -->"),
        ("```python\nraise SystemExit('no')\n```\n", "it failed:\nno"),
        ("<!-- not run: no -->\n```python\n1\n```\n", "say in a sentence why"),
        ("```console\nhello\n```\n", "this shows output, and no server runs"),
        ("```console\n$ plugserve serve nothing-of-this-name\n```\n", "ended instead of serving"),
        ("<!-- files of: other.md -->\n", "there is no such page"),
    ],
)
def test_an_example_that_is_wrong_is_told_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    """Page, line, what was printed and what the page shows."""
    with pytest.raises(Wrong, match=message), Run(page_with(text, tmp_path), tmp_path) as run:
        run.all()


def test_a_comment_holds_for_the_next_block_alone(tmp_path: Path) -> None:
    """One example that is not run does not keep those after it from being run."""
    text = (
        "<!-- not run: it would take an hour -->\n```console\n$ sleep 3600\n```\n\nText.\n\n"
        "<!-- exit: 3 -->\n```console\n$ exit 4\n```\n"
    )
    with pytest.raises(Wrong, match="ended with status 4, not 3"), Run(page_with(text, tmp_path), tmp_path) as run:
        run.all()


def test_dots_stand_for_anything() -> None:
    """Within a line for the rest of it, alone for any number of lines."""
    assert pattern_of(["a...b", "...", "end"]).fullmatch("a, and then b\nx\ny\nend\n")
    assert not pattern_of(["a...b", "end"]).fullmatch("a\nb\nend\n")


def test_a_command_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    """As in a shell, behind a backslash."""
    [block] = blocks_of(page_with("```console\n$ one \\\n  two\nout\n$ three\n```\n", tmp_path))
    assert [(command.text, command.output) for command in commands_of(block)] == [
        ("one \\\n  two", ["out"]),
        ("three", []),
    ]
