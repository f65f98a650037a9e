"""The servers that are measured, in the order of the tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["COMPETITORS", "Competitor"]

SERVERS = Path(__file__).resolve().parent.parent / "servers"

_STREAMS = frozenset({"pingpong", "pingpong-16k", "connect"})
_ALL = _STREAMS | {"udp", "idle"}
_TLS = frozenset({"tls-16k", "tls-handshake", "tls-idle"})


@dataclass(frozen=True)
class Competitor:
    """One server.

    Parameters:
        name: on the command line and in the bars.
        title: in tables; "+" means with `access` and `log`, every line written to a file.
        script: in `servers/`; None: the program made from `echo.c`.
        workloads: names of those that it can do. A thread or process a connection cannot hold 10,000, and one that
            handles one connection after the other, or no more than a pool has workers, cannot play 64 ping-pongs.
        modules: what has to be installed.
        distribution: whose version is told; None: the Python's.
        ours: whether it is this project.
        log: whether it writes a log, a line a request.
    """

    name: str
    title: str
    script: str | None
    workloads: frozenset[str]
    modules: tuple[str, ...] = ()
    distribution: str | None = None
    ours: bool = False
    log: bool = False

    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [module for module in self.modules if find_spec(module) is None]

    def command(self, transport: str, echo: Path, log: Path) -> list[str]:
        """The command that starts it."""
        if self.script is None:
            return [str(echo), transport, "127.0.0.1"]
        return [sys.executable, str(SERVERS / self.script), transport, *([str(log)] if self.log else [])]


def _ours(
    name: str, title: str, script: str, workloads: frozenset[str], *modules: str, log: bool = False
) -> Competitor:
    return Competitor(name, f"plugserve {title}", script, workloads, ("plugserve", *modules), "plugserve", True, log)


_LIST = [
    Competitor("c", "C epoll", None, _ALL),
    _ours("protocol", "protocol, multiplexing", "ours_protocol.py", _ALL | _TLS, "plugserve_tls", "cryptography"),
    _ours(
        "protocol+",
        "protocol, multiplexing +",
        "ours_protocol.py",
        _ALL - {"udp"},
        "plugserve_access",
        "plugserve_log",
        log=True,
    ),
    _ours("coroutine", "coroutine, multiplexing", "ours_coroutine.py", _ALL | _TLS),
    _ours("threading", "classic, threading", "ours_threading.py", _STREAMS),
    _ours("thread-pool", "classic, thread-pool", "ours_thread_pool.py", frozenset({"connect"})),
    _ours("asyncio", "protocol, asyncio", "ours_asyncio.py", _ALL, "plugserve_asyncio"),
    _ours("uvloop", "protocol, uvloop", "ours_uvloop.py", _ALL, "plugserve_asyncio", "uvloop"),
    Competitor("socketserver", "socketserver, synchronous", "socketserver_sync.py", frozenset({"connect", "udp"})),
    Competitor("socketserver-threading", "socketserver, threading", "socketserver_threading.py", _STREAMS),
    Competitor("socketserver-forking", "socketserver, forking", "socketserver_forking.py", _STREAMS),
    Competitor("asyncio-protocol", "asyncio protocol", "asyncio_protocol.py", _ALL | _TLS),
    Competitor("asyncio-streams", "asyncio streams", "asyncio_streams.py", _ALL - {"udp"} | _TLS),
    Competitor("uvloop-protocol", "uvloop protocol", "uvloop_protocol.py", _ALL | _TLS, ("uvloop",), "uvloop"),
    Competitor("uvloop-streams", "uvloop streams", "uvloop_streams.py", _ALL - {"udp"} | _TLS, ("uvloop",), "uvloop"),
    Competitor("gevent", "gevent", "gevent_stream.py", _ALL, ("gevent",), "gevent"),
    Competitor("twisted", "Twisted", "twisted_protocol.py", _ALL, ("twisted",), "twisted"),
    Competitor("trio", "trio", "trio_stream.py", _ALL, ("trio",), "trio"),
    Competitor("easynetwork", "EasyNetwork", "easynetwork_stream.py", _ALL, ("easynetwork",), "easynetwork"),
]
COMPETITORS = {competitor.name: competitor for competitor in _LIST}
