"""A whole tree, out and in: as `nfs_tree.py` does with 10,000 files."""

from __future__ import annotations

from pathlib import Path

import pytest
from nfs_caller import mounted, serving, worth
from nfs_tree import compare, copy_in, copy_out, make


@pytest.mark.parametrize(("engine", "datagrams", "files"), [("multiplexing", False, 300), ("threading", True, 80)])
def test_a_tree_that_is_copied_out_and_in_is_equal(
    engine: str, datagrams: bool, files: int, public: Path, tmp_path: Path
) -> None:
    """Names, kinds, contents, modes and times of some hundred files, symlinks and folders."""
    tree, out = public / "tree", tmp_path / "out"
    tree.mkdir()
    out.mkdir()
    make(tree, files)
    with (
        serving(engine, public, datagrams=datagrams, writable=True, squash="none", sync=False) as address,
        mounted(address) as client,
    ):
        copied = copy_out(client, client.handle("tree"), out)
        assert copied > files
        assert copy_in(client, out, worth(client.mkdir(client.root, b"back")).obj) == copied
    assert compare(tree, out) == []
    assert compare(tree, public / "back") == []
