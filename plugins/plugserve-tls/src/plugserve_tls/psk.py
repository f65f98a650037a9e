"""Pre-shared keys in place of certificates (RFC 4279, RFC 8446 section 4.2.11), from Python 3.13 on."""

from __future__ import annotations

import os
import ssl
import stat
import threading
from pathlib import Path

from plugserve import ConfigurationError

__all__ = ["PreSharedKeys"]

_LEAST = 16
"""Bytes of a key at least."""


class PreSharedKeys:
    """A file of lines `IDENTITY:KEY`, the key in hexadecimal digits, `#` for comments.

    Parameters:
        file: its path.

    Errors: `ConfigurationError` with the line that cannot be understood; where Python is too old.
    """

    def __init__(self, file: Path) -> None:
        if not getattr(ssl, "HAS_PSK", False):
            raise ConfigurationError(
                "this Python cannot serve pre-shared keys: use Python 3.13, or certificates",
                option="psk_file",
            )
        self._keys = _read(file)
        self._found = threading.local()

    def use(self, context: ssl.SSLContext) -> None:
        """Have a context accept these keys."""
        context.set_psk_server_callback(self._find)  # type: ignore[attr-defined, unused-ignore]  # since Python 3.13

    def _find(self, identity: str | None) -> bytes:
        key = self._keys.get(identity or "")
        self._found.identity = identity if key is not None else None
        return key or b""

    def take(self) -> str | None:
        """The identity that was found in this thread since this was asked last; None if none was."""
        identity: str | None = getattr(self._found, "identity", None)
        self._found.identity = None
        return identity


def _read(file: Path) -> dict[str, bytes]:
    """Errors are raised here, in a frame that holds no key: tools that report errors with local variables exist."""
    try:
        mode = file.stat().st_mode
        keys = _parse(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}", option="psk_file") from error
    if os.name == "posix" and mode & stat.S_IROTH:
        raise ConfigurationError(f"{file} can be read by everybody here: chmod o-r {file}", option="psk_file")
    if isinstance(keys, int):
        # Not the line itself: it holds the key.
        raise ConfigurationError(
            f"{file}:{keys}: a line is IDENTITY:KEY, the key at least {_LEAST} bytes in hexadecimal digits",
            option="psk_file",
        )
    if not keys:
        raise ConfigurationError(f"{file} holds no key: nobody could be admitted", option="psk_file")
    return keys


def _parse(data: bytes) -> dict[str, bytes] | int:
    """The keys by their identities, or the number of the first line that cannot be understood."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(data.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        identity, _, digits = line.rpartition(b":")
        try:
            key = bytes.fromhex(digits.decode("ascii"))
            if not identity or len(key) < _LEAST:
                return number
            keys[identity.decode()] = key
        except ValueError:
            return number
    return keys
