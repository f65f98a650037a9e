"""The pytest plugin that comes with plugserve: fixtures for those who write handlers, plugins and engines.

Nothing of plugserve but the package itself is imported before one of them is used. None is automatic, unless the
project says in its configuration of pytest:

```ini
plugserve_drift = true
```

Then each test is looked at for what it leaves behind, as by the fixture `no_drift`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .hosting import Host
    from .recording import Recorder
    from .toxic import ToxicProxy

__all__ = ["hook_recorder", "no_drift", "plugserve_memory", "plugserve_server", "toxic_proxy"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option in the configuration file."""
    parser.addini("plugserve_drift", "look at every test for what it leaves behind", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Look at every test, where the project says so; where it does not, no test pays for the question."""
    if config.getini("plugserve_drift"):
        config.pluginmanager.import_plugin("plugserve.testing.no_drift")


@pytest.fixture
def no_drift(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fails the test if it leaves a descriptor, a thread, a child, a task of asyncio or a signal handler behind, or if
    plugserve logged a warning. The value is the list of what was logged: a test that expects it clears the list."""
    yield from watch_test(request.node.nodeid)


def watch_test(name: str) -> Iterator[list[str]]:
    """What the fixture `no_drift` does, of this module and of `plugserve.testing.no_drift`."""
    from .drift import Watch

    with Watch() as watch:
        yield watch.records
    if watch.differences:
        pytest.fail(f"left behind by {name}:\n" + "\n".join(watch.differences), pytrace=False)


@pytest.fixture
def _plugserve_last() -> Iterator[ExitStack]:
    """What is given back after the servers have ended, whoever was asked for first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def plugserve_server(_plugserve_last: ExitStack) -> Iterator[Callable[..., Host]]:
    """A function that serves a handler for as long as the test runs, on a free port of 127.0.0.1:
    `plugserve_server(Handler, engine="threading", plugins=..., limits=...)`, with everything that `hosted` takes."""
    from .hosting import hosted

    with ExitStack() as stack:

        def serve(handler: Callable[..., Any], engine: str = "threading", **arguments: Any) -> Host:
            return stack.enter_context(hosted(engine, handler, **arguments))

        yield serve


@pytest.fixture
def plugserve_memory(plugserve_server: Callable[..., Host]) -> Callable[..., Host]:
    """The same without sockets, in memory, under a clock that only the test moves: `plugserve_memory(Handler, ...)`."""

    def serve(handler: Callable[..., Any], **arguments: Any) -> Host:
        return plugserve_server(handler, "memory", **arguments)

    return serve


@pytest.fixture
def hook_recorder(_plugserve_last: ExitStack) -> Recorder:
    """A plugin that writes down which hooks are called, in children, too: pass it in `plugins=[...]`."""
    from .recording import Recorder

    recorder = Recorder()
    _plugserve_last.callback(recorder.close)
    return recorder


@pytest.fixture
def toxic_proxy() -> Iterator[Callable[..., ToxicProxy]]:
    """A function that puts a proxy with faults before an address: `toxic_proxy(host.server.server_address)`."""
    from .toxic import ToxicProxy

    with ExitStack() as stack:

        def start(target: Any, **arguments: Any) -> ToxicProxy:
            return stack.enter_context(ToxicProxy(target, **arguments))

        yield start
