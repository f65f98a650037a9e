from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from plugserve.discovery import Catalog, Entry, core_version, list_entries, load
from plugserve.errors import PluginError


class Site:
    """A folder on `sys.path` into which a test installs distributions, as an installer leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        name: str,
        entry_points: str = "",
        modules: dict[str, str] | None = None,
        *,
        version: str = "1.0",
        requires: tuple[str, ...] = (),
        summary: str = "what it does",
    ) -> Path:
        """Write the metadata and the modules of a distribution; gives back its .dist-info folder."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Summary: {summary}"] if summary else []
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text(dedent(entry_points))
        for module, source in (modules or {}).items():
            file = self.folder / module
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(source))
        return info


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A first folder on the path, and a core of version 0.1.0."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("plugserve.__version__", "0.1.0")
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("zz"):
            del sys.modules[name]


def _named(name: str) -> list[Entry]:
    return [entry for entry in list_entries() if entry.name == name]


def _refusal(kind: str, name: str) -> str:
    with pytest.raises(PluginError) as caught:
        load(kind, name)  # type: ignore[arg-type]
    return str(caught.value)


# -- listing ---------------------------------------------------------------------------------------


def test_listing_tells_what_the_metadata_says(site: Site) -> None:
    """An entry has its kind, name, reference, distribution, version, summary and the core versions it needs."""
    site.install(
        "plugserve-zz",
        """
        [plugserve.plugins]
        zz = zz_tool:Tool
        [console_scripts]
        zz-script = zz_tool:main
        """,
        version="2.5",
        requires=("plugserve>=0.1,<0.2", "other", 'plugserve>=9; extra == "future"'),
        summary="Counts sheep",
    )
    [entry] = _named("zz")
    assert entry == Entry(
        "plugin", "zz", "zz_tool:Tool", "plugserve-zz", "2.5", summary="Counts sheep", needs=">=0.1,<0.2"
    )
    assert not _named("zz-script")


def test_listing_and_loading_import_nothing_that_was_not_named(site: Site) -> None:
    """Of three entry points in three packages only the one that is loaded is imported."""
    for name in ("zza", "zzb", "zzc"):
        site.install(
            f"plugserve-{name}",
            f"[plugserve.handlers]\n{name} = {name}_tool:Tool",
            {f"{name}_tool.py": "class Tool: ..."},
        )
    assert [entry.name for entry in list_entries("handler") if entry.name.startswith("zz")] == ["zza", "zzb", "zzc"]
    assert not {"zza_tool", "zzb_tool", "zzc_tool"} & set(sys.modules)
    assert load("handler", "zzb").__name__ == "Tool"
    assert {"zza_tool", "zzb_tool", "zzc_tool"} & set(sys.modules) == {"zzb_tool"}


def test_a_group_can_be_asked_for_by_kind_or_by_its_full_name(site: Site) -> None:
    """`plugin` and `plugserve.plugins` mean the same; any other word is refused with the right ones."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zz:Z\n[plugserve.engines]\nzz = zz:E")
    for group in ("plugin", "plugserve.plugins"):
        assert [entry.kind for entry in list_entries(group) if entry.name == "zz"] == ["plugin"]
    with pytest.raises(ValueError, match=r"'plugins' .* plugserve\.plugins"):
        list_entries("plugins")


def test_a_distribution_without_a_summary_is_as_good_as_any(site: Site) -> None:
    """The description is optional (Core metadata specifications)."""
    site.install("plugserve-zz", "[plugserve.handlers]\nzz = zz:Z", summary="")
    [entry] = _named("zz")
    assert (entry.summary, entry.problems) == ("", ())


def test_a_distribution_without_metadata_is_listed_as_broken_and_refused(site: Site) -> None:
    """What an interrupted uninstall leaves behind is shown with the reason, and hurts nobody else."""
    info = site.install("plugserve-zz", "[plugserve.handlers]\nzz = zz:Z")
    (info / "METADATA").unlink()
    site.install("plugserve-zzgood", "[plugserve.handlers]\nzzgood = zzgood:Z", {"zzgood.py": "class Z: ..."})
    [broken] = _named("zz")
    assert broken.distribution == "plugserve-zz"
    assert any("metadata" in problem for problem in broken.problems)
    assert "plugserve-zz" in _refusal("handler", "zz")
    assert load("handler", "zzgood").__name__ == "Z"


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe[plugserve.handlers]\n", b"[plugserve.handlers]\nno equals sign here\n[[[\n"],
    ids=["not utf-8", "not understood"],
)
def test_unreadable_entry_points_spoil_no_listing_and_no_other_package(site: Site, content: bytes) -> None:
    """A distribution of ours whose entry points cannot be read is listed as broken; the others load."""
    info = site.install("plugserve-zz")
    (info / "entry_points.txt").write_bytes(content)
    foreign = site.install("stranger")
    (foreign / "entry_points.txt").write_bytes(b"\xff\xfe")
    site.install("plugserve-zzgood", "[plugserve.handlers]\nzzgood = zzgood:Z", {"zzgood.py": "class Z: ..."})
    broken = [entry for entry in list_entries() if entry.distribution == "plugserve-zz"]
    assert broken
    assert all(entry.problems for entry in broken)
    assert not [entry for entry in list_entries() if entry.distribution == "stranger"]
    assert load("handler", "zzgood").__name__ == "Z"


def test_unreadable_metadata_of_a_stranger_goes_unnoticed(site: Site) -> None:
    """Binary rubbish in another project's METADATA is none of our business."""
    info = site.install("stranger", "[console_scripts]\nx = y:z")
    (info / "METADATA").write_bytes(b"\xff\x00\xfe")
    assert not [entry for entry in list_entries() if "stranger" in entry.distribution]


def test_a_malformed_reference_is_a_problem_of_that_entry(site: Site) -> None:
    """`zz = zz_tool` names a module and no object: listed with the problem, refused with the reference."""
    site.install("plugserve-zz", "[plugserve.handlers]\nzz = zz-tool.py")
    [entry] = _named("zz")
    assert entry.problems == ("its reference 'zz-tool.py' is not of the form package.module:Object",)
    assert "zz-tool.py" in _refusal("handler", "zz")


def test_a_distribution_found_twice_on_the_path_counts_once_and_the_first_wins(site: Site, tmp_path: Path) -> None:
    """An editable install and a stale build directory of the same distribution are no rivals."""
    second = tmp_path / "elsewhere"
    sys.path.append(str(second))
    Site(second).install("plugserve-zz", "[plugserve.handlers]\nzz = zz:Old\nzzgone = zz:Gone", version="0.9")
    site.install("Plugserve_ZZ", "[plugserve.handlers]\nzz = zz:New")
    [entry] = _named("zz")
    assert (entry.reference, entry.version, entry.problems) == ("zz:New", "1.0", ())
    assert not _named("zzgone")


def test_one_name_from_two_distributions_is_refused_with_both_named(site: Site) -> None:
    """Which of the two comes first on the path must not decide; neither is imported."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zz_one:One", {"zz_one.py": "class One: ..."})
    site.install("acme-zz", "[plugserve.plugins]\nzz = zz_two:Two", {"zz_two.py": "class Two: ..."}, version="3.1")
    message = _refusal("plugin", "zz")
    assert "plugserve-zz 1.0 (zz_one:One)" in message
    assert "acme-zz 3.1 (zz_two:Two)" in message
    assert not {"zz_one", "zz_two"} & set(sys.modules)
    assert [entry.problems[0] for entry in _named("zz")] == [
        "its name is also claimed by plugserve-zz 1.0: uninstall all but one",
        "its name is also claimed by acme-zz 3.1: uninstall all but one",
    ]


def test_a_handler_and_a_plugin_may_share_a_name(site: Site) -> None:
    """Names are unique within a kind, not beyond."""
    site.install(
        "plugserve-zz",
        "[plugserve.plugins]\nzz = zz:P\n[plugserve.handlers]\nzz = zz:H",
        {"zz.py": "class P: ...\nclass H: ..."},
    )
    assert load("plugin", "zz").__name__ == "P"
    assert load("handler", "zz").__name__ == "H"


# -- versions of the core --------------------------------------------------------------------------


@pytest.mark.parametrize("requirement", ["plugserve", "plugserve>=0.1,<0.2", "Plugserve>=0.1", "plugserve==0.1.*"])
def test_a_plugin_made_for_this_core_is_accepted(site: Site, requirement: str) -> None:
    """Its distribution's own requirement on plugserve is the declaration."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zz:P", {"zz.py": "class P: ..."}, requires=(requirement,))
    assert load("plugin", "zz").__name__ == "P"


def test_a_plugin_made_for_another_core_is_refused_before_it_is_imported(site: Site) -> None:
    """The message names the distribution, the range it needs, and the version that is here."""
    site.install(
        "plugserve-zz", "[plugserve.plugins]\nzz = zz:P", {"zz.py": "class P: ..."}, requires=("plugserve>=2,<3",)
    )
    message = _refusal("plugin", "zz")
    assert "plugserve-zz 1.0" in message
    assert "it needs plugserve >=2,<3, and this is plugserve 0.1.0" in message
    assert "zz" not in sys.modules


def test_a_requirement_on_the_core_that_nobody_understands_is_refused(site: Site) -> None:
    """A range that cannot be read is not taken for no range at all."""
    site.install(
        "plugserve-zz",
        "[plugserve.plugins]\nzz = zz:P",
        {"zz.py": "class P: ..."},
        requires=("other !!", "plugserve >= banana"),
    )
    assert "'plugserve >= banana' cannot be understood" in _refusal("plugin", "zz")


def test_a_pre_release_of_the_core_is_in_the_range_of_its_release(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs 0.2.0rc1 wants to try the plugins made for 0.2 with it."""
    monkeypatch.setattr("plugserve.__version__", "0.2.1rc1")
    site.install(
        "plugserve-zz", "[plugserve.plugins]\nzz = zz:P", {"zz.py": "class P: ..."}, requires=("plugserve>=0.2",)
    )
    assert core_version() == "0.2.1rc1"
    assert load("plugin", "zz").__name__ == "P"


# -- names -----------------------------------------------------------------------------------------


def test_a_typo_gets_the_nearest_right_name_and_where_it_comes_from(site: Site) -> None:
    """`zzfielz` is answered with 'zzfiles' and its distribution."""
    site.install("plugserve-zz", "[plugserve.handlers]\nzzfiles = zz:H")
    assert _refusal("handler", "zzfielz") == (
        "no handler named 'zzfielz' is installed: did you mean 'zzfiles' (plugserve-zz 1.0)?"
    )


def test_a_name_of_another_kind_is_told_apart() -> None:
    """Asking for a plugin as a handler says what it is."""
    catalog = Catalog([Entry("plugin", "access", "a:A", "plugserve-access", "0.1.0")])
    with pytest.raises(PluginError, match=r"'access' is a plugin, of plugserve-access 0\.1\.0"):
        catalog.load("handler", "access")


@pytest.mark.parametrize(
    "name,message",
    [
        ("http-files", "no handler named 'http-files' is installed: install plugserve-http"),
        (
            "htp-files",
            "no handler named 'htp-files' is installed: did you mean 'http-files'? Then install plugserve-http",
        ),
        ("gopher", "no handler named 'gopher' is installed: there are echo"),
    ],
)
def test_what_is_missing_says_what_to_install_only_where_that_is_known(name: str, message: str) -> None:
    """A package is named if it is one of ours; none is ever made up from the name that was typed."""
    catalog = Catalog([Entry("handler", "echo", "e:E", "plugserve-simple", "0.1.0")])
    with pytest.raises(PluginError) as caught:
        catalog.load("handler", name)
    assert str(caught.value) == message


# -- importing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault,told",
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import asyncio; raise asyncio.CancelledError('no')", "CancelledError: no"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "class Rude(Exception):\n    def __str__(self): raise ValueError\nraise Rude",
            "Rude",
        ),
    ],
)
def test_an_import_that_fails_names_the_package_and_the_line(site: Site, fault: str, told: str) -> None:
    """Whatever is raised at import, SystemExit too, becomes one sentence with file and line in that package."""
    site.install(
        "plugserve-zz",
        "[plugserve.plugins]\nzz = zzpack.plugin:P",
        {"zzpack/__init__.py": "", "zzpack/plugin.py": "import zzpack.inner\n", "zzpack/inner.py": "\n\n" + fault},
    )
    message = _refusal("plugin", "zz")
    line = 3 + fault.count("\n", 0, fault.rfind("raise Rude")) if "Rude" in fault else 3
    assert message == (
        f"the plugin 'zz' of plugserve-zz 1.0 (zzpack.plugin:P) cannot be imported: {told} "
        f"({site.folder / 'zzpack' / 'inner.py'}:{line})"
    )


def test_a_syntax_error_is_placed_where_it_stands(site: Site) -> None:
    """The file that does not parse is named, not the one that imported it."""
    site.install(
        "plugserve-zz",
        "[plugserve.plugins]\nzz = zzpack:P",
        {"zzpack/__init__.py": "\nfrom . import bad\n", "zzpack/bad.py": "\n\ndef :\n"},
    )
    assert f"({site.folder / 'zzpack' / 'bad.py'}:3)" in _refusal("plugin", "zz")


def test_a_missing_dependency_says_how_to_install_it(site: Site) -> None:
    """A module that is not there is told apart from one that fails."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zzmod:P", {"zzmod.py": "import no_such_module_here\n"})
    message = _refusal("plugin", "zz")
    assert "there is no module no_such_module_here" in message
    assert f"({site.folder / 'zzmod.py'}:1)" in message
    assert message.endswith("install what plugserve-zz needs: pip install plugserve-zz")


def test_a_keyboard_interrupt_during_an_import_passes(site: Site) -> None:
    """Ctrl-C while a slow plugin loads means what it always means."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zzmod:P", {"zzmod.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        load("plugin", "zz")


def test_an_object_that_is_not_there_gets_the_nearest_name_and_the_file(site: Site) -> None:
    """A class that was renamed is found again by the person who reads the message."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zzmod:Acess", {"zzmod.py": "class Access: ..."})
    message = _refusal("plugin", "zz")
    assert message.endswith(f"{site.folder / 'zzmod.py'} has no 'Acess': did you mean 'Access'?")


def test_an_object_that_is_no_class_is_refused(site: Site) -> None:
    """An entry point that refers to an instance or a number says so at once."""
    site.install("plugserve-zz", "[plugserve.plugins]\nzz = zzmod:thing", {"zzmod.py": "thing = 3"})
    assert "is no class but an int" in _refusal("plugin", "zz")


# -- cost ------------------------------------------------------------------------------------------


def test_importing_the_module_loads_no_metadata_library() -> None:
    """The libraries for listing and checking are loaded when asked, not when imported."""
    heavy = "{'importlib_metadata', 'packaging', 'pydantic', 'click', 'rich'}"
    code = f"import sys, plugserve.discovery, plugserve.options; print({heavy} & set(sys.modules) or 'none')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("none\n", "")
