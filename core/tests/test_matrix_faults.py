"""Engines that are broken on purpose, each in one way: the matrix finds every one of them, and says what is wrong."""

from __future__ import annotations

import socket
import struct
from dataclasses import replace
from typing import Any

import pytest

from plugserve import MultiplexingMixIn, ThreadingMixIn, hookimpl
from plugserve.hooks import observe
from plugserve.life import current
from plugserve.testing.matrix import (
    BYTE_BY_BYTE,
    OWN_LAYERS,
    REFERENCE_DIALOGUES,
    WHOLE,
    Case,
    Cutting,
    Dialogue,
    LayerPair,
    check,
    cut_in_two,
    run,
)

CIPHER = OWN_LAYERS[1]


def dialogue(name: str, style: str) -> Dialogue:
    """One of the kit's."""
    return next(each for each in REFERENCE_DIALOGUES if (each.name, each.style) == (name, style))


def faults(
    mix_in: Any,
    name: str = "lines",
    style: str = "protocol",
    *,
    cutting: Cutting = WHOLE,
    layers: tuple[LayerPair, ...] = (),
    transport: str = "tcp",
    patience: float = 10.0,
) -> list[str]:
    """What the matrix says of one dialogue on an engine."""
    case = Case("broken", dialogue(name, style), transport, layers, cutting, mix_in)
    return [found.text for found in check([case], patience=patience)]


class Sound(MultiplexingMixIn):
    """Nothing is wrong with it."""


class DropsAByte(MultiplexingMixIn):
    """Loses the first byte of what comes with the second read."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        super().finish_request(request, client_address)
        assert current.connection is not None
        handler: Any = current.connection.handler
        receive, calls = handler.receive, []

        def losing(data: bytes) -> Any:
            calls.append(data)
            return receive(data[1:] if len(calls) == 2 else data)

        handler.receive = losing


class FinishesTwice(ThreadingMixIn):
    """Calls `finish` again when it closes."""

    def shutdown_request(self, request: Any) -> None:
        server: Any = self
        observe(server._core_hooks.finish, server._core_requests.get(id(request)))
        super().shutdown_request(request)  # type: ignore[misc]  # of the server that it is mixed into


class ClosesTwice(ThreadingMixIn):
    """Says a second time that the request is over."""

    def close_request(self, request: Any) -> None:
        server: Any = self
        c = server._core_requests.get(id(request))
        c.outcome, c.reason = "ok", "finished"
        observe(server._core_hooks.connection_closed, c)
        super().close_request(request)  # type: ignore[misc]  # of the server that it is mixed into


class Resets(ThreadingMixIn):
    """Cuts the connection instead of ending it."""

    def shutdown_request(self, request: Any) -> None:
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_request(request)  # type: ignore[attr-defined]  # of the server that it is mixed into


class HandlesWithoutTelling(ThreadingMixIn):
    """Loses what a handler raised."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            super().finish_request(request, client_address)  # type: ignore[misc]  # of the server
        except LookupError:
            pass


class KeepsTheCloseFrame(MultiplexingMixIn):
    """Does not end the streams of transforms."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        super().finish_request(request, client_address)
        assert current.connection is not None
        for transform in current.connection._transforms or []:
            transform.close = lambda: b""  # type: ignore[method-assign]


class AnswersEverything(ThreadingMixIn):
    """Answers a datagram that its handler left alone."""

    def close_request(self, request: Any) -> None:
        data, sock = request
        if data == b"hush":
            server: Any = self
            sock.sendto(b"?", server._core_requests.get(id(request)).client_address)
        super().close_request(request)  # type: ignore[misc]  # of the server that it is mixed into


class ForgetsWho(MultiplexingMixIn):
    """Loses the address that a layer found out."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        super().finish_request(request, client_address)
        assert current.connection is not None
        current.connection.client_address = ("198.51.100.1", 1)


class NeverEnds(ThreadingMixIn):
    """Takes the request and lets it lie."""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.lying = request

    def server_close(self, *, timeout: float | None = None) -> None:
        super().server_close(timeout=timeout)
        self.lying.close()


@pytest.mark.parametrize("cutting", [WHOLE, BYTE_BY_BYTE, cut_in_two(3)])
def test_nothing_is_found_where_nothing_is_wrong(cutting: Cutting) -> None:
    """So what the others find is what was broken."""
    assert faults(Sound, cutting=cutting) == []


def test_a_byte_that_is_lost_at_a_cut_is_found_there_and_only_there() -> None:
    """The whole input in one read hides it."""
    assert faults(DropsAByte, cutting=WHOLE) == []
    (found,) = faults(DropsAByte, cutting=cut_in_two(3))
    assert "lines (protocol, ProtocolLines) on broken over tcp, layers: bare, input: cut3" in found
    assert "| b'HALO\\n'" in found


def test_a_hook_that_is_called_twice_is_found() -> None:
    """With the place in the order where it was."""
    (found,) = faults(FinishesTwice)
    assert found.count("| finish (") == 1
    assert "transcript" not in found


def test_a_request_that_ends_twice_is_found() -> None:
    """Whether the second end comes in time or when the dialogue is over."""
    found = "\n".join(faults(ClosesTwice))
    assert "connection_closed" in found


def test_a_reset_is_no_orderly_end() -> None:
    """How the stream ended is compared, too."""
    (found,) = faults(Resets, style="classic")
    assert "how the stream ended" in found
    assert "| reset" in found


def test_an_error_that_nobody_hears_of_is_found() -> None:
    """By the missing hook and by the outcome."""
    (found,) = faults(HandlesWithoutTelling, "raising", "classic")
    assert "handle_error (exception LookupError)" in found
    assert "| outcome: ok" in found


def test_a_layer_whose_stream_is_not_ended_is_found() -> None:
    """Although every byte of the handler's arrived."""
    (found,) = faults(KeepsTheCloseFrame, layers=(CIPHER,))
    assert "CipherClient: EndOfStream: the cipher's stream was cut off" in found
    assert "transcript" not in found


def test_an_answer_that_nobody_wrote_is_found() -> None:
    """What a dialogue over datagrams says of no reply is held to."""
    (found,) = faults(AnswersEverything, "packets", transport="udp")
    assert "1: b'?'" in found
    assert "1: no reply" in found


def test_a_fact_that_is_wrong_is_found() -> None:
    """The client's address at the end is what it was."""
    (found,) = faults(ForgetsWho)
    assert "client's address: ['198.51.100.1', 1]" in found


def test_an_engine_that_hangs_is_given_up() -> None:
    """And the dialogue says so, instead of waiting for ever."""
    (found,) = faults(NeverEnds, patience=0.2)
    assert "the request never came to its end" in found


def test_a_plugin_without_io_is_tried_like_a_layer_and_may_refuse() -> None:
    """As long as what it refuses is refused on every engine alike."""

    class Refuses:
        plugin_name = "refuses"

        @hookimpl
        def authorize(self) -> bool:
            return False

    refusing = (LayerPair("refuses", Refuses),)
    case = Case("memory", dialogue("lines", "protocol"), "tcp", refusing)
    assert run(case).facts["rejected by"] == "refuses"
    assert check([replace(case, engine=engine) for engine in ("memory", "multiplexing")]) == []
    assert faults(Sound, layers=refusing) == []
