from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import ProtocolError
from plugserve_sunrpc.message import (
    NO_AUTH,
    Accepted,
    AcceptStatus,
    AuthStatus,
    CallMessage,
    Denied,
    MessageError,
    OpaqueAuth,
    RefusedCall,
    RejectStatus,
    decode_call,
    decode_reply,
    encode_accepted,
    encode_auth_error,
    encode_call,
    encode_program_mismatch,
    encode_rpc_mismatch,
    encode_success,
)

UINT = st.integers(0, 2**32 - 1)
AUTH = st.builds(OpaqueAuth, UINT, st.binary(max_size=400))
CALLS = st.builds(CallMessage, UINT, UINT, UINT, UINT, AUTH, AUTH, st.binary(max_size=64))


def words(*numbers: int) -> bytes:
    """Numbers as the wire has them."""
    return struct.pack(f">{len(numbers)}I", *numbers)


def encoded(call: CallMessage) -> bytes:
    """A call in bytes."""
    return encode_call(
        call.xid, call.program, call.version, call.procedure, call.arguments, call.credential, call.verifier
    )


@given(CALLS)
def test_a_call_comes_back_as_it_was(call: CallMessage) -> None:
    """With every credential and verifier that fits."""
    assert decode_call(encoded(call)) == call


def test_the_bytes_of_a_call_are_those_of_the_rfc() -> None:
    """NULL of rpcbind with AUTH_NONE: section 9."""
    assert encode_call(7, 100000, 2, 0) == words(7, 0, 2, 100000, 2, 0, 0, 0, 0, 0)
    assert decode_call(words(7, 0, 2, 100000, 2, 0, 0, 0, 0, 0) + b"rest") == CallMessage(
        7, 100000, 2, 0, NO_AUTH, NO_AUTH, b"rest"
    )


@given(UINT, AUTH, st.binary(max_size=40))
def test_results_come_back_as_they_were(xid: int, verifier: OpaqueAuth, results: bytes) -> None:
    """With any verifier."""
    assert decode_reply(encode_success(xid, results, verifier)) == Accepted(
        xid, verifier, AcceptStatus.SUCCESS, results=results
    )


REPLIES: list[tuple[bytes, Any]] = [
    (encode_success(5), Accepted(5, NO_AUTH, AcceptStatus.SUCCESS)),
    (encode_program_mismatch(5, 2, 4), Accepted(5, NO_AUTH, AcceptStatus.PROG_MISMATCH, 2, 4)),
    (encode_rpc_mismatch(5), Denied(5, RejectStatus.RPC_MISMATCH, 2, 2)),
    *(
        (encode_accepted(5, status), Accepted(5, NO_AUTH, status))
        for status in AcceptStatus
        if status not in {AcceptStatus.SUCCESS, AcceptStatus.PROG_MISMATCH}
    ),
    *((encode_auth_error(5, why), Denied(5, RejectStatus.AUTH_ERROR, auth=why)) for why in AuthStatus),
]


@pytest.mark.parametrize(("data", "reply"), REPLIES)
def test_every_state_of_a_reply_is_written_and_read(data: bytes, reply: Any) -> None:
    """Accepted and denied, all statuses of section 9."""
    assert decode_reply(data) == reply


@pytest.mark.parametrize(("data", "reply"), REPLIES)
def test_a_reply_that_ends_early_or_late_is_refused(data: bytes, reply: Any) -> None:
    """Results aside, whose length only their description knows."""
    for end in range(len(data)):
        with pytest.raises(MessageError):
            decode_reply(data[:end])
    if reply != REPLIES[0][1]:
        with pytest.raises(MessageError, match="4 bytes are left"):
            decode_reply(data + b"\0\0\0\0")


def test_another_version_of_rpc_is_answered_with_the_right_one() -> None:
    """Also where the rest of the call is not what version 2 has."""
    for data in (words(9, 0, 3, 1, 1, 0, 0, 0, 0, 0), words(9, 0, 3)):
        with pytest.raises(RefusedCall, match="RPC version 2 expected, not 3") as caught:
            decode_call(data)
        assert decode_reply(caught.value.reply) == Denied(9, RejectStatus.RPC_MISMATCH, 2, 2)


@pytest.mark.parametrize(
    ("tail", "status"),
    [
        (words(1, 401), AuthStatus.AUTH_BADCRED),
        (words(1, 2**32 - 1), AuthStatus.AUTH_BADCRED),
        (words(1, 12) + b"four", AuthStatus.AUTH_BADCRED),
        (words(1, 3) + b"abc\1" + words(0, 0), AuthStatus.AUTH_BADCRED),
        (words(0, 0, 1, 401), AuthStatus.AUTH_BADVERF),
        (words(0, 0, 1, 5) + b"four", AuthStatus.AUTH_BADVERF),
        (words(1, 4, 0), AuthStatus.AUTH_BADVERF),
    ],
)
def test_a_credential_or_verifier_beyond_400_bytes_or_the_message_is_answered(tail: bytes, status: AuthStatus) -> None:
    """AUTH_BADCRED or AUTH_BADVERF, by which it is."""
    data = words(9, 0, 2, 1, 1, 0) + tail
    with pytest.raises(RefusedCall) as caught:
        decode_call(data.ljust(40, b"\0") if len(data) < 40 else data)
    assert decode_reply(caught.value.reply) == Denied(9, RejectStatus.AUTH_ERROR, auth=status)


def test_a_credential_too_long_is_not_sent() -> None:
    """401 bytes."""
    with pytest.raises(MessageError, match="at most 400 bytes"):
        encode_call(1, 2, 3, 4, credential=OpaqueAuth(1, bytes(401)))


def test_a_reply_is_no_call_and_a_call_no_reply() -> None:
    """So that nobody makes two servers talk to each other by a forged source address."""
    with pytest.raises(MessageError, match="a call, message type 0, expected"):
        decode_call(encode_success(1, bytes(40)))
    with pytest.raises(MessageError, match="a reply, message type 1, expected"):
        decode_reply(encode_call(1, 2, 3, 4))


@given(st.binary(max_size=120))
def test_any_bytes_give_a_message_or_the_protocol_error(data: bytes) -> None:
    """Nothing else ever, in either direction."""
    for decode in (decode_call, decode_reply):
        try:
            decode(data)
        except ProtocolError:
            pass


@given(CALLS, st.data())
def test_a_damaged_call_gives_a_message_or_the_protocol_error(call: CallMessage, data: st.DataObject) -> None:
    """One word replaced, and the end cut off."""
    good = bytearray(encoded(call))
    at = data.draw(st.integers(0, len(good) // 4 - 1)) * 4
    good[at : at + 4] = words(data.draw(st.sampled_from([0, 1, 2, 400, 401, 2**31, 2**32 - 1]) | UINT))
    bad = bytes(good[: data.draw(st.integers(0, len(good)))])
    for decode in (decode_call, decode_reply):
        try:
            decode(bad)
        except ProtocolError:
            pass
