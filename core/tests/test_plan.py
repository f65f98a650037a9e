from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner

from plugserve import ForkingMixIn
from plugserve.cli import main
from plugserve.discovery import Catalog
from plugserve.limits import Limits
from plugserve.plan import Plan, plan_files, plan_words
from plugserve.toml_document import Faults

APP = """
    from dataclasses import dataclass
    from pathlib import Path
    from typing import Annotated
    from pydantic import AfterValidator, Field
    from plugserve import ConfigurationError, CoroutineHandler, hookimpl

    class Echo(CoroutineHandler):
        async def handle(self):
            pass

    class Files(CoroutineHandler):
        @dataclass(frozen=True)
        class Options:
            root: Path = Path("here")
            more: tuple[Path, ...] = ()
            text: str = "x"
            max_age: int | None = 5

            def __post_init__(self):
                if self.max_age == 13:
                    raise ValueError("max-age: 13 brings bad luck")

        async def handle(self):
            pass

    class StreamsOnly(Echo):
        needs = "stream"

    class Nothing:
        pass

    class Watch:
        def __init__(
            self, *, path: Path | None = None, paths: list[Path] = (), words: list[str] = (), level: str = "x"
        ):
            self.path, self.paths, self.words, self.level = path, paths, words, level
            if "bad" in words:
                raise ConfigurationError("a bad word", option="words", index=list(words).index("bad"))
            if level == "odd":
                raise ValueError("the level is odd")

        @hookimpl
        def setup(self):
            pass

    class Silent(Watch):
        @hookimpl
        def server_activate(self):
            raise ConfigurationError()

    class Late(Watch):
        @hookimpl
        def server_activate(self):
            raise ConfigurationError("there is no such path", option="path")

    class Ends(Watch):
        @hookimpl
        def server_activate(self):
            raise OSError(5, "the disk is on fire")

    class Quiet:
        pass

    def fussy(value):
        raise KeyError("five")

    class Odd(Watch):
        def __init__(
            self,
            *,
            number: int = 0,
            wrong: Annotated[int, Field(max_length=3)] = 0,
            fussy: Annotated[int, AfterValidator(fussy)] = 0,
        ):
            pass

    class Unresolved(Watch):
        def __init__(self, *, a: "Path.nothing" = None):
            pass
    """


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with a module that is in nobody's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "plan_app.py").write_text(dedent(APP))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if "plan_app" in name:
            del sys.modules[name]


@pytest.fixture
def planned(folder: Path) -> Callable[[str], Plan]:
    """The plan of a configuration file, by its text below `[[listen]]`."""

    def plan(text: str, name: str = "site.toml") -> Plan:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        return plan_files([name], Catalog())

    return plan


LISTEN = '[[listen]]\nbind = "127.0.0.1:0"\nhandler = "./plan_app.py:Echo"\n'
FILES = '[[listen]]\nbind = "127.0.0.1:0"\nhandler = "./plan_app.py:Files"\n'


def words(*handlers: str, **given: Any) -> Plan:
    """The plan of a command line."""
    return plan_words(
        handlers,
        given.get("binds", ()),
        given.get("engine", "threading"),
        given.get("plugins", ()),
        given.get("options", ()),
        Catalog(),
    )


@contextlib.contextmanager
def made(plan: Plan) -> Iterator[Any]:
    """The server of the first listener."""
    assert plan.faults == []
    server = plan.listeners[0].make()
    try:
        yield server
    finally:
        server.server_close()


# -- what is asked for arrives ----------------------------------------------------------------------------------------


def test_a_server_as_it_is_asked_for(planned: Callable[[str], Plan]) -> None:
    """Handler, engine and its options, limits, plugins and name: all of it is on the server."""
    plan = planned(
        FILES
        + """
name = "site"
engine = "forking"
options = { root = "public", max-age = "none" }
  [listen.engine-options]
  max-children = 3
  block_on_close = false
  [listen.limits]
  idle = 30
  first-byte = "none"
  connections_per_peer = 4
  [[listen.plugin]]
  use = "./plan_app.py:Watch"
  words = ["a", "b"]
  [[listen.plugin]]
  use = "./plan_app.py:Watch"
  as = "second"
"""
    )
    with made(plan) as server:
        assert isinstance(server, ForkingMixIn)
        assert (server.max_children, server.block_on_close) == (3, False)
        assert server.RequestHandlerClass.__name__ == "Files"
        assert server._core_limits == Limits(idle=30, first_byte=None, connections_per_peer=4)
        assert server._core_plugins["Watch"].words == ["a", "b"]
        assert list(server._core_plugins) == ["Watch", "second"]
    assert ForkingMixIn.max_children == 40
    assert plan.listeners[0].options.max_age is None
    assert plan.listeners[0].title == "site"


def test_the_policy_for_urgent_data_is_on_the_server(planned: Callable[[str], Plan]) -> None:
    """Where it can be kept; else the line says why not."""
    with made(planned(LISTEN + 'urgent = "event"\n')) as server:
        assert (server.urgent, server._core_urgent) == ("event", "event")
    with made(planned(LISTEN)) as server:
        assert (server.urgent, server._core_urgent) == ("drop", None)
    for text, says in (
        (LISTEN + 'urgent = "later"\n', """:4: listen[0].urgent: 'later': write urgent = "drop", "inline","""),
        (LISTEN.replace("127", "udp://127") + 'urgent = "event"\n', ":4: listen[0].urgent: urgent = event: only TCP"),
    ):
        [line] = planned(text).faults
        assert line.startswith("site.toml:" + says.removeprefix(":")), line


def test_sessions_are_on_the_server(planned: Callable[[str], Plan]) -> None:
    """Where they can be; else the line says why not."""
    datagrams = LISTEN.replace('bind = "', 'bind = "udp://')
    with made(planned(datagrams + "sessions = 10\nsession-idle = 5\n")) as server:
        assert (server.sessions, server.session_idle, server._core_sessions._seats.most) == (10, 5, 10)
    with made(planned(datagrams)) as server:
        assert (server.sessions, server._core_sessions) == (None, None)
    for text, says in (
        (LISTEN + "sessions = 10\n", "sessions: sessions = 10: only datagrams need sessions"),
        (datagrams + "sessions = 0\n", "sessions: sessions is 0: give 1 or more"),
        (datagrams + 'sessions = "many"\n', "sessions: 'many': write sessions = 1000"),
        (datagrams + "sessions = 1\nsession-idle = 0\n", "session-idle: session_idle is 0.0: give seconds above 0"),
        (datagrams + "session-idle = 5\n", "session-idle: is about sessions, of which there are none"),
        (datagrams + 'sessions = 1\nengine = "forking"\n', "sessions: sessions = 1: the engine 'forking' handles"),
    ):
        [line] = planned(text).faults
        assert f"listen[0].{says}" in line, line


def test_what_is_not_asked_for_is_the_default(planned: Callable[[str], Plan]) -> None:
    """A configuration has the limits on."""
    with made(planned(LISTEN)) as server:
        assert server._core_limits == Limits()


def test_each_listener_has_plugins_of_its_own(planned: Callable[[str], Plan]) -> None:
    """Also where one table asks for two of them."""
    plan = planned(
        '[[listen]]\nbind = ["127.0.0.1:0", "udp://127.0.0.1:0"]\nhandler = "./plan_app.py:Echo"\nname = "x"\n'
        '[[listen.plugin]]\nuse = "./plan_app.py:Watch"'
    )
    one, other = plan.listeners
    assert one.plugins[0].instance is not other.plugins[0].instance
    assert [one.title, other.title] == ["x.1", "x.2"]
    assert [str(one.address), str(other.address)] == ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]
    assert plan.faults == []


def test_nothing_is_bound_before_the_server_is_made(planned: Callable[[str], Plan]) -> None:
    """A plan can be made while somebody else has the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plan = planned(LISTEN.replace(":0", f":{taken.getsockname()[1]}"))
        assert plan.faults == []
        assert plan.listeners[0].socket is None


def test_paths_begin_at_the_file(planned: Callable[[str], Plan], folder: Path) -> None:
    """Of options with the type `Path`, alone or in a list, and of no others; an absolute path stays."""
    (folder / "etc").mkdir()
    (folder / "etc" / "plan_app.py").write_text(dedent(APP))
    plan = planned(
        FILES
        + 'options = { root = "public", more = ["a", "/b"], text = "public" }\n'
        + '[[listen.plugin]]\nuse = "./plan_app.py:Watch"\npath = "log"\npaths = ["a", "../b"]\nwords = ["c"]',
        "etc/site.toml",
    )
    assert plan.faults == []
    [listener] = plan.listeners
    here = folder / "etc"
    assert (listener.options.root, listener.options.more) == (here / "public", (here / "a", Path("/b")))
    assert listener.options.text == "public"
    watch = listener.plugins[0].instance
    assert (watch.path, watch.paths, watch.words) == (here / "log", [here / "a", here / "../b"], ["c"])


def test_paths_of_a_command_line_begin_in_the_working_directory(folder: Path) -> None:
    """They stay as they are written."""
    plan = words("./plan_app.py:Files", options=["root=public"], plugins=["./plan_app.py:Watch:path=log"])
    assert plan.faults == []
    assert plan.listeners[0].options.root == Path("public")
    assert plan.listeners[0].plugins[0].instance.path == Path("log")


def test_handlers_and_plugins_by_module(folder: Path, planned: Callable[[str], Plan]) -> None:
    """`package.module:Class`, from what is installed or lies in the working directory."""
    text = LISTEN.replace("./plan_app.py:Echo", "plan_app:Echo") + '[[listen.plugin]]\nuse = "plan_app:Watch"'
    assert planned(text).faults == []
    plan = words("plan_app:Echo", plugins=["./plan_app.py:Watch:words=a,words=b"])
    assert plan.faults == []
    assert plan.listeners[0].plugins[0].instance.words == ["a", "b"]


def test_engines_by_reference(planned: Callable[[str], Plan]) -> None:
    """A mix-in of the user's own, or of a package without entry points."""
    plan = planned(LISTEN + 'engine = "plugserve:ForkingMixIn"')
    assert plan.faults == []
    assert plan.listeners[0].engine is ForkingMixIn


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "udp://127.0.0.1:0", "unix://./s"])
def test_a_plan_can_be_made_again_at_another_address(planned: Callable[[str], Plan], bind: str) -> None:
    """As a host name with several addresses needs it: same options, other plugins."""
    plan = planned(LISTEN.replace("127.0.0.1:0", bind) + '[[listen.plugin]]\nuse = "./plan_app.py:Watch"\nlevel = "a"')
    [listener] = plan.listeners
    other = listener.at(listener.address)
    assert other.plugins[0].instance is not listener.plugins[0].instance
    assert other.plugins[0].instance.level == "a"


# -- what is wrong is told, all of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, fault",
    [
        ('engine = "ThreadingMixIn"', ":4: listen[0].engine: no engine named 'ThreadingMixIn' is installed"),
        (
            'engine = "plugserve:ThreadingTCPServer"',
            ":4: listen[0].engine: engine 'plugserve:ThreadingTCPServer' is no ",
        ),
        ('engine = "os:getcwd"', ":4: listen[0].engine: engine 'os:getcwd' is no engine: name a mix-in class"),
        ("engine = true", ':4: listen[0].engine: true: write engine = "NAME"'),
        ("limits = { idle = true }", ":4: listen[0].limits.idle: true: give a number"),
        ("limits = { idle = inf, total = -1 }", ":4: listen[0].limits.total: total is -1.0: give a number above 0"),
        ('limits = { layers-bytes = "none" }', ":4: listen[0].limits.layers-bytes: 'none': input should be a valid"),
        ("drain = 3", ":4: listen[0].drain: a [[listen]] has no option 'drain'"),
        ("[[listen.plugin]]\nuse = './plan_app.py'", ":5: listen[0].plugin[0].use: plugin './plan_app.py': write "),
        ("[[listen.plugin]]\nuse = 'plan_app.Watch'", ": write plan_app:Watch for a class in a module"),
        ("[[listen.plugin]]\nuse = 'threading'", ': write engine = "threading" in a [[listen]]'),
        ("[[listen.plugin]]\nuse = './plan_app.py:Quiet'", ":4: listen[0].plugin[0]: plugin 'Quiet' "),
        (
            "[[listen.plugin]]\nuse = './plan_app.py:Watch'\nwords = [\n'good',\n'bad',\n]",
            ":8: listen[0].plugin[0].words[1]: plugin './plan_app.py:Watch': a bad word",
        ),
        (
            "[[listen.plugin]]\nuse = './plan_app.py:Watch'\nwords = ['a']\nlevel = 'odd'",
            ":7: listen[0].plugin[0].level: plugin './plan_app.py:Watch': the level is odd (",
        ),
        ("[[listen.plugin]]\nuse = './plan_app.py:Watch'\npath = 5", ":6: listen[0].plugin[0].path: 5: "),
        ("[[listen.plugin]]\nuse = './plan_app.py:Watch'\nwords = [1]", ":6: listen[0].plugin[0].words[0]: "),
    ],
)
def test_a_mistake_has_the_line_of_what_is_wrong(planned: Callable[[str], Plan], text: str, fault: str) -> None:
    """Also where only the constructor of a plugin can tell, and names no option."""
    [line] = planned(LISTEN + text).faults
    assert line.startswith("site.toml:")
    assert fault in line


def test_a_check_of_options_together_has_the_line_of_the_one_that_it_names(planned: Callable[[str], Plan]) -> None:
    """A handler's author writes a plain `ValueError`."""
    [line] = planned(FILES + 'options = {\n  text = "13",\n  max-age = 13 }'.replace("\n", "")).faults
    assert line.startswith("site.toml:4: listen[0].options.max-age: handler './plan_app.py:Files': max-age: 13 brings")


def test_limits_are_told_all_at_once(planned: Callable[[str], Plan]) -> None:
    """A wrong one does not hide the next."""
    plan = planned(LISTEN + "[listen.limits]\nidle = -1\ntotal = 5\noutput = 0\nfirst-byte = -3")
    assert [line.partition(": ")[0] for line in plan.faults] == ["site.toml:5", "site.toml:7", "site.toml:8"]


def test_a_handler_that_cannot_be_called(planned: Callable[[str], Plan]) -> None:
    """A class that is no handler is refused before the first request, and not at each."""
    [line] = planned(LISTEN.replace("Echo", "Nothing")).faults
    assert line.startswith("site.toml:3: listen[0].handler: handler './plan_app.py:Nothing' is no handler: ")
    assert "derive it from plugserve.CoroutineHandler" in line


def test_a_handler_may_be_anything_that_is_called_as_one(planned: Callable[[str], Plan], folder: Path) -> None:
    """As in `socketserver`: a function is enough."""
    (folder / "functions.py").write_text("def serve(request, client_address, server):\n    pass\n")
    plan = planned(LISTEN.replace("plan_app.py:Echo", "functions.py:serve"))
    assert plan.faults == []
    sys.modules.pop("functions", None)


def test_the_path_of_a_socket_is_measured_before_it_is_bound(planned: Callable[[str], Plan]) -> None:
    """`check` tells it, not only `serve`."""
    [line] = planned(LISTEN.replace("127.0.0.1:0", "unix:///run/" + "x" * 200)).faults
    assert line.startswith("site.toml:2: listen[0].bind: ")
    assert line.endswith("use a shorter one, or one relative to the working folder")


def test_what_does_not_fit_together(planned: Callable[[str], Plan]) -> None:
    """A handler of streams on datagrams."""
    [line] = planned(LISTEN.replace("Echo", "StreamsOnly").replace("127", "udp://127")).faults
    assert "StreamsOnly needs a stream" in line
    assert line.startswith("site.toml:1: listen[0]: ")


@pytest.mark.parametrize(
    "plugin, says",
    [
        ("Silent", "cannot be used, and does not say why"),
        ("Late", "plugin 'Late': there is no such path"),
        ("Ends", "raised OSError: [Errno 5] the disk is on fire"),
    ],
)
def test_a_plugin_that_refuses_at_start(planned: Callable[[str], Plan], plugin: str, says: str) -> None:
    """The place is that of the plugin, or of its option; the server is not started, even where it says nothing."""
    plan = planned(f'{LISTEN}[[listen.plugin]]\nuse = "./plan_app.py:{plugin}"\npath = "x"')
    assert plan.faults == []
    with pytest.raises(Faults) as caught:
        plan.listeners[0].make()
    [line] = caught.value.lines
    assert says in line
    assert line.startswith(f"site.toml:{6 if plugin == 'Late' else 4}: listen[0].plugin[0]")


def test_the_same_address_twice_in_two_files(planned: Callable[[str], Plan], folder: Path) -> None:
    """The other place is named; port 0 is another port each time."""
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "a.toml").write_text(LISTEN.replace("./", "../").replace(":0", ":7070") + LISTEN)
    plan = planned('include = ["conf.d/*.toml"]\n' + LISTEN.replace(":0", ":7070") + LISTEN)
    [line] = [line for line in plan.faults if "bind" in line]
    assert line.startswith("site.toml:3: listen[0].bind: tcp://127.0.0.1:7070 is there also in conf.d/a.toml:2, for ")


def test_faults_come_in_the_order_of_the_files(planned: Callable[[str], Plan], folder: Path) -> None:
    """As people go through them: by file, then by line."""
    (folder / "more.toml").write_text(LISTEN + 'engine = "x"\nname = " "\nbnd = 1')
    plan = planned('include = ["more.toml"]\n' + LISTEN + 'engine = "x"\nname = " "\nbnd = 1')
    assert [line.partition(": ")[0] for line in plan.faults] == [
        "site.toml:5",
        "site.toml:6",
        "site.toml:7",
        "more.toml:4",
        "more.toml:5",
        "more.toml:6",
    ]


# -- command lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, says",
    [
        ({"plugins": ["./plan_app.py:Watch:levl=x"]}, "has no option 'levl': did you mean 'level'?"),
        ({"plugins": ["./plan_app.py:Wacht"]}, "has no 'Wacht': did you mean 'Watch'?"),
        ({"plugins": ["./plan_app.py:Watch:words=bad"]}, "plugin './plan_app.py:Watch': a bad word"),
        ({"plugins": ["threading"]}, "'threading' is an engine, of plugserve"),
        ({"engine": "thraeding"}, "did you mean 'threading'"),
        ({"binds": ["127.0.0.1:x"]}, "the port is 'x': write a number"),
        ({"plugins": ["./plan_app.py"]}, "plugin './plan_app.py': write ./plan_app.py:Watch or ./plan_app.py:"),
        ({"plugins": ["./none.py"]}, "plugin './none.py': there is no file "),
        (
            {"plugins": ["./plan_app.py:Files"]},
            "plugin './plan_app.py:Files' is no plugin but a handler: name it where",
        ),
        ({"plugins": ["./plan_app.py:Watch:words"]}, "option 'words' (true): give a list"),
        ({"options": ["root=x"]}, "handler './plan_app.py:Echo' takes no options: leave 'root' out"),
    ],
)
def test_mistakes_of_a_command_line(folder: Path, given: dict[str, Any], says: str) -> None:
    """They are told in sentences that need no place."""
    [line] = words("./plan_app.py:Echo", **given).faults
    assert says in line
    assert "listen[" not in line


def test_a_file_without_its_class_is_told_which_classes_it_has(folder: Path) -> None:
    """The line is nothing but the words to write; the file is not run for it, and may be broken."""
    (folder / "shout.py").write_text("class Shout: ...\nclass _Helper: ...\nraise SystemExit\n")
    (folder / "both.py").write_text("class Echo: ...\nclass Quota:\n    @hookimpl\n    def setup(self): ...\n")
    (folder / "broken.py").write_text("class :")
    (folder / "empty.py").write_text("")
    assert words("./shout.py").faults == ["handler './shout.py': write ./shout.py:Shout"]
    assert words("./both.py").faults == ["handler './both.py': write ./both.py:Echo"]
    assert words("./plan_app.py:Echo", plugins=["./both.py"]).faults == ["plugin './both.py': write ./both.py:Quota"]
    assert words("./broken.py").faults == ["handler './broken.py': write ./broken.py:CLASS"]
    assert words("./empty.py").faults == [
        f"handler './empty.py': there is no class in {folder}/empty.py: write one, and name it as in ./empty.py:CLASS"
    ]


def test_a_plugin_in_place_of_a_handler_is_told_where_it_belongs(folder: Path) -> None:
    """Its class shows that it is one: it has a method that is marked as a hook."""
    [line] = words("./plan_app.py:Watch").faults
    assert line.startswith(
        "handler './plan_app.py:Watch' is no handler but a plugin: write --with ./plan_app.py:Watch, or"
    )


def test_options_are_not_complained_of_where_the_addresses_are_wrong(folder: Path) -> None:
    """While nobody knows what is served, nothing is said of whose option it is."""
    plan = words("./plan_app.py:Echo", "./plan_app.py:Files", binds=["127.0.0.1:0"], options=["root=x"])
    [line] = plan.faults
    assert "but --bind once" in line


def test_an_address_that_is_given_to_two_handlers_names_both(folder: Path) -> None:
    """On a command line there is no line number to name."""
    plan = words("./plan_app.py:Echo@7007", "./plan_app.py:Files@127.0.0.1:7007", options=["root=x"])
    [line] = plan.faults
    assert line.startswith("tcp://127.0.0.1:7007 is there twice, for ./plan_app.py:Echo and ./plan_app.py:Files: ")


def test_a_flag_is_no_number(folder: Path) -> None:
    """`--with NAME:OPTION` means yes, and an option that is a number is not 1 then."""
    [line] = words("./plan_app.py:Echo", plugins=["./plan_app.py:Odd:number"]).faults
    assert line == "plugin './plan_app.py:Odd': option 'number' (true): give a number"
    [line] = words("./plan_app.py:Echo", plugins=["./plan_app.py:Watch:level"]).faults
    assert "option 'level' (true): input should be a valid string" in line


@pytest.mark.parametrize(
    "text, says",
    [
        (
            "use = './plan_app.py:Odd'\nwrong = 5",
            ":6: listen[0].plugin[0].wrong: cannot be checked, which is a defect of ",
        ),
        ("use = './plan_app.py:Odd'\nfussy = 5", "KeyError: 'five'"),
        ("use = './plan_app.py:Unresolved'\na = 1", ": a type hint fails with AttributeError: "),
    ],
)
def test_a_type_hint_that_is_a_mistake(planned: Callable[[str], Plan], text: str, says: str) -> None:
    """That is the author's fault, and the user is told so, without a traceback."""
    [line] = planned(LISTEN + "[[listen.plugin]]\n" + text).faults
    assert line.startswith("site.toml:")
    assert says in line


def test_check_tells_what_is_planned(folder: Path) -> None:
    """A line for each listener, and how many there are."""
    (folder / "site.toml").write_text(LISTEN + '[[listen.plugin]]\nuse = "./plan_app.py:Watch"\n' + LISTEN)
    result = CliRunner().invoke(main, ["check", "-c", "site.toml"])
    assert result.exit_code == 0
    what = "./plan_app.py:Echo: handler './plan_app.py:Echo' on tcp://127.0.0.1:0, engine threading"
    assert result.stdout.splitlines() == [
        f"site.toml:1: {what}, Watch",
        f"site.toml:6: {what}, no plugins",
        "all right: 2 listeners",
    ]
