"""Names, signatures, values and relations of the standard module, all of them exported by plugserve."""

from __future__ import annotations

import inspect
import itertools
import os
import selectors
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import plugserve

NAMES = [
    *("BaseServer", "TCPServer", "UDPServer"),
    *("ThreadingMixIn", "ThreadingTCPServer", "ThreadingUDPServer"),
    *("BaseRequestHandler", "StreamRequestHandler", "DatagramRequestHandler"),
    *("ForkingMixIn", "ForkingTCPServer", "ForkingUDPServer"),
    *("UnixStreamServer", "UnixDatagramServer", "ThreadingUnixStreamServer", "ThreadingUnixDatagramServer"),
    *("ForkingUnixStreamServer", "ForkingUnixDatagramServer"),
]
"""`socketserver.__all__` of Python 3.13 on a platform that has everything."""

STANDARD = [name for name in NAMES if hasattr(socketserver, name)]
"""Those that the running Python's module has: before 3.12 two are missing."""

ADDED = {
    ("BaseServer", "__init__"): ["plugins", "options", "limits", "name"],
    ("TCPServer", "__init__"): ["plugins", "options", "limits", "name"],
    ("BaseServer", "shutdown"): ["drain"],
    ("BaseServer", "server_close"): ["timeout"],
    ("TCPServer", "server_close"): ["timeout"],
    ("ThreadingMixIn", "server_close"): ["timeout"],
    ("ForkingMixIn", "server_close"): ["timeout"],
}
"""The keyword-only parameters that ours have besides."""

METHODS = [
    pytest.param(name, method, id=f"{name}.{method}")
    for name in STANDARD
    for method, value in vars(getattr(socketserver, name)).items()
    if inspect.isfunction(value)
]
ATTRIBUTES = [
    pytest.param(name, attribute, id=f"{name}.{attribute}")
    for name in STANDARD
    for attribute, value in vars(getattr(socketserver, name)).items()
    if not attribute.startswith("_") and not callable(value)
]


def test_the_list_of_names_is_that_of_the_standard_module() -> None:
    """On this Python it says what `__all__` says; from 3.12 on nothing may be missing in it."""
    assert set(socketserver.__all__) <= set(NAMES)
    if sys.version_info >= (3, 12):
        assert set(socketserver.__all__) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_exported(name: str) -> None:
    """On each Python, those included that came later, and under its own name."""
    assert name in plugserve.__all__
    assert getattr(plugserve, name).__name__ == name


def test_a_star_import_gives_what_all_says() -> None:
    """`from plugserve import *` finds every name in `__all__`, once each."""
    namespace: dict[str, Any] = {}
    exec("from plugserve import *", namespace)
    del namespace["__builtins__"]
    assert sorted(namespace) == sorted(plugserve.__all__)


def test_what_is_public_is_in_all() -> None:
    """What Python's own test of `__all__` asks, for a package: no class of ours that is at hand is left out."""
    public = {
        name
        for name, value in vars(plugserve).items()
        if not name.startswith("_") and inspect.isclass(value) and value.__module__.startswith("plugserve")
    }
    assert public <= set(plugserve.__all__)


@pytest.mark.parametrize("name, method", METHODS)
def test_signatures_are_the_same(name: str, method: str) -> None:
    """The same parameters in the same order with the same defaults; what ours has besides is listed."""
    theirs = inspect.signature(getattr(getattr(socketserver, name), method))
    ours = inspect.signature(getattr(getattr(plugserve, name), method))
    added = ADDED.get((name, method), [])
    expected = [(parameter.name, parameter.kind, parameter.default) for parameter in theirs.parameters.values()]
    parameters = list(ours.parameters.values())
    shared, extra = parameters[: len(expected)], parameters[len(expected) :]
    assert [(parameter.name, parameter.kind, parameter.default) for parameter in shared] == expected
    assert [parameter.name for parameter in extra] == added
    for parameter in extra:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is None


@pytest.mark.parametrize("name, attribute", ATTRIBUTES)
def test_class_attributes_have_the_same_values(name: str, attribute: str) -> None:
    """Found on the class of the same name, and of the same type."""
    theirs, ours = (getattr(getattr(module, name), attribute) for module in (socketserver, plugserve))
    assert (ours, type(ours)) == (theirs, type(theirs))


def test_subclass_relations_are_the_same() -> None:
    """For each two names, as far as the standard module has them."""
    for one, other in itertools.product(STANDARD, repeat=2):
        theirs, ours = (issubclass(getattr(m, one), getattr(m, other)) for m in (socketserver, plugserve))
        assert ours == theirs, (one, other)


@pytest.mark.parametrize("name", ["ForkingUnixStreamServer", "ForkingUnixDatagramServer"])
def test_the_two_classes_of_python_3_12_are_there_before_it(name: str) -> None:
    """Each is its server class with the mix-in before it."""
    cls = getattr(plugserve, name)
    assert cls.__mro__.index(plugserve.ForkingMixIn) < cls.__mro__.index(
        getattr(plugserve, name.removeprefix("Forking"))
    )


PUBLIC = {
    *("plugins", "options", "limits", "listener_name", "handler_class", "handler_name", "handler_style", "clock"),
    *("engine_name", "engine_options", "engine_place", "check_engine_options", "shares_memory", "handles_on_front"),
    *("delivers_out_of_band", "is_stream", "keeps_records", "requests", "max_threads"),
    *("transport", "real_time", "trace_hooks", "draining", "dual_stack", "release_listener", "keeps_front"),
    *("urgent", "accept_descriptors", "sessions", "session_idle"),
    *("allow_abstract", "manage_path", "socket_group", "socket_mode", "socket_owner"),
}
"""The public names that our server classes have besides."""


@pytest.mark.parametrize("name", [name for name in STANDARD if name.endswith("Server")])
def test_private_names_of_ours_cannot_be_those_of_a_subclass(name: str, tmp_path: Path) -> None:
    """Whatever the core adds for itself to a class that others subclass is mangled or has a prefix of its own: Python's
    own test of logging keeps a `_handler` in its servers, others a `_lock` or a method `_start`."""
    theirs, ours = getattr(socketserver, name), getattr(plugserve, name)
    address: Any = str(tmp_path / "s") if "Unix" in name else ("127.0.0.1", 0)
    if name == "BaseServer":
        members = set(vars(ours(address, None)))
    else:
        with ours(address, plugserve.BaseRequestHandler) as server:
            members = set(vars(server))
    standard = {*dir(theirs), *dir(socketserver.TCPServer), "server_address", "RequestHandlerClass", "socket"}
    added = (members | set(dir(ours))) - standard - PUBLIC
    plain = {
        member
        for member in added
        if not member.startswith(("_core_", "__")) and "Server__" not in member and "MixIn__" not in member
    }
    assert not plain


def test_nothing_of_ours_derives_from_the_standard_module() -> None:
    """It is an implementation of its own."""
    for name in NAMES:
        assert not any(cls.__module__ == "socketserver" for cls in getattr(plugserve, name).__mro__)


def test_private_names_that_other_modules_import_are_there() -> None:
    """Proxies wrap a TLS connection in `_SocketWriter`; loops of somebody else's are made of `_ServerSelector`."""
    left, right = socket.socketpair()
    with left, right:
        assert plugserve._SocketWriter(left).write(memoryview(b"word")) == 4
        assert right.recv(10) == b"word"
    assert issubclass(plugserve._ServerSelector, selectors.BaseSelector)
    assert plugserve._ServerSelector is socketserver._ServerSelector


def test_private_attributes_that_other_modules_read_are_there() -> None:
    """On the class and on an instance, before anything has been served."""
    with plugserve.ThreadingTCPServer(("127.0.0.1", 0), plugserve.BaseRequestHandler) as server:
        assert server._BaseServer__shutdown_request is False
        assert not server._BaseServer__is_shut_down.is_set()
        assert callable(server._handle_request_noblock)
    assert plugserve.ForkingMixIn.active_children is None


def test_the_list_of_threads_can_be_used_as_that_of_the_standard_module() -> None:
    """An override of `process_request` that copies the standard body keeps its threads there, and they are joined."""

    class Server(plugserve.ThreadingTCPServer):
        def process_request(self, request: Any, client_address: Any) -> None:
            if self.block_on_close:
                vars(self).setdefault("_threads", type(plugserve.ThreadingTCPServer._threads)())
            thread = threading.Thread(target=self.process_request_thread, args=(request, client_address))
            thread.daemon = self.daemon_threads
            self._threads.append(thread)
            thread.start()

    served = threading.Event()

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            served.set()

    for block in (True, False):
        with Server(("127.0.0.1", 0), Handler) as server, socket.create_connection(server.server_address) as client:
            server.block_on_close = block
            server.handle_request()
            client.settimeout(20)
            assert client.recv(1) == b""
            assert served.wait(20)
    plugserve.ThreadingMixIn._threads.join()


WINDOWS = Path(__file__).with_name("like_windows.py")


def test_without_fork_and_unix_sockets_it_imports_and_serves() -> None:
    """In a process where everything that Windows lacks is hidden: TCP and UDP, one by one and in threads."""
    done = subprocess.run(
        [sys.executable, "-W", "error", WINDOWS],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=dict(os.environ),
    )
    assert (done.stdout.split(), done.stderr, done.returncode) == (
        ["TCPServer", "UDPServer", "ThreadingTCPServer", "ThreadingUDPServer"],
        "",
        0,
    )


class _Property(plugserve.TCPServer):
    """Has the names of our public attributes, as properties that nobody can set."""

    @property
    def options(self) -> str:
        return "theirs"

    @property
    def limits(self) -> str:
        return "theirs"


class _ClassAttribute(plugserve.TCPServer):
    options = "theirs"
    limits = "theirs"


class _Instance(plugserve.TCPServer):
    def __init__(self, *arguments: object) -> None:
        self.options = self.limits = "theirs"
        super().__init__(*arguments)  # type: ignore[arg-type]  # as programs write it


@pytest.mark.parametrize("kind", [_Property, _ClassAttribute, _Instance])
def test_public_names_of_ours_leave_those_of_a_program_alone(kind: type[plugserve.TCPServer]) -> None:
    """A program written for socketserver may mean something else by them; the core goes by what it was told."""
    with kind(("127.0.0.1", 0), plugserve.BaseRequestHandler) as server:
        assert (server.options, server.limits) == ("theirs", "theirs")
        assert server._core_limits == plugserve.Limits.none()
