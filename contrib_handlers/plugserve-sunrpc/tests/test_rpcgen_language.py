from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from plugserve_sunrpc import DescriptionError, Packer, Unpacker, XDRError, load

RPCSVC = Path("/usr/include/rpcsvc")


def compiled(folder: Path, text: str, **files: str) -> ModuleType:
    """The module of a description, in a folder with other files."""
    for name, content in files.items():
        (folder / f"{name}.x").write_text(content)
    path = folder / "test.x"
    path.write_text(text)
    return load(path)


ERRORS = [
    ("struct a {\n  int x\n};", "3:1", "; or < or [ expected, not '}'"),
    ("const A = ;", "1:11", "a name or a number or a string expected, not ';'"),
    ("const A = 1", "1:12", "; expected, but the description ends here"),
    ("struct a { int x; };\nstruct b { nothing y; };", "2:12", "a type expected: 'nothing' is not defined"),
    ("struct a { int x; };\nstruct a { int y; };", "2:8", "a new name expected: a is defined at"),
    ("struct a { int x; int x; };", "1:23", "a new name expected: x is at"),
    ("enum a { A = 1 };\nenum b { A = 1 };", "2:10", "a new name expected: A is defined at"),
    ("const A = B;", "1:11", "a number or the name of a constant expected, not 'B'"),
    ("const A = A;", "1:11", "a value expected for A, which is defined by itself"),
    ("const A = 09;", "1:11", "an octal number expected after 0, not '09'"),
    ("typedef opaque a<-1>;", "1:18", "a size from 0 to 4294967295 expected, not -1"),
    ("typedef opaque a[];", "1:18", "a name or a number expected, not ']'"),
    ("typedef a b; typedef b a;", "1:9", "which is defined by itself"),
    ("typedef a *a;", "1:12", "a struct expected on the way from a to itself"),
    ("typedef b a<>; typedef a b<>;", "1:11", "a struct expected on the way from a to itself"),
    ("struct a { int i; a inner; };", "1:8", "an optional value or an array expected on the way from a to itself"),
    ("struct a { b x; }; struct b { a y; };", "1:8", "an optional value or an array expected"),
    ("enum e { A = 0 };\nunion u switch (e x) { case 7: void; };", "2:29", "a member of e expected, not 7"),
    ("union u switch (int x) {\ncase 1: void;\ncase 1: int y; };", "3:6", "a case that is not there yet expected"),
    ("union u switch (float x) { case 1: void; };", "1:23", "an int, unsigned int, bool or enum expected"),
    ("union u switch (bool x) { case 2: void; };", "1:32", "TRUE or FALSE expected, not 2"),
    ("struct a { void; };", "1:12", "a name or another type expected, not 'void'"),
    ("program P { version V { void F(void) = 1; void G(void) = 1; } = 1; } = 1;", "1:48", "F is 1"),
    ("program P { version V { void F(int, void) = 1; } = 1; } = 1;", "1:30", "void expected to stand alone"),
    ("#ifdef A\nstruct a { int x; };", "1:1", "#endif expected"),
    ("int x;\n#endif", "2:1", "#endif without an #if before it"),
    ('#include "gone.x"', "1:1", "the included description gone.x is not in"),
    ("#error no", "1:1", "#error no"),
    ("/* é */ struct a { $ };", "1:20", "not '$'"),
]


@pytest.mark.parametrize("text, place, message", ERRORS)
def test_errors_say_where_and_what_was_expected(tmp_path: Path, text: str, place: str, message: str) -> None:
    """An error begins with file, line and column, and says what was expected there."""
    with pytest.raises(DescriptionError) as caught:
        compiled(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'test.x'}:{place}: ")
    assert message in str(caught.value)


def test_errors_in_an_included_file_name_that_file(tmp_path: Path) -> None:
    """The place of an error is in the file where the text stands, and lines after it count on."""
    with pytest.raises(DescriptionError) as caught:
        compiled(tmp_path, '#include "other.x"\n', other="\n\n  struct ;\n")
    assert str(caught.value) == f"{tmp_path / 'other.x'}:3:10: a name or {{ expected, not ';'" or "3:10" in str(
        caught.value
    )
    with pytest.raises(DescriptionError) as caught:
        compiled(tmp_path, '#include "other.x"\nconst A = B;\n', other="const C = 1;\n\n")
    assert str(caught.value).startswith(f"{tmp_path / 'test.x'}:2:11: ")


def test_a_circle_of_includes_ends(tmp_path: Path) -> None:
    """A file that includes itself is refused."""
    with pytest.raises(DescriptionError, match="includes itself"):
        compiled(tmp_path, '#include "test.x"\n')


def test_preprocessor_lines(tmp_path: Path) -> None:
    """Conditions are evaluated, defines are constants, C is passed over; `RPC_HDR` is defined, as for rpcgen -h."""
    module = compiled(
        tmp_path,
        """\
/* a comment with # and % and
% a line that is none */
#define FIVE 5
#define SIX (FIVE + 1) /* a sum */
#define LONG \\
    7
#define FUNCTION(x) x
#pragma whatever
%#include <stdio.h>
%struct { not ours }; /* nor does this comment go on
%#define C_ONLY 9
%#define TWO_LINES 1 + \\
    2
#ifdef RPC_HDR
const HEADER = 1; // a comment of C++
#else
const HEADER = 2;
#endif
#if !defined(RPC_XDR) && (FIVE == 5 || 0)
const CONDITION = 1;
#elif 1
const CONDITION = 2;
#else
const CONDITION = 3;
#endif
#ifndef FIVE
#if broken (
#endif
nonsense
#elif SIX > 5
const ELIF = 1;
#endif
#undef LONG
typedef opaque data<SIX>;
typedef opaque more<C_ONLY>;
""",
    )
    assert (module.FIVE, module.SIX, module.HEADER, module.CONDITION, module.ELIF) == (5, 6, 1, 1, 1)
    assert module.C_ONLY == 9
    assert not hasattr(module, "LONG")
    packer = Packer()
    module.pack_data(packer, b"sixsix")
    assert packer.data() == b"\0\0\0\6sixsix\0\0"


def test_constants(tmp_path: Path) -> None:
    """Numbers are decimal, hexadecimal, octal or negative, another constant or member; or text, as rpcgen has it."""
    module = compiled(
        tmp_path,
        'const A = 0x1f; const B = 017; const C = -5; const D = A; const E = "text";\n'
        "enum e { ZERO, ONE, SEVEN = 7, EIGHT, AGAIN = A, };\n"
        "const F = EIGHT;",
    )
    assert (module.A, module.B, module.C, module.D, module.E, module.F) == (31, 15, -5, 31, "text", 8)
    assert [int(member) for member in module.e] == [0, 1, 7, 8, 31]


def test_names_that_python_needs(tmp_path: Path) -> None:
    """A name that Python or the module uses gets an underscore, and everything works."""
    module = compiled(
        tmp_path,
        """\
enum class { name = 1, None = 2, real = 3, pass = 4 };
struct Struct { int self; int pack; int unpack; int from; class bytes; string tuple<>; opaque len<>; int int64; };
struct maker { Struct Struct; maker *unpacker; };
typedef int def;
struct a_b { int c; };
struct a { a_b b; };
struct local { a a; a_b a_b; };
union Any switch (class value) { case name: int failure; default: string str<>; };
program import { version lambda { Any return(Struct, maker) = 1; void number(void) = 2; } = 1; } = 2;
""",
    )
    value = module.Struct_(1, 2, 3, 4, module.class_.None_, b"tuple", b"len", 5)
    packer = Packer()
    value.pack(packer)
    assert value.self_ == 1
    assert value.bytes_ is module.class_(2)
    assert module.Struct_.unpack(Unpacker(packer.data())) == value
    nested = module.local(module.a(module.a_b(1)), module.a_b(2))
    packer = Packer()
    nested.pack(packer)
    assert module.local.unpack(Unpacker(packer.data())) == nested
    union = module.Any_(module.class_.pass_, b"text")
    packer = Packer()
    union.pack(packer)
    assert module.Any_.unpack(Unpacker(packer.data())) == union
    assert set(module.lambdaServer.procedures) == {1, 2}


def test_types_inside_types(tmp_path: Path) -> None:
    """Structs, enums and unions may be written where they are used; their names are made of the outer ones."""
    module = compiled(
        tmp_path,
        "struct outer { struct { int x; enum { A, B } y; } inner; union switch (int z) { case 1: hyper h; } u; };\n"
        "typedef struct { int v; } plain; typedef enum { C, D } other;\n"
        "typedef quadruple wide; struct w { wide q; };",
    )
    value = module.outer(module.outer_inner(1, module.outer_inner_y.B), module.outer_u(1, 2**40))
    packer = Packer()
    value.pack(packer)
    assert packer.data() == bytes.fromhex("00000001 00000001 00000001 0000010000000000")
    assert module.outer.unpack(Unpacker(packer.data())) == value
    assert module.plain(5).v == 5
    assert module.w.unpack(Unpacker(bytes(range(16)))).q == bytes(range(16))


def test_linked_lists_by_value_and_optional_values_of_optional_values(tmp_path: Path) -> None:
    """A list's first item may be there always; an optional value of what may be None is a tuple of at most one."""
    module = compiled(
        tmp_path,
        "struct item { int v; item *next; };\n"
        "struct holder { item first; };\n"
        "typedef int *maybe; typedef maybe *perhaps; struct both { perhaps p; maybe m; };\n"
        "union flag switch (bool b) { case TRUE: maybe m; case FALSE: void; };\n",
    )
    value = module.holder((module.item(1), module.item(2)))
    packer = Packer()
    value.pack(packer)
    assert packer.data() == bytes.fromhex("00000001 00000001 00000002 00000000")
    assert module.holder.unpack(Unpacker(packer.data())) == value
    for each in (module.both((), None), module.both((None,), 1), module.both((5,), 6), module.flag(True, None)):
        packer = Packer()
        each.pack(packer)
        assert type(each).unpack(Unpacker(packer.data())) == each


def test_types_that_contain_themselves(tmp_path: Path) -> None:
    """A type may contain itself by way of an array, an optional value or a union."""
    module = compiled(
        tmp_path,
        "struct many { int v; many inner<>; };\n"
        "union ever switch (bool on) { case TRUE: ever next; case FALSE: void; };\n"
        "union expression switch (int kind) { case 1: expression left; case 2: int number; default: void; };\n"
        "struct first { second *s; }; struct second { int v; first f; };\n",
    )
    values = [
        module.many(1, (module.many(2, ()), module.many(3, (module.many(4, ()),)))),
        module.ever(True, module.ever(True, module.ever(False))),
        module.expression(1, module.expression(1, module.expression(2, 5))),
        module.first(module.second(1, module.first(module.second(2, module.first(None))))),
    ]
    for value in values:
        packer = Packer()
        value.pack(packer)
        unpacker = Unpacker(packer.data())
        assert type(value).unpack(unpacker) == value
        unpacker.done()
        with pytest.raises(XDRError, match="nested less deeply"):
            type(value).unpack(Unpacker(packer.data(), depth=1))


def test_what_header_files_know(tmp_path: Path) -> None:
    """Types of <rpc/rpc.h> need no definition; those of a description whose header is included are found."""
    module = compiled(
        tmp_path,
        '%#include "other.h"\nstruct s { u_int a; bool_t b; netobj c; uint64_t d; there e; }; ',
        other="const SIZE = 3; typedef opaque bytes3[SIZE]; struct there { bytes3 x; }; struct unused { int y; };",
    )
    value = module.s(1, True, b"net", 2, module.there(b"abc"))
    packer = Packer()
    value.pack(packer)
    assert module.s.unpack(Unpacker(packer.data())) == value
    assert not hasattr(module, "unused")


def descriptions() -> list[Path]:
    """The descriptions of Debian's rpcsvc-proto."""
    return sorted(RPCSVC.glob("*.x"))


def test_all_descriptions_of_rpcsvc_proto_compile() -> None:
    """Every `.x` file of Debian's package compiles to a module that can be imported."""
    found = descriptions()
    if not found:
        message = "rpcsvc-proto is not installed: apt-get install rpcsvc-proto"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    assert len(found) >= 12
    for path in found:
        assert load(path).__doc__
