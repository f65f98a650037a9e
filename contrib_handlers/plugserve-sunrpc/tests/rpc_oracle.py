"""The program of the tests, as a server has it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from plugserve_sunrpc import load
from plugserve_sunrpc.message import encode_call
from plugserve_sunrpc.program import Call, NoReply, blocking
from plugserve_sunrpc.xdr import Packer

X: Any = load(Path(__file__).parent / "oracle.x", name="oracle_compiled")
NUMBER = 0x20000042
ECHO, FAIL, BLOCK, AWAIT, QUIET, WHO, MUCH, COUNT = range(1, 9)


class Oracle(X.ORACLE_V1Server):  # type: ignore[misc]  # compiled as the test runs
    """Version 1."""

    def __init__(self) -> None:
        self.counted = 0
        self.quiet: list[bytes] = []
        self.blocked_on: list[str] = []

    def oracle_echo(self, call: Call, data: bytes) -> bytes:
        return data

    def oracle_fail(self, call: Call) -> None:
        raise RuntimeError("the oracle is out of order")

    @blocking
    def oracle_block(self, call: Call, data: bytes) -> bytes:
        self.blocked_on.append(threading.current_thread().name)
        return data[::-1]

    async def oracle_await(self, call: Call, data: bytes) -> bytes:
        await asyncio.sleep(0)
        return data.upper()

    def oracle_quiet(self, call: Call, data: bytes) -> None:
        self.quiet.append(data)
        raise NoReply

    def oracle_who(self, call: Call) -> bytes:
        if call.identity is None:
            return b"nobody"
        return f"{call.identity.method} {call.identity} {sorted(call.identity.groups)}".encode()

    def oracle_much(self, call: Call, size: int) -> bytes:
        return bytes(size)

    def oracle_count(self, call: Call) -> int:
        self.counted += 1
        return self.counted


class OracleV3(X.ORACLE_V3Server):  # type: ignore[misc]  # compiled as the test runs
    """Version 3; there is no version 2."""

    def oracle_twice(self, call: Call, number: int) -> int:
        return 2 * number


def call(procedure: int, arguments: bytes = b"", *, xid: int = 1, version: int = 1, **more: Any) -> bytes:
    """A call of the program in bytes."""
    return encode_call(xid, NUMBER, version, procedure, arguments, **more)


def blob(data: bytes) -> bytes:
    """Bytes as an argument, or a result."""
    packer = Packer()
    packer.pack_opaque(data)
    return packer.data()


def uint(number: int) -> bytes:
    """A number as an argument, or a result."""
    return number.to_bytes(4)
