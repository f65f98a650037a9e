"""Programs as a server has them: from a message to a reply, without I/O.

The order of the checks is that of the C implementations: authentication, then program, version, procedure, arguments.
So nobody learns which programs there are whom the server does not know.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from plugserve import ConfigurationError
from plugserve.faults import report

from .auth import Authenticated, AuthenticationFailed, Flavour
from .message import (
    NO_AUTH,
    AcceptStatus,
    AuthStatus,
    CallMessage,
    decode_call,
    encode_accepted,
    encode_auth_error,
    encode_program_mismatch,
    encode_success,
)
from .program import Call, NoReply, Program
from .xdr import Packer, Unpacker, XDRError

__all__ = ["Entry", "Job", "Service", "do"]


class Entry(NamedTuple):
    """A procedure that can be called.

    Parameters:
        name: for the log.
        method: of the program's object.
        unpack: the arguments, as a tuple.
        pack: the result.
        beside: whether it blocks, or is asynchronous.
        idempotent: whether it may be done twice.
    """

    name: str
    method: Callable[..., Any]
    unpack: Callable[[Unpacker], tuple[Any, ...]]
    pack: Callable[[Packer, Any], object]
    beside: bool
    idempotent: bool


class Job(NamedTuple):
    """A call that is ready to be done: everything but its procedure has been looked at.

    Parameters:
        entry: the procedure.
        call: what it is told of the call.
        arguments: what it is called with.
        authenticated: what the flavour said.
    """

    entry: Entry
    call: Call
    arguments: tuple[Any, ...]
    authenticated: Authenticated


_NOBODY: Final = Authenticated()


class Service:
    """Several programs and versions.

    Parameters:
        programs: objects of what `plugserve-rpcgen` wrote, one a version. Procedure 0 answers by itself where a
            program has none (RFC 5531, section 12.1: it does nothing, by convention).

    Errors: `ConfigurationError` for what is no program, or the same version of one twice.
    """

    def __init__(self, programs: Iterable[Program]) -> None:
        self.programs = tuple(programs)
        self._entries: dict[tuple[int, int, int], Entry] = {}
        self._versions: dict[int, set[int]] = {}
        for program in self.programs:
            self._add(program)

    @property
    def versions(self) -> Mapping[int, set[int]]:
        """The versions of each program."""
        return self._versions

    def _add(self, program: Program) -> None:
        if isinstance(program, type) or not isinstance(program, Program):
            raise ConfigurationError(
                f"a program must be an object of a class that plugserve-rpcgen wrote, or of a subclass; "
                f"{program!r} is not: write {getattr(program, '__name__', 'OracleServer')}()"
            )
        versions = self._versions.setdefault(program.number, set())
        if program.version in versions:
            raise ConfigurationError(
                f"version {program.version} of program {program.number} ({program.name}) is there twice: leave one out"
            )
        versions.add(program.version)
        null = Entry(f"{program.name} 0", _null, _unpack_nothing, _pack_nothing, False, True)
        self._entries[program.number, program.version, 0] = null
        for number, procedure in program.procedures.items():
            method = getattr(program, procedure.method)
            beside = (
                program.blocks
                or getattr(method, "plugserve_blocks", False)
                or inspect.iscoroutinefunction(method)
                # A callable object may have either on its __call__.
                or inspect.iscoroutinefunction(getattr(method, "__call__", None))  # noqa: B004
            )
            name = f"{program.name} version {program.version}, {procedure.method}"
            self._entries[program.number, program.version, number] = Entry(
                name,
                method,
                procedure.unpack,
                procedure.pack,
                bool(beside) and number != 0,
                number == 0 or number in program.idempotent,
            )

    def take(self, data: bytes, flavours: Mapping[int, Flavour], known: Iterable[int], handler: Any) -> bytes | Job:
        """Read a call, and judge it.

        Parameters:
            data: a whole message.
            flavours: those that are taken, by number.
            known: numbers of flavours that are known and not taken.
            handler: what the procedure will find the connection by.
        Returns: the call to be done, or a reply that needs no procedure.
        Raises: `MessageError` for what is no call; `RefusedCall` with the reply; `NoReply`.
        """
        message = decode_call(data)
        xid, program, version, procedure, credential, verifier, arguments = message
        call = Call(program, version, procedure, xid, credential, None, handler)
        if procedure and handler.refuses_clear:
            return encode_auth_error(xid, AuthStatus.AUTH_TOOWEAK)
        # AUTH_NONE is looked at here, since most NULL calls, and all of many small services, have it.
        if credential is NO_AUTH and verifier is NO_AUTH and (0 in flavours or procedure == 0):
            authenticated = _NOBODY
        else:
            try:
                authenticated = _authenticated(message, call, data, flavours, known)
            except AuthenticationFailed as failure:
                return encode_auth_error(xid, failure.status)
        entry = self._entries.get((program, version, procedure))
        if entry is None:
            if authenticated.start_tls:
                # A client goes by the verifier of any reply that is accepted (RFC 9289, section 4.1). Nothing is
                # started for a program that is not here, so it does not say so.
                authenticated = _NOBODY
            return self._unavailable(xid, program, version, authenticated)
        if authenticated.results is not None:
            handler.told(authenticated)
            return encode_success(xid, authenticated.results, authenticated.verifier)
        call.identity = handler.connection_identity if authenticated.identity is None else authenticated.identity
        if authenticated.arguments is not None:
            arguments = authenticated.arguments
        unpacker = Unpacker(arguments)
        try:
            values = entry.unpack(unpacker)
            unpacker.done()
        except XDRError:
            return encode_accepted(xid, AcceptStatus.GARBAGE_ARGS, authenticated.verifier)
        return Job(entry, call, values, authenticated)

    def _unavailable(self, xid: int, program: int, version: int, authenticated: Authenticated) -> bytes:
        versions = self._versions.get(program)
        if versions is None:
            return encode_accepted(xid, AcceptStatus.PROG_UNAVAIL, authenticated.verifier)
        if version not in versions:
            return encode_program_mismatch(xid, min(versions), max(versions), authenticated.verifier)
        return encode_accepted(xid, AcceptStatus.PROC_UNAVAIL, authenticated.verifier)


def _authenticated(
    message: CallMessage, call: Call, data: bytes, flavours: Mapping[int, Flavour], known: Iterable[int]
) -> Authenticated:
    number = message.credential.flavour
    flavour = flavours.get(number)
    if flavour is not None:
        return flavour.authenticate(message, call, data)
    if message.procedure == 0 and number in known:
        # Procedure 0 asks for no authentication (RFC 5531, section 12.1).
        return _NOBODY
    if number in known:
        raise AuthenticationFailed(AuthStatus.AUTH_TOOWEAK)
    raise AuthenticationFailed(AuthStatus.AUTH_REJECTEDCRED)


def do(job: Job) -> bytes | None:
    """Call a procedure. What it raises is the server's fault: the log is told, and the caller SYSTEM_ERR.

    Returns: the reply; None if there is to be none.
    """
    entry, call, arguments, authenticated = job
    try:
        result = entry.method(call, *arguments)
        if hasattr(result, "__await__"):
            result = _awaited(result)
        packer = Packer()
        entry.pack(packer, result)
        results = packer.data()
        if authenticated.wrap is not None:
            results = authenticated.wrap(results)
        return encode_success(call.xid, results, authenticated.verifier)
    except NoReply:
        return None
    except AuthenticationFailed as failure:
        return encode_auth_error(call.xid, failure.status)
    except Exception as exception:
        report(f"procedure {entry.name}", exception)
        return encode_accepted(call.xid, AcceptStatus.SYSTEM_ERR, authenticated.verifier)


def _awaited(result: Any) -> Any:
    """The result of an asynchronous procedure, in a loop of its own: wherever this runs may block."""
    import asyncio

    async def wait() -> Any:
        return await result

    return asyncio.run(wait())


def _null(call: Call) -> None:
    """Procedure 0."""


def _unpack_nothing(unpacker: Unpacker) -> tuple[Any, ...]:
    return ()


def _pack_nothing(packer: Packer, value: None) -> None:
    """Void."""
