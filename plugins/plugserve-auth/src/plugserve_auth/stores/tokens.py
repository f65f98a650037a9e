"""Static tokens in a text file: one a line, kept as SHA-256, so that the file is no use to whoever reads it.

```text
backup sha256=<64 hexadecimal digits> groups=machines expires=2027-01-31
```

Such tokens are long and random (`plugserve-auth token add` makes them), so that a fast hash serves: there is nothing
to guess. A name may have several, which is how one takes the place of another.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from plugserve import Identity
from plugserve_auth.entry_file import BadEntry, EntryFile, check_name, parse_entries

__all__ = ["TOKEN_LIMIT", "TokenFile", "token_line"]

TOKEN_LIMIT: Final = 8192
"""Characters of a token; a longer one is refused before anything is computed of it."""

_PREFIX: Final = 8


@dataclass(frozen=True, slots=True)
class _Token:
    digest: bytes = field(repr=False)
    identity: Identity
    expires: float | None
    disabled: bool


class TokenFile:
    """Tokens in a text file, which is read again when it changes.

    Parameters:
        file: its path. Others than its owner and group must not be able to read it.
        clock: seconds since the epoch; for tests.
    """

    def __init__(self, *, file: Path | str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = EntryFile(file, _parse, remedy="make it with plugserve-auth token add FILE NAME")

    def activate(self) -> None:
        """Read the file."""
        self._file.load()

    def check_token(self, token: str) -> Identity | None:
        """Who carries this token."""
        if len(token) > TOKEN_LIMIT:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        # The part that finds it may be told by time: it is eight bytes of a hash, from which nobody gets any further.
        for known in self._file.current().get(digest[:_PREFIX], ()):
            if hmac.compare_digest(known.digest, digest):
                if known.disabled or (known.expires is not None and known.expires <= self._clock()):
                    return None
                return known.identity
        return None

    def __repr__(self) -> str:
        return f"TokenFile(file={str(self._file.path)!r})"


def token_line(name: str, token: str, *, groups: Iterable[str] = (), expires: str | None = None) -> str:
    """A new entry.

    Parameters:
        name: whom the token stands for.
        token: at least 128 random bits, as text.
        groups: those of its bearer.
        expires: a date or a time of ISO 8601, UTC if it does not say; None: never.

    Errors: `BadEntry`.
    """
    words = [check_name(name), f"sha256={hashlib.sha256(token.encode()).hexdigest()}"]
    groups = sorted(groups)
    for group in groups:
        if "," in check_name(group):
            raise BadEntry("the name of a group has no commas")
    if groups:
        words.append(f"groups={','.join(groups)}")
    if expires is not None:
        _moment(expires)
        # ISO 8601 lets anything stand between date and time, and here a space would end the word.
        words.append(f"expires={''.join('T' if char.isspace() else char for char in expires)}")
    return " ".join(words)


def _parse(text: str) -> Mapping[bytes, tuple[_Token, ...]]:
    found: dict[bytes, tuple[_Token, ...]] = {}
    for entry in parse_entries(text, keys=("sha256", "groups", "expires"), words=("disabled",)):
        try:
            try:
                digest = bytes.fromhex(entry.values.get("sha256", ""))
            except ValueError:
                digest = b""
            if len(digest) != hashlib.sha256().digest_size:
                raise BadEntry("sha256= is missing or is not 64 hexadecimal digits: add the token anew")
            expires = _moment(entry.values["expires"]) if "expires" in entry.values else None
        except BadEntry as error:
            raise BadEntry(f"line {entry.line}: {error}") from None
        identity = Identity(entry.name, "token", entry.listed("groups"))
        token = _Token(digest, identity, expires, "disabled" in entry.words)
        found[digest[:_PREFIX]] = (*found.get(digest[:_PREFIX], ()), token)
    return found


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadEntry("expires= is neither a date nor a time such as 2027-01-31 or 2027-01-31T12:00:00Z") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
