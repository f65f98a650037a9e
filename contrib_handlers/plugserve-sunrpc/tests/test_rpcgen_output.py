from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import plugserve_sunrpc.protocols
from plugserve_sunrpc import AsyncStub, Call, Packer, Program, Stub, Unpacker, XDRError, load
from plugserve_sunrpc.description import DescriptionError
from plugserve_sunrpc.generate import generate
from plugserve_sunrpc.parse import parse_file, parse_text
from plugserve_sunrpc.protocols import nfs3, rpcbind
from plugserve_sunrpc.records import maker

HERE = Path(__file__).parent
PROTOCOLS = Path(plugserve_sunrpc.protocols.__file__).parent
SCRIPT = Path(sysconfig.get_path("scripts")) / "plugserve-rpcgen"
T = load(HERE / "torture.x", name="torture_output")


def rpcgen(*arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=50)


@pytest.mark.parametrize("name", ["nfs3", "mount3", "nlm4", "rpcbind"])
def test_compiled_protocols_are_what_the_compiler_writes(name: str) -> None:
    """The modules that lie beside their descriptions are the compiler's output of today."""
    assert generate(parse_file(PROTOCOLS / f"{name}.x")) == (PROTOCOLS / f"{name}.py").read_text("utf-8")


def test_golden_output() -> None:
    """The torture description compiles to the module that is kept beside it."""
    assert generate(parse_file(HERE / "torture.x")) == (HERE / "torture_compiled.py").read_text("utf-8")


@pytest.mark.timeout(180)
def test_output_is_typed_and_formatted(tmp_path: Path) -> None:
    """What comes out passes mypy's strict mode, and ruff's format at the width of 88 and of 120 columns."""
    files = [HERE / "torture.x", *PROTOCOLS.glob("*.x"), *sorted(Path("/usr/include/rpcsvc").glob("*.x"))]
    for path in files:
        (tmp_path / f"{path.stem}_out.py").write_text(generate(parse_file(path)))
    for width in (88, 120):
        command = [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--diff",
            "--isolated",
            f"--line-length={width}",
            "--no-cache",
        ]
        done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={tmp_path / 'cache'}"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_struct_is_frozen_and_has_slots() -> None:
    """Values cannot be changed, can be hashed and pickled, and are equal to others with the same fields."""
    value = nfs3.nfstime3(1, 2)
    packer = Packer()
    value.pack(packer)
    unpacked = nfs3.nfstime3.unpack(Unpacker(packer.data()))
    for each in (value, unpacked):
        with pytest.raises(FrozenInstanceError):
            each.seconds = 5  # type: ignore[misc]  # what is tested
        with pytest.raises((AttributeError, TypeError)):
            each.other = 5  # type: ignore[attr-defined]  # what is tested
        assert type(each) is nfs3.nfstime3
        assert pickle.loads(pickle.dumps(each)) == value
    assert hash(unpacked) == hash(value)
    assert repr(unpacked) == "nfstime3(seconds=1, nseconds=2)"


def test_maker_makes_what_the_class_makes() -> None:
    """The quick constructor's objects are those of the class, and it wants the same number of values."""
    make = maker(nfs3.specdata3)
    assert make(1, 2) == nfs3.specdata3(1, 2)
    with pytest.raises(TypeError):
        make(1)  # type: ignore[call-arg]  # what is tested


def test_unions() -> None:
    """A union has the discriminant under its name and `value`; where it is an optional value it is that or None."""
    assert nfs3.GETATTR3res(nfs3.nfsstat3.NFS3ERR_IO).value is None
    packer = Packer()
    nfs3.pack_post_op_attr(packer, None)
    assert packer.data() == b"\0\0\0\0"
    assert nfs3.unpack_post_op_attr(Unpacker(packer.data())) is None
    with pytest.raises(XDRError, match="bytes expected, not an object of type nfstime3"):
        nfs3.createhow3(nfs3.createmode3.EXCLUSIVE, nfs3.nfstime3(1, 2)).pack(Packer())  # type: ignore[arg-type]  # what is tested
    with pytest.raises(XDRError, match=r"shape: a case expected, not 0|a member of color expected"):
        T.shape.unpack(Unpacker(b"\0\0\0\0"))


class Loop:
    """A transport that hands a call to a program in the same process."""

    def __init__(self, program: Program) -> None:
        self.target = program

    def carry(self, number: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], Any]) -> Any:
        """Pack the arguments, have the procedure done, unpack its result."""
        packer = Packer()
        pack(packer)
        procedure = self.target.procedures[number]
        unpacker = Unpacker(packer.data())
        arguments = procedure.unpack(unpacker)
        unpacker.done()
        result = getattr(self.target, procedure.method)(Call(1, 1, number), *arguments)
        packer = Packer()
        procedure.pack(packer, result)
        unpacker = Unpacker(packer.data())
        value = unpack(unpacker)
        unpacker.done()
        return value


class Torture(T.TORTURE_V1Server):  # type: ignore[misc]  # a module that is loaded has no types
    """The program of the torture description."""

    def torture_echo(self, call: Call, argument: Any) -> Any:
        return argument

    def torture_sum(self, call: Call, argument1: int, argument2: int) -> int:
        return argument1 + argument2

    def torture_join(self, call: Call, argument: bytes) -> bytes:
        return argument * 2

    def torture_forget(self, call: Call, argument: Any) -> None:
        assert argument is T.color.RED


def test_client_stub_and_server_base_class_fit() -> None:
    """A stub's calls reach the methods of a program, with any number of arguments, and the results come back."""

    class Client(Loop, T.TORTURE_V1Client):  # type: ignore[misc]  # the same
        _call = Loop.carry

    client = Client(Torture())
    assert isinstance(client, Stub)
    assert client.torture_null() is None
    assert client.torture_sum(-2, 2**40) == 2**40 - 2
    assert client.torture_join(b"ab") == b"abab"
    assert client.torture_forget(T.color.RED) is None
    assert (client.program, client.version) == (0x20000099, 1)
    assert (Torture.number, Torture.version, Torture.name) == (0x20000099, 1, "TORTURE_PROG")
    with pytest.raises(XDRError, match="at most 32 bytes expected"):
        client.torture_join(b"x" * 17)


def test_asynchronous_stub() -> None:
    """The asynchronous stub has the same methods, to be awaited."""

    class Client(Loop, T.TORTURE_V1AsyncClient):  # type: ignore[misc]  # the same
        async def _call(self, *arguments: Any) -> Any:
            return self.carry(*arguments)

    client = Client(Torture())
    assert isinstance(client, AsyncStub)
    assert asyncio.run(client.torture_sum(1, 2)) == 3
    assert asyncio.run(client.torture_null()) is None


def test_a_program_must_have_every_procedure() -> None:
    """A subclass that lacks a procedure cannot be made; procedure 0 does nothing by itself."""

    class Partial(T.TORTURE_V1Server):  # type: ignore[misc]  # the same
        pass

    with pytest.raises(TypeError, match="torture_echo"):
        Partial()
    assert T.TORTURE_V1Server.torture_null(None, None) is None


def test_a_listing_of_rpcbind() -> None:
    """The port mapper's list, linked on the wire, is a tuple here."""
    packer = Packer()
    rpcbind.pack_pmaplist_ptr(packer, (rpcbind.pmaplist(rpcbind.mapping(100000, 2, 6, 111)),))
    assert packer.data() == bytes.fromhex("00000001 000186a0 00000002 00000006 0000006f 00000000")


def test_load_names_its_lines_in_tracebacks() -> None:
    """Where a loaded description's code fails, the traceback shows the line."""
    try:
        T.scalars(None, 0, 0, 0, 0.0, 0.0, True, T.color.RED, *[0] * 7).pack(Packer())
    except XDRError as error:
        shown = "".join(traceback.format_exception(error))
    assert "torture.x" in shown
    assert "packer.refuse" in shown


def test_command_writes_to_stdout_or_a_file(tmp_path: Path) -> None:
    """`plugserve-rpcgen` writes the module to stdout, or whole to a file; it reads `-` from stdin."""
    expected = (HERE / "torture_compiled.py").read_text()
    done = rpcgen(HERE / "torture.x")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)
    output = tmp_path / "out.py"
    assert rpcgen(HERE / "torture.x", "-o", output).returncode == 0
    assert output.read_text() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out.py"]
    done = rpcgen("-", text="const A = 1;")
    assert "A: Final = 1" in done.stdout


def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    """A mistake is one line with the place, no traceback, and leaves no file."""
    path = tmp_path / "wrong.x"
    path.write_text("struct a {\n    int 5;\n};\n")
    done = rpcgen(path, "-o", tmp_path / "out.py")
    assert done.returncode == 1
    assert done.stderr == f"Error: {path}:2:9: * or a name expected, not '5'\n"
    assert not (tmp_path / "out.py").exists()
    done = rpcgen(tmp_path / "gone.x")
    assert done.stderr == f"Error: {tmp_path / 'gone.x'}: No such file or directory\n"
    done = rpcgen(HERE / "torture.x", "-o", tmp_path / "gone" / "out.py")
    assert done.stderr == f"Error: {tmp_path / 'gone' / 'out.py'}: No such file or directory\n"


def test_empty_descriptions_compile() -> None:
    """A description may have nothing, constants only, or structs without numbers."""
    for text in ("", "/* nothing */", "const A = 1;", "struct a { string x<>; };", "typedef int a;"):
        assert generate(parse_text(text, "some.x")).startswith('"""Compiled from some.x by plugserve-rpcgen.')
    with pytest.raises(DescriptionError):
        parse_text("struct", "some.x")
