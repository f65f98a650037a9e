"""Messages of RPC version 2 (RFC 5531): calls and replies, without I/O.

Section 9 of the RFC has the messages in XDR. They are read and written by hand here, since they frame every call: all
numbers of a header that stand at fixed places are unpacked at once.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from plugserve import ProtocolError

from .xdr import PADDING

__all__ = [
    "NO_AUTH",
    "RPC_VERSION",
    "AcceptStatus",
    "Accepted",
    "AuthStatus",
    "CallMessage",
    "Denied",
    "FlavourNumber",
    "MessageError",
    "OpaqueAuth",
    "RefusedCall",
    "RejectStatus",
    "ReplyMessage",
    "decode_call",
    "decode_reply",
    "encode_accepted",
    "encode_auth_error",
    "encode_call",
    "encode_program_mismatch",
    "encode_rpc_mismatch",
    "encode_success",
]

RPC_VERSION: Final = 2
"""The version of the protocol; no other was ever in use."""
AUTH_BODY: Final = 400
"""The most bytes of a credential or verifier (section 8.2)."""

_CALL: Final = 0
_REPLY: Final = 1
_ACCEPTED: Final = 0
_DENIED: Final = 1

# xid, CALL, RPC version, program, version, procedure, then flavour and length of the credential; what follows that are
# flavour and length of the verifier, where the credential has no body.
_CALL_HEADER: Final = struct.Struct(">10I")
_CALL_START: Final = struct.Struct(">6I")
_PAIR: Final = struct.Struct(">2I")
_THREE: Final = struct.Struct(">3I")
_WORD: Final = struct.Struct(">I")
_SUCCESS: Final = struct.Struct(">6I")
_DENIAL: Final = struct.Struct(">4I")


class AcceptStatus(IntEnum):
    """What became of a call that was accepted (section 9, `accept_stat`)."""

    SUCCESS = 0
    PROG_UNAVAIL = 1
    PROG_MISMATCH = 2
    PROC_UNAVAIL = 3
    GARBAGE_ARGS = 4
    SYSTEM_ERR = 5


class RejectStatus(IntEnum):
    """Why a call was denied (section 9, `reject_stat`)."""

    RPC_MISMATCH = 0
    AUTH_ERROR = 1


class AuthStatus(IntEnum):
    """Why authentication failed (section 9, `auth_stat`)."""

    AUTH_OK = 0
    AUTH_BADCRED = 1
    AUTH_REJECTEDCRED = 2
    AUTH_BADVERF = 3
    AUTH_REJECTEDVERF = 4
    AUTH_TOOWEAK = 5
    AUTH_INVALIDRESP = 6
    AUTH_FAILED = 7
    AUTH_KERB_GENERIC = 8
    AUTH_TIMEEXPIRE = 9
    AUTH_TKT_FILE = 10
    AUTH_DECODE = 11
    AUTH_NET_ADDR = 12
    RPCSEC_GSS_CREDPROBLEM = 13
    RPCSEC_GSS_CTXPROBLEM = 14


class FlavourNumber(IntEnum):
    """The registered flavours of authentication that have a name here (section 8.2; RFC 9289, section 7.1)."""

    AUTH_NONE = 0
    AUTH_SYS = 1
    AUTH_SHORT = 2
    AUTH_DH = 3
    RPCSEC_GSS = 6
    AUTH_TLS = 7


class OpaqueAuth(NamedTuple):
    """A credential or a verifier: section 8.2.

    Parameters:
        flavour: the number that says what the body is.
        body: at most 400 bytes.
    """

    flavour: int
    body: bytes


NO_AUTH: Final = OpaqueAuth(0, b"")
"""AUTH_NONE."""


class MessageError(ProtocolError):
    """Bytes that are no message of RPC, and that cannot be answered."""


class RefusedCall(ProtocolError):
    """A call that is well-formed as far as its version of RPC and its authentication, and no further.

    Parameters:
        message: what is wrong.
        reply: the bytes that tell the caller.
    """

    def __init__(self, message: str, reply: bytes) -> None:
        super().__init__(message)
        self.reply = reply


class CallMessage(NamedTuple):
    """A call.

    Parameters:
        xid: the number that the reply repeats.
        program: the program's number.
        version: the program's version.
        procedure: the procedure's number.
        credential: who calls, as he says.
        verifier: what proves it.
        arguments: the rest of the message.
    """

    xid: int
    program: int
    version: int
    procedure: int
    credential: OpaqueAuth
    verifier: OpaqueAuth
    arguments: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A reply to a call that was accepted.

    Parameters:
        xid: of the call.
        verifier: what proves the server's identity.
        status: what became of it.
        low, high: for PROG_MISMATCH, the lowest and highest version of the program that there is.
        results: for SUCCESS, the rest of the message.
    """

    xid: int
    verifier: OpaqueAuth
    status: AcceptStatus
    low: int = 0
    high: int = 0
    results: bytes = b""


@dataclass(frozen=True, slots=True)
class Denied:
    """A reply to a call that was denied.

    Parameters:
        xid: of the call.
        status: why.
        low, high: for RPC_MISMATCH, the lowest and highest version of RPC.
        auth: for AUTH_ERROR, what is wrong; a number of no name is AUTH_FAILED.
    """

    xid: int
    status: RejectStatus
    low: int = 0
    high: int = 0
    auth: AuthStatus = AuthStatus.AUTH_OK


ReplyMessage: TypeAlias = Accepted | Denied


def _encoded(auth: OpaqueAuth) -> bytes:
    """A credential or verifier in bytes."""
    flavour, body = auth
    if len(body) > AUTH_BODY:
        raise MessageError(f"a credential or verifier of at most {AUTH_BODY} bytes expected, not {len(body)}")
    return b"%b%b%b" % (_PAIR.pack(flavour, len(body)), body, PADDING[len(body) & 3])


def _auth(data: bytes, at: int) -> tuple[OpaqueAuth, int]:
    """The credential or verifier at an offset, and the offset behind it.

    Raises: `MessageError`.
    """
    if len(data) < at + 8:
        raise MessageError("a credential or verifier expected, but the message ends")
    flavour, size = _PAIR.unpack_from(data, at)
    at += 8
    if not size:
        return (OpaqueAuth(flavour, b"") if flavour else NO_AUTH), at
    if size > AUTH_BODY:
        raise MessageError(f"a credential or verifier of at most {AUTH_BODY} bytes expected, not {size}")
    end = at + size
    padding = PADDING[size & 3]
    if data[end : end + len(padding)] != padding:
        raise MessageError("fill bytes of zero expected behind a credential or verifier")
    body = data[at:end]
    if len(body) != size:
        raise MessageError(f"a credential or verifier of {size} bytes expected, but the message ends")
    return OpaqueAuth(flavour, body), end + len(padding)


def decode_call(data: bytes) -> CallMessage:
    """Read a call.

    Parameters:
        data: a whole message: a record, or a datagram.
    Raises: `RefusedCall` for another version of RPC, or a credential or verifier that is malformed, with the reply that
        says so; `MessageError` for everything else that is no call.
    """
    if len(data) < 40:
        if len(data) >= 12:
            xid, kind, rpc = _THREE.unpack_from(data)
            if kind == _CALL and rpc != RPC_VERSION:
                raise RefusedCall(f"RPC version 2 expected, not {rpc}", encode_rpc_mismatch(xid))
        raise MessageError(f"a call of at least 40 bytes expected, not {len(data)}")
    xid, kind, rpc, program, version, procedure, flavour, size, proof, proof_size = _CALL_HEADER.unpack_from(data)
    if kind != _CALL:
        raise MessageError(f"a call, message type 0, expected, not {kind}")
    if rpc != RPC_VERSION:
        raise RefusedCall(f"RPC version 2 expected, not {rpc}", encode_rpc_mismatch(xid))
    if not size and not proof_size:
        credential = OpaqueAuth(flavour, b"") if flavour else NO_AUTH
        verifier = OpaqueAuth(proof, b"") if proof else NO_AUTH
        return CallMessage(xid, program, version, procedure, credential, verifier, data[40:])
    status = AuthStatus.AUTH_BADCRED
    try:
        credential, at = _auth(data, 24)
        status = AuthStatus.AUTH_BADVERF
        verifier, at = _auth(data, at)
    except MessageError as error:
        raise RefusedCall(str(error), encode_auth_error(xid, status)) from None
    return CallMessage(xid, program, version, procedure, credential, verifier, data[at:])


def encode_call(
    xid: int,
    program: int,
    version: int,
    procedure: int,
    arguments: bytes = b"",
    credential: OpaqueAuth = NO_AUTH,
    verifier: OpaqueAuth = NO_AUTH,
) -> bytes:
    """A call; the parameters are those of `CallMessage`.

    Raises: `MessageError` for a credential or verifier that is too long.
    """
    start = _CALL_START.pack(xid, _CALL, RPC_VERSION, program, version, procedure)
    return b"".join((start, _encoded(credential), _encoded(verifier), arguments))


def encode_success(xid: int, results: bytes = b"", verifier: OpaqueAuth = NO_AUTH) -> bytes:
    """The reply with a procedure's results.

    Raises: `MessageError` for a verifier that is too long.
    """
    if verifier is NO_AUTH:
        return _SUCCESS.pack(xid, _REPLY, _ACCEPTED, 0, 0, 0) + results
    return b"".join((_THREE.pack(xid, _REPLY, _ACCEPTED), _encoded(verifier), b"\0\0\0\0", results))


def encode_accepted(xid: int, status: AcceptStatus, verifier: OpaqueAuth = NO_AUTH) -> bytes:
    """The reply that says PROG_UNAVAIL, PROC_UNAVAIL, GARBAGE_ARGS or SYSTEM_ERR.

    Raises: `MessageError` for a verifier that is too long.
    """
    return b"".join((_THREE.pack(xid, _REPLY, _ACCEPTED), _encoded(verifier), _WORD.pack(status)))


def encode_program_mismatch(xid: int, low: int, high: int, verifier: OpaqueAuth = NO_AUTH) -> bytes:
    """The reply that says which versions of the program there are: PROG_MISMATCH.

    Raises: `MessageError` for a verifier that is too long.
    """
    start = _THREE.pack(xid, _REPLY, _ACCEPTED)
    return b"".join((start, _encoded(verifier), _THREE.pack(AcceptStatus.PROG_MISMATCH, low, high)))


def encode_rpc_mismatch(xid: int) -> bytes:
    """The reply that says that there is RPC version 2 only: RPC_MISMATCH."""
    return _DENIAL.pack(xid, _REPLY, _DENIED, RejectStatus.RPC_MISMATCH) + _PAIR.pack(RPC_VERSION, RPC_VERSION)


def encode_auth_error(xid: int, status: AuthStatus) -> bytes:
    """The reply that says that authentication failed: AUTH_ERROR."""
    return _DENIAL.pack(xid, _REPLY, _DENIED, RejectStatus.AUTH_ERROR) + _WORD.pack(status)


def decode_reply(data: bytes) -> ReplyMessage:
    """Read a reply.

    Parameters:
        data: a whole message: a record, or a datagram.
    Raises: `MessageError`.
    """
    if len(data) < 16:
        raise MessageError(f"a reply of at least 16 bytes expected, not {len(data)}")
    xid, kind, state = _THREE.unpack_from(data)
    if kind != _REPLY:
        raise MessageError(f"a reply, message type 1, expected, not {kind}")
    if state == _DENIED:
        return _decode_denied(data, xid)
    if state != _ACCEPTED:
        raise MessageError(f"a reply that is accepted, 0, or denied, 1, expected, not {state}")
    verifier, at = _auth(data, 12)
    number = _word(data, at)
    at += 4
    if number == AcceptStatus.SUCCESS:
        return Accepted(xid, verifier, AcceptStatus.SUCCESS, results=data[at:])
    try:
        status = AcceptStatus(number)
    except ValueError:
        raise MessageError(f"a status of a reply from 0 to 5 expected, not {number}") from None
    low = high = 0
    if status is AcceptStatus.PROG_MISMATCH:
        low, high = _word(data, at), _word(data, at + 4)
        at += 8
    _end(data, at)
    return Accepted(xid, verifier, status, low, high)


def _decode_denied(data: bytes, xid: int) -> Denied:
    number = _word(data, 12)
    if number == RejectStatus.RPC_MISMATCH:
        low, high = _word(data, 16), _word(data, 20)
        _end(data, 24)
        return Denied(xid, RejectStatus.RPC_MISMATCH, low, high)
    if number != RejectStatus.AUTH_ERROR:
        raise MessageError(f"a reason of a denial, 0 or 1, expected, not {number}")
    why = _word(data, 16)
    _end(data, 20)
    try:
        return Denied(xid, RejectStatus.AUTH_ERROR, auth=AuthStatus(why))
    except ValueError:
        # New ones are registered with new flavours; whoever asked with an old one learns enough.
        return Denied(xid, RejectStatus.AUTH_ERROR, auth=AuthStatus.AUTH_FAILED)


def _word(data: bytes, at: int) -> int:
    if len(data) < at + 4:
        raise MessageError("more of a reply expected, but the message ends")
    number: int = _WORD.unpack_from(data, at)[0]
    return number


def _end(data: bytes, at: int) -> None:
    if len(data) != at:
        raise MessageError(f"the end of a reply expected, but {len(data) - at} bytes are left")
