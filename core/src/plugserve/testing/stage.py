"""One server, and the dialogues held with it."""

from __future__ import annotations

import os
import select
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

from plugserve.compose import server_class

from .callers import PATIENCE, Caller, KernelCaller, MemoryCaller
from .cases import Case, installed_engine
from .client_layers import ClientStack
from .dialogues import Await, Dialogue
from .memory import MemoryTCPServer, MemoryUDPServer
from .observing import Observation, Observer

__all__ = ["Stage", "run"]


class Stage:
    """One server for all cases that differ only in how their input is cut: a context manager.

    Parameters:
        case: any of them.
        patience: seconds after which a dialogue that hangs is given up.

    Errors: `ConfigurationError`, `PluginError` if the server refuses the handler or the layers.
    """

    def __init__(self, case: Case, *, patience: float = PATIENCE) -> None:
        self._case = case
        self._patience = patience
        self._began = 0
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        case = self._case
        with ExitStack() as resources:
            self._observer = Observer()
            resources.callback(self._observer.close)
            resources.callback(self._look_back)
            plugins = [pair.server() for pair in case.layers] + [self._observer]
            address: Any = ("127.0.0.1", 0)
            self._folder = ""
            if case.transport.startswith("unix"):
                # Of its own, and short: a path of a Unix socket has at most 107 bytes (unix(7)).
                self._folder = tempfile.mkdtemp(prefix="matrix-")
                resources.callback(shutil.rmtree, self._folder, ignore_errors=True)
                address = os.path.join(self._folder, "server")
            server = self._class()(
                address,
                case.dialogue.handler,
                plugins=plugins,
                options=case.dialogue.options,
                limits=case.dialogue.limits,
            )
            self.server: Any = server
            resources.callback(server.server_close, timeout=self._patience)
            # What is refused is refused now, in this thread.
            server._core_start()
            if server.real_time:
                server._core_warned_of_threads = True  # our own thread is there by design
                thread = threading.Thread(target=self._serve, name=f"matrix {case.engine}")
                thread.start()
                resources.callback(thread.join)
                resources.callback(server.shutdown, drain=self._patience)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *args: object) -> None:
        self._resources.close()

    def _class(self) -> Any:
        case = self._case
        if case.mix_in is None and case.engine == "memory":
            return MemoryUDPServer if case.dialogue.datagrams else MemoryTCPServer
        mix_in = case.mix_in if case.mix_in is not None else installed_engine(case.engine)
        if not getattr(mix_in, "real_time", True):
            return type("MemoryServer", (mix_in, MemoryUDPServer if case.dialogue.datagrams else MemoryTCPServer), {})
        return server_class(case.transport, mix_in)

    def _serve(self) -> None:
        with warnings.catch_warnings():
            # Python's own word of our threads, from 3.12 on.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            self.server.serve_forever(3600)

    def run(self, case: Case) -> Observation:
        """Hold the dialogue, and tell what was seen."""
        assert case.group == self._case.group, f"{case} needs another server than {self._case}"
        return self._exchange(case) if case.dialogue.datagrams else self._converse(case)

    late: Sequence[str] = ()
    """Once the server is closed: the hooks that were called when the last dialogue was over. On a sound engine none."""

    def _look_back(self) -> None:
        self.late = [f"{hook} of request {number}" for number, hook, _ in self._observer.take()]

    # -- streams -------------------------------------------------------------------------------------------------------

    def _converse(self, case: Case) -> Observation:
        dialogue = case.dialogue
        stack = ClientStack([pair.client() for pair in case.layers if pair.client])
        self._began = self._observer.over + 1
        caller = self._call(stack.receive)
        try:
            self._say(caller, stack, case)
            if dialogue.leaves_after is None:
                caller.wait(lambda: bool(caller.ended))
            else:
                count = dialogue.leaves_after
                caller.wait(lambda: len(stack.plain) >= count)
        finally:
            caller.close()
        problems = self._wait_over()
        ended = ", ".join(part for part in (caller.ended, stack.broken, problems) if part)
        return self._observation(case, bytes(stack.plain), ended, caller.address)

    def _call(self, received: Callable[[bytes], None]) -> Caller:
        server = self.server
        if not server.real_time:
            return MemoryCaller(server, ("127.0.0.1", 40000 + self._began), received, self._patience)
        return KernelCaller(server.address_family, server.server_address, received, self._patience)

    def _say(self, caller: Caller, stack: ClientStack, case: Case) -> None:
        dialogue = case.dialogue
        offset = 0

        def flush() -> None:
            nonlocal offset
            raw = bytes(stack.raw)
            stack.raw.clear()
            for piece in case.cutting.pieces(raw, offset):
                caller.send(piece)
            offset += len(raw)

        def wait(satisfied: Callable[[], bool]) -> bool:
            """Answering for the layers, as long as one has something to say."""
            while not satisfied():
                flush()
                if not caller.wait(lambda: bool(satisfied() or stack.raw)):
                    return False
            return True

        if not wait(lambda: stack.opened):
            return
        for step in (Await(len(dialogue.greeting)), *dialogue.sends):
            if isinstance(step, Await):
                if not wait(lambda count=step.count: len(stack.plain) >= count):  # type: ignore[misc]
                    return
            else:
                stack.write(step)
        if dialogue.half_close:
            stack.end()
        flush()
        if dialogue.half_close and not caller.ended:
            caller.end()

    # -- datagrams -----------------------------------------------------------------------------------------------------

    def _exchange(self, case: Case) -> Observation:
        server = self.server
        datagrams = [step for step in case.dialogue.sends if isinstance(step, bytes)]
        replies: list[bytes | None] = []
        problems = ""
        with ExitStack() as resources:
            address: Any = ("127.0.0.1", 40000)
            sock: Any = None
            if server.real_time:
                sock = resources.enter_context(socket.socket(server.address_family, socket.SOCK_DGRAM))
                path = os.path.join(self._folder, f"client{self._observer.over}")
                sock.bind(path if self._folder else ("127.0.0.1", 0))
                sock.setblocking(False)
                address = sock.getsockname()
            for index, datagram in enumerate(datagrams):
                self._began = self._observer.over + 1
                if sock is not None:
                    sock.sendto(datagram, server.server_address)
                else:
                    server.send_datagram(datagram, address)
                # Whoever waits for an answer that may not come waits for the end of the request instead.
                problems = problems or self._wait_over()
                got = self._replies(sock, self._patience_for(case.dialogue, index))
                replies += got or [None]
        return self._observation(case, tuple(replies), problems, address)

    def _patience_for(self, dialogue: Dialogue, index: int) -> float:
        """Seconds that a reply may take when its request is over: it has been sent by then, and is on its way."""
        if dialogue.expects is None:
            return min(0.05, self._patience)
        expected = index < len(dialogue.expects) and dialogue.expects[index] is not None
        return self._patience if expected else 0

    def _replies(self, sock: Any, patience: float) -> list[bytes]:
        if sock is None:
            return [data for data, _ in self.server.take_replies()]
        select.select([sock], [], [], patience)
        replies: list[bytes] = []
        while True:
            try:
                replies.append(sock.recv(65536))
            except BlockingIOError:
                return replies

    # -- what was seen -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        if not self.server.real_time:
            self.server.run()

    def _wait_over(self) -> str:
        """Wait until all requests so far are over. Returns what is wrong."""
        self._settle()
        if not self.server.real_time and self._observer.over < self._began:
            self.server.advance(self._patience)
        if self._observer.wait_over(self._began, self._patience if self.server.real_time else 0):
            return ""
        return "the request never came to its end"

    def _observation(self, case: Case, transcript: Any, ended: str, address: Any) -> Observation:
        events = self._observer.take()
        numbers = list(dict.fromkeys(number for number, _, _ in events))
        words = _Words(address, self.server.server_address)
        hooks = []
        facts: dict[str, Any] = {}
        for number, hook, found in events:
            which = f"request {numbers.index(number) + 1}" if len(numbers) > 1 else ""
            told = {name: words.of(value) for name, value in found.items()}
            if hook in ("connection_closed", "request_rejected"):
                facts |= {f"{name} of {which}" if which else name: value for name, value in told.items()}
                told = {"outcome": told["outcome"]}
            line = ", ".join([*([which] if which else []), *(f"{name} {value}" for name, value in told.items())])
            hooks.append(f"{hook} ({line})" if line else hook)
        # Who is refused has often said more than anybody read, and closing then resets (RFC 2525, section 2.17).
        orderly = case.dialogue.orderly and facts.get("outcome") != "rejected"
        makes_records = sum(not pair.exact for pair in case.layers)
        return Observation(
            str(case), transcript, ended, hooks, facts, orderly, exact=not makes_records, steady=makes_records < 2
        )


class _Words(NamedTuple):
    """Says of facts what is the same each time: an address that the kernel chose has another port next time."""

    client: Any
    server: Any

    def of(self, value: Any) -> Any:
        address = tuple(value) if isinstance(value, list) else value
        if address and address == self.server:
            return "the server's address"
        if isinstance(address, (tuple, str)) and address and address == self.client:
            return "the client's address"
        return value


def run(case: Case) -> Observation:
    """Hold one dialogue, on a server of its own.

    Errors: as `Stage`.
    """
    with Stage(case) as stage:
        return stage.run(case)
