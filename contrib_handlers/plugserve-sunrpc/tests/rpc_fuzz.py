"""Coverage-guided fuzzing of XDR, record marking, messages and the whole service, with atheris.

    python -m pip install atheris
    python contrib_handlers/plugserve-sunrpc/tests/rpc_fuzz.py xdr|record|message|service|language [seconds]

Whatever the bytes: only the error of the protocol, ever; a stream in pieces gives what it gives at once; what was
unpacked is packed into the same number of bytes. The first fault ends it, with the bytes in a file `crash-...`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["plugserve_sunrpc"]):
    from plugserve_sunrpc import Packer, RPCHandler, Unpacker, XDRError, load, rpc_handler
    from plugserve_sunrpc.description import DescriptionError
    from plugserve_sunrpc.generate import generate
    from plugserve_sunrpc.message import MessageError, RefusedCall, decode_call, decode_reply
    from plugserve_sunrpc.parse import parse_text
    from plugserve_sunrpc.protocols import mount3, nfs3, nlm4, rpcbind
    from plugserve_sunrpc.record import RecordError, RecordReader

HERE = Path(__file__).parent
TORTURE: Any = load(HERE / "torture.x", name="torture_fuzzed")
TYPES = [
    each
    for module in (nfs3, mount3, nlm4, rpcbind, TORTURE)
    for each in vars(module).values()
    if hasattr(each, "unpack") and hasattr(each, "pack") and each.__module__ == module.__name__
]


def xdr(data: bytes) -> None:
    """A type by the first byte, its value in the rest."""
    kind, raw = TYPES[(data[:1] or b"\0")[0] % len(TYPES)], data[1:]
    unpacker = Unpacker(raw)
    try:
        value = kind.unpack(unpacker)
    except XDRError:
        return
    packer = Packer()
    value.pack(packer)
    assert packer.position == unpacker.position
    assert kind.unpack(Unpacker(packer.data())) == value or "nan" in repr(value)


def _records(pieces: list[bytes]) -> tuple[list[bytes], str]:
    reader, found = RecordReader(2000, fragment_limit=700, fragments=5), []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (record := reader.next_record()) is not None:
                found.append(record)
    except RecordError as error:
        return found, str(error)
    return found, ""


def record(data: bytes) -> None:
    """A stream at once, in two pieces, and byte by byte."""
    whole = _records([data])
    cut = len(data) // 3
    assert _records([data[:cut], data[cut:]]) == whole
    assert _records([data[at : at + 1] for at in range(len(data))]) == whole


def message(data: bytes) -> None:
    """A call and a reply."""
    try:
        decode_call(data)
    except (MessageError, RefusedCall):
        pass
    try:
        decode_reply(data)
    except MessageError:
        pass


class _Torture(TORTURE.TORTURE_V1Server):  # type: ignore[misc]  # compiled as it runs
    def torture_echo(self, call: Any, argument: Any) -> Any:
        return argument

    def torture_sum(self, call: Any, argument1: int, argument2: int) -> int:
        return (argument1 + argument2) % 2**31

    def torture_join(self, call: Any, argument: bytes) -> bytes:
        return argument

    def torture_forget(self, call: Any, argument: Any) -> None:
        return None


KIND: type[RPCHandler] = rpc_handler(_Torture())


def service(data: bytes) -> None:
    """A stream of calls at a handler: replies, or the protocol's error."""
    handler: Any = KIND.for_test()
    try:
        handler.receive(data)
    except (MessageError, RecordError):
        pass


def language(data: bytes) -> None:
    """A description: code that compiles, or the error of the language."""
    try:
        code = generate(parse_text(data.decode("utf-8", "replace"), "fuzzed.x"))
    except DescriptionError:
        return
    compile(code, "fuzzed", "exec")


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (xdr, record, message, service, language)
}


def main() -> None:
    """Fuzz one of them."""
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    seconds = sys.argv[2] if len(sys.argv) == 3 else "60"
    with tempfile.TemporaryDirectory() as corpus:
        if sys.argv[1] == "language":
            for path in HERE.glob("*.x"):
                (Path(corpus) / path.name).write_bytes(path.read_bytes())
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", corpus], TARGETS[sys.argv[1]]
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
