from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plugserve_http.files
from plugserve.testing import hosted
from plugserve_http import FilesHandler
from plugserve_http.files import Entry, Found, Missing, Opening
from plugserve_http.listing import listing_page
from plugserve_http.target import path_names


def ask(root: Path, target: str, **options: object) -> tuple[int, bytes]:
    """Status and body of one request, through the whole handler."""
    with hosted("memory", FilesHandler, options=FilesHandler.Options(root=root, **options)) as host:  # type: ignore[arg-type]
        client = host.connect()
        client.send(b"GET %s HTTP/1.0\r\n\r\n" % target.encode("latin-1"))
        client.end()
        head, _, body = client.rest().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


ESCAPES = [
    "/../outside.txt",
    "/folder/../../outside.txt",
    "/folder/../hallo.txt",
    "/./hallo.txt",
    "/%2e%2e/outside.txt",
    "/%2E%2E/outside.txt",
    "/.%2e/outside.txt",
    "/%2e%2e%2foutside.txt",
    "/..%2foutside.txt",
    "/..%5coutside.txt",
    "/..\\outside.txt",
    "/folder\\..\\..\\outside.txt",
    "/folder/..%00/hallo.txt",
    "/hallo.txt%00",
    "/hallo.txt%00.html",
    "/%00",
    "/%252e%252e/outside.txt",
    "/%c0%ae%c0%ae/outside.txt",
    "/..;/outside.txt",
    "/.../outside.txt",
    "/../site-too/file.txt",
    "/..%2fsite-too/file.txt",
    "//etc/passwd",
    "///etc/passwd",
    "/%2fetc%2fpasswd",
    "/%2Fetc/passwd",
    "http://x/../outside.txt",
    "http://x/%2e%2e/outside.txt",
    "http://x//etc/passwd",
    "/hallo.txt/",
    "/hallo.txt/..",
    "/hallo.txt/x",
    "/C:/Windows/win.ini",
    "/~root/",
    "/%ff",
    "/" + "a" * 300,
    "/" + "a/" * 2000,
    "/.secret",
    "/%2esecret",
    "/link-out",
    "/link-out-relative",
    "/link-folder-out/outside.txt",
    "/link-sibling/file.txt",
    "/link-etc/passwd",
    "/link-proc/self/environ",
    "/link-loop",
    "/link-to-loop/x",
    "/link-nowhere",
    "/link-empty-way-out",
    "/link-through-out",
    "/pipe",
    "/folder/../pipe",
    "/link-pipe",
    "/device",
    "/link-device",
    "/socket",
]


@pytest.fixture
def trapped(site: Path) -> Path:
    """The site with everything in it that could lead out, or do harm when it is opened."""
    links = {
        "link-in": "hallo.txt",
        "link-in-folder": "folder",
        "link-in-absolute": str(site / "hallo.txt"),
        "link-in-around": "folder/../hallo.txt",
        "link-link": "link-in",
        "folder/link-up": "../hallo.txt",
        "folder/deep/link-up-up": "../../folder/./file.txt",
        "link-out": str(site.parent / "outside.txt"),
        "link-out-relative": "../outside.txt",
        "link-folder-out": "..",
        "link-sibling": str(site) + "-too",
        "link-etc": "/etc",
        "link-proc": "/proc",
        "link-loop": "link-loop",
        "link-to-loop": "link-loop/x",
        "link-nowhere": "nowhere",
        "link-empty-way-out": "folder/../../outside.txt",
        "link-through-out": "link-folder-out/outside.txt",
        "link-pipe": "pipe",
        "link-device": "/dev/zero",
        "link-shown": ".secret",
    }
    for name, target in links.items():
        os.symlink(target, site / name)
    os.mkfifo(site / "pipe")
    # A device needs root; a link to one, and a pipe, do the same harm.
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(site)
        try:
            sock.bind("socket")
        finally:
            os.chdir(here)
    return site


@pytest.mark.parametrize("target", ESCAPES)
def test_http_no_path_leads_out_of_the_root(trapped: Path, target: str) -> None:
    """By whatever spelling and whatever link: 404, without a word of what is outside, and without waiting."""
    status, body = ask(trapped, target)
    assert status == 404
    assert b"SECRET" not in body
    assert b"root:" not in body


@pytest.mark.parametrize(
    "target, body",
    [
        ("/link-in", b"0123456789abcdef"),
        ("/link-in-absolute", b"0123456789abcdef"),
        ("/link-in-around", b"0123456789abcdef"),
        ("/link-link", b"0123456789abcdef"),
        ("/folder/link-up", b"0123456789abcdef"),
        ("/folder/deep/link-up-up", b"in a folder"),
        ("/link-in-folder/file.txt", b"in a folder"),
        ("/link-in-folder/link-up", b"0123456789abcdef"),
        ("/folder//file.txt", b"in a folder"),
        ("/%66older/file.txt", b"in a folder"),
        ("/with%20index/", b"index"),
        ("/%3Cb%3E&%22'.txt", b"name"),
        ("/link-shown", b"SECRET"),  # a visible link is a decision to show it
    ],
)
def test_http_links_and_spellings_that_stay_inside_are_followed(trapped: Path, target: str, body: bytes) -> None:
    """Only where a path ends counts."""
    assert ask(trapped, target) == (200, body)


def test_http_hidden_names_can_be_shown(site: Path) -> None:
    """The option hidden."""
    assert ask(site, "/.secret") == (404, b"404 Not Found: there is nothing here\n")
    assert ask(site, "/.secret", hidden=True) == (200, b"SECRET")
    assert b".secret" not in ask(site, "/")[1]
    assert b".secret" in ask(site, "/", hidden=True)[1]


@pytest.mark.parametrize("target", ["/%", "/%2", "/%zz", "/a%2"])
def test_http_bad_percent_encoding_is_a_bad_request(site: Path, target: str) -> None:
    """It is no path at all."""
    assert ask(site, target)[0] == 400


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_http_what_the_server_may_not_read_is_forbidden(site: Path) -> None:
    """403, as the file is there."""
    (site / "hallo.txt").chmod(0)
    assert ask(site, "/hallo.txt")[0] == 403


def test_http_a_listing_shows_what_would_be_served_and_nothing_else(trapped: Path) -> None:
    """Names are escaped for HTML and for links; links that lead out, pipes and sockets are left out."""
    status, body = ask(trapped, "/")
    assert status == 200
    page = body.decode()
    assert '<a href="./%3Cb%3E%26%22%27.txt"><bdi>&lt;b&gt;&amp;&quot;&#x27;.txt</bdi></a>' in page
    assert '<a href="./with%20index/"><bdi>with index</bdi>/</a>' in page
    assert '<a href="./link-in">' in page
    assert '<a href="./link-in-folder/">' in page
    for absent in ("link-out", "link-etc", "link-loop", "link-nowhere", "link-device", "pipe", "socket", "../"):
        assert f'"./{absent}' not in page
    assert 'href="../"' in ask(trapped, "/folder/")[1].decode()
    assert ask(trapped, "/", listing=False)[0] == 404


def test_http_a_name_in_a_listing_is_never_a_scheme_or_markup() -> None:
    """`a:b` would be an address of its own, and bytes that are no text must not break the page."""
    name = os.fsdecode(b"\xff")
    names = ["javascript:x", "a\u202eb\x1b", name]
    page = listing_page(["<x>"], [Entry(name, False, 1, 0.0) for name in names], 3).decode()
    assert 'href="./javascript%3Ax"' in page
    assert 'href="./%FF"' in page
    assert "<h1>/&lt;x&gt;/</h1>" in page
    assert ">a\ufffdb\ufffd<" in page
    assert "and 3 more" in page


def test_http_a_folder_without_its_slash_is_redirected_within_this_host(site: Path) -> None:
    """The new address is one path, never `//host`, and keeps the query."""
    with hosted("memory", FilesHandler, options=FilesHandler.Options(root=site)) as host:
        for target, location in [
            (b"/folder", b"/folder/"),
            (b"/folder?a=b", b"/folder/?a=b"),
            (b"//folder", b"/folder/"),
            (b"/with%20index", b"/with%20index/"),
            (b"http://evil.example//folder", b"/folder/"),
        ]:
            client = host.connect()
            client.send(b"GET %s HTTP/1.0\r\n\r\n" % target)
            client.end()
            answer = client.rest()
            assert answer.startswith(b"HTTP/1.1 301 ")
            assert b"\r\nLocation: %s\r\n" % location in answer


@pytest.mark.parametrize("portable", [False, True])
def test_http_without_openat_the_resolved_path_decides(
    trapped: Path, portable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a system without dir_fd does is the same, as long as nobody changes the tree meanwhile."""
    if portable:
        monkeypatch.setattr(plugserve_http.files, "_DIR_FD", False)
    for target in ESCAPES:
        status, body = ask(trapped, target)
        assert status == 404, target
        assert b"SECRET" not in body
    assert ask(trapped, "/link-in-folder/link-up") == (200, b"0123456789abcdef")
    assert ask(trapped, "/with%20index/") == (200, b"index")
    page = ask(trapped, "/")[1]
    assert b"./link-in-folder/" in page
    assert b"./link-out" not in page
    assert b"./pipe" not in page


def test_http_a_folder_that_becomes_a_link_during_the_walk_is_not_followed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening somebody exchanges the folder for a link that leads out."""
    genuine = os.stat

    def exchange(name: object, **arguments: object) -> os.stat_result:
        result = genuine(name, **arguments)  # type: ignore[arg-type]
        if name == b"folder":
            os.rename(site / "folder", site / "moved")
            os.symlink("..", site / "folder")
        return result

    with Opening(str(site)) as opening:
        monkeypatch.setattr(os, "stat", exchange)
        with pytest.raises(Missing):
            opening.open(["folder", "outside.txt"], False, "")
        monkeypatch.undo()


SAFE = st.sampled_from([".", "..", "folder", "hallo.txt", "link-out", "link-folder-out", "\\", "\0", "/", "%", "é", ""])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(parts=st.lists(SAFE, max_size=6), encode=st.booleans())
def test_http_any_path_is_inside_or_missing(trapped: Path, parts: list[str], encode: bool) -> None:
    """Whatever names are put together, what is opened lies below the root."""
    path = "/" + "/".join(quote(part, safe="") if encode else quote(part, safe="\\/") for part in parts)
    names = path_names(path.encode("ascii"))
    if names is None:
        return
    with Opening(str(trapped)) as opening:
        try:
            found = opening.open(names, path.endswith("/"), ("index.html",))
        except Missing:
            return
        assert isinstance(found, Found)
        if found.kind == "file":
            assert b"SECRET" not in opening.read(0, 100)
