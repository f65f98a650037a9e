"""Passwords in a text file: one entry a line, with an argon2id hash (RFC 9106) and keys for SCRAM (RFC 5802).

```text
alice argon2=$argon2id$v=19$m=65536,t=3,p=4$... scram-sha-256=65536,<salt>,<stored key>,<server key> groups=staff
bob   argon2=... groups=staff,admins disabled
```

`plugserve-auth` writes it. A line `!decoy key=...` holds the key of what is said to clients about names that are not
there (`decoy_keys`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from plugserve import Identity
from plugserve_auth.entry_file import BadEntry, Entry, EntryFile, check_name, parse_entries
from plugserve_auth.saslprep import TEXT_LIMIT, saslprep

from .store import ScramKeys

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_T = TypeVar("_T")

__all__ = ["HASHES", "PASSWORD_LIMIT", "SCRAM_ITERATIONS", "PasswordFile", "decoy_line", "entry_line", "set_words"]

PASSWORD_LIMIT: Final = TEXT_LIMIT
"""Characters of a password; a longer one is refused before anything is computed of it."""

SCRAM_ITERATIONS: Final = 65536
"""Of PBKDF2, which the client computes at each login. RFC 7677 asks for 4096 and better more."""

HASHES: Final[Mapping[str, str]] = {"sha1": "scram-sha-1", "sha256": "scram-sha-256", "sha512": "scram-sha-512"}
"""The hash functions that SCRAM keys are kept for, by the names of `hashlib`, and what an entry calls them."""

_DECOY: Final = "!decoy"

_MOST_ITERATIONS: Final = 10_000_000
_MOST_MEMORY: Final = 4 * 1024 * 1024
_MOST_TIME: Final = 100
_MOST_LANES: Final = 64
"""The most that an entry may ask for: of PBKDF2, and of argon2id KiB, passes and threads. More is a slip of the hand,
which would take the server down at the first login."""


@dataclass(frozen=True, slots=True)
class _Account:
    identity: Identity
    disabled: bool
    argon2: str | None = field(repr=False)
    scram: Mapping[str, ScramKeys] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Content:
    accounts: Mapping[str, _Account]
    decoy_key: bytes = field(repr=False)
    hashes: Sequence[str] = field(repr=False)
    iterations: Mapping[str, Sequence[int]] = field(repr=False)

    def stands_for(self, name: str, what: Sequence[_T]) -> _T:
        """What a name that is not known, or has none of its own, is given: that of an entry, which one depends on the
        name. So costs are as frequent among the unknown names as among the known ones. With one entry more or less,
        hardly any name is given that of another one."""
        digest = hmac.digest(self.decoy_key, f"costs {name}".encode(), "sha256")
        return what[int.from_bytes(digest[:8]) * len(what) >> 64]


class PasswordFile:
    """Names and passwords in a text file, which is read again when it changes.

    Parameters:
        file: its path. Others than its owner and group must not be able to read it.
    """

    def __init__(self, *, file: Path | str) -> None:
        self._own_key = os.urandom(32)
        self._file = EntryFile(file, self._parse, remedy="make it with plugserve-auth add FILE NAME")

    def activate(self) -> None:
        """Read the file."""
        self._file.load()

    def check_password(self, name: str, password: str) -> Identity | None:
        """Who this is. It computes one argon2id hash, whatever the name: some 50 ms and 64 MiB.

        Errors: `argon2.exceptions.Argon2Error` if it cannot be computed, as where memory is short.
        """
        from argon2 import PasswordHasher
        from argon2.exceptions import VerifyMismatchError

        content = self._file.current()
        account = content.accounts.get(name)
        if len(password) > PASSWORD_LIMIT:
            return None
        kept = account.argon2 if account is not None else None
        try:
            PasswordHasher().verify(content.stands_for(name, content.hashes) if kept is None else kept, password)
        except VerifyMismatchError:
            return None
        return None if account is None or kept is None or account.disabled else account.identity

    def scram_keys(self, name: str, hash_name: str) -> ScramKeys | None:
        """The keys of a name; None for one without."""
        account = self._file.current().accounts.get(name)
        return None if account is None else account.scram.get(hash_name)

    def decoy_keys(self, name: str, hash_name: str) -> ScramKeys:
        """Keys that no password fits, the same at each call while the file's decoy line is."""
        content = self._file.current()
        iterations = content.stands_for(name, content.iterations[hash_name])
        # With other iterations comes another salt, as if the password had been changed.
        salt = hmac.digest(content.decoy_key, f"{hash_name} {iterations} {name}".encode(), "sha256")[:16]
        size = hashlib.new(hash_name).digest_size
        return ScramKeys(salt, iterations, os.urandom(size), os.urandom(size), None)

    def groups_of(self, name: str) -> frozenset[str]:
        """The groups of a name; none for one that is not there."""
        account = self._file.current().accounts.get(name)
        return frozenset() if account is None else account.identity.groups

    def __repr__(self) -> str:
        return f"PasswordFile(file={str(self._file.path)!r})"

    def _parse(self, text: str) -> _Content:
        accounts: dict[str, _Account] = {}
        decoy_key = self._own_key
        for entry in parse_entries(text, keys=("argon2", "groups", "key", *HASHES.values()), words=("disabled",)):
            try:
                if entry.name == _DECOY:
                    decoy_key = _unpacked(entry.values.get("key", ""))
                    if len(decoy_key) < 16:
                        raise BadEntry("key= has less than 16 bytes: remove the line, plugserve-auth add makes it anew")
                elif entry.name in accounts:
                    raise BadEntry(f"{entry.name} stands there twice")
                else:
                    accounts[entry.name] = _account(entry)
            except BadEntry as error:
                raise BadEntry(f"line {entry.line}: {error}") from None
        stand_ins: dict[str, str] = {}
        costs = sorted(_costs(account.argon2) for account in accounts.values() if account.argon2 is not None)
        hashes = [stand_ins.setdefault(each, _hash_of_nothing(each)) for each in costs or [_usual_costs()]]
        iterations = {
            hash_name: sorted(
                account.scram[hash_name].iterations for account in accounts.values() if hash_name in account.scram
            )
            or [SCRAM_ITERATIONS]
            for hash_name in HASHES
        }
        return _Content(accounts, decoy_key, hashes, iterations)


def set_words(name: str, password: str, *, hasher: PasswordHasher | None = None, iterations: int) -> list[str]:
    """The words of an entry that come from its password.

    Parameters:
        name: checked; the password may not be the same.
        password: as typed; it is SASLprep'd.
        hasher: argon2id with its costs; argon2-cffi's own defaults (RFC 9106, section 4, second choice) if None.
        iterations: of PBKDF2, for SCRAM.

    Errors: `BadEntry` for a password that cannot be stored.
    """
    from argon2 import PasswordHasher

    try:
        prepared = saslprep(password, stored=True)
    except ValueError as error:
        raise BadEntry(f"this password cannot be used: {error}") from None
    if not prepared or len(prepared) > PASSWORD_LIMIT:
        raise BadEntry(f"a password has 1 to {PASSWORD_LIMIT} characters")
    if prepared == name:
        raise BadEntry("the password is the name")
    words = [f"argon2={(hasher or PasswordHasher()).hash(prepared)}"]
    for hash_name, key in HASHES.items():
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(hash_name, prepared.encode(), salt, iterations)
        stored = hashlib.new(hash_name, hmac.digest(salted, b"Client Key", hash_name)).digest()
        server = hmac.digest(salted, b"Server Key", hash_name)
        words.append(f"{key}={iterations},{_packed(salt)},{_packed(stored)},{_packed(server)}")
    return words


def entry_line(
    name: str,
    password: str,
    *,
    groups: Iterable[str] = (),
    disabled: bool = False,
    hasher: PasswordHasher | None = None,
    iterations: int = SCRAM_ITERATIONS,
) -> str:
    """A new entry. Parameters and errors as `set_words`; `groups` and `disabled` as they stand in the entry."""
    name = prepared_name(name)
    words = [name, *set_words(name, password, hasher=hasher, iterations=iterations)]
    groups = sorted(groups)
    for group in groups:
        if "," in check_name(group):
            raise BadEntry("the name of a group has no commas")
    if groups:
        words.append(f"groups={','.join(groups)}")
    if disabled:
        words.append("disabled")
    return " ".join(words)


def prepared_name(name: str) -> str:
    """A name as it stands in a file. Errors: `BadEntry`."""
    try:
        name = check_name(saslprep(name, stored=True))
    except BadEntry:
        raise
    except ValueError as error:
        raise BadEntry(f"this name cannot be used: {error}") from None
    if name == _DECOY:
        raise BadEntry("this name has a meaning of its own")
    return name


def decoy_line() -> str:
    """The line with the key of decoys: each file has one of its own, or a restart would tell them from real keys."""
    return f"{_DECOY} key={_packed(os.urandom(32))}"


def _account(entry: Entry) -> _Account:
    kept = entry.values.get("argon2")
    if kept is not None:
        _check_argon2(kept)
    identity = Identity(entry.name, "password", entry.listed("groups"))
    disabled = "disabled" in entry.words
    scram = {
        hash_name: _scram(entry.values[key], hash_name, None if disabled else identity)
        for hash_name, key in HASHES.items()
        if key in entry.values
    }
    return _Account(identity, disabled, kept, scram)


def _check_argon2(kept: str) -> None:
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    if not kept.startswith("$argon2id$"):
        raise BadEntry("argon2= is no hash of argon2id: set the password anew")
    try:
        costs = extract_parameters(kept)
        salt, digest = (_unpacked(part + "=" * (-len(part) % 4)) for part in kept.split("$")[-2:])
    except (InvalidHashError, BadEntry):
        raise BadEntry("argon2= is damaged: set the password anew") from None
    if len(salt) < 8 or len(digest) < 12 or min(costs.time_cost, costs.parallelism, costs.memory_cost // 8) < 1:
        raise BadEntry("argon2= is damaged: set the password anew")
    if costs.memory_cost > _MOST_MEMORY or costs.time_cost > _MOST_TIME or costs.parallelism > _MOST_LANES:
        raise BadEntry(
            f"argon2= costs too much: {_MOST_MEMORY} KiB, {_MOST_TIME} passes and {_MOST_LANES} threads at the most"
        )


def _costs(kept: str) -> str:
    return kept.rsplit("$", 2)[0]


def _usual_costs() -> str:
    from argon2 import PasswordHasher

    usual = PasswordHasher()
    return f"$argon2id$v=19$m={usual.memory_cost},t={usual.time_cost},p={usual.parallelism}"


def _hash_of_nothing(costs: str) -> str:
    """A hash of these costs that no password fits."""
    salt, digest = (_packed(os.urandom(size)).rstrip("=") for size in (16, 32))
    return f"{costs}${salt}${digest}"


def _scram(text: str, hash_name: str, identity: Identity | None) -> ScramKeys:
    parts = text.split(",")
    size = hashlib.new(hash_name).digest_size
    if len(parts) != 4 or not (parts[0].isascii() and parts[0].isdigit()) or len(parts[0]) > 9:
        raise BadEntry(f"{HASHES[hash_name]}= is damaged: set the password anew")
    if not 4096 <= int(parts[0]) <= _MOST_ITERATIONS:
        raise BadEntry(f"{HASHES[hash_name]}= has less than 4096 or more than {_MOST_ITERATIONS} iterations")
    salt, stored, server = (_unpacked(part) for part in parts[1:])
    if not salt or len(stored) != size or len(server) != size:
        raise BadEntry(f"{HASHES[hash_name]}= is damaged: set the password anew")
    if identity is not None:
        identity = Identity(identity.name, HASHES[hash_name], identity.groups)
    return ScramKeys(salt, int(parts[0]), stored, server, identity)


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadEntry("what should be base64 is not: set the password anew") from None
