"""The key of the handles, in a file: they are good after a restart, too."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from plugserve import ConfigurationError

__all__ = ["default_place", "read_or_make"]

_SIZE: Final = 32


def default_place() -> Path:
    """Where the key is unless an option says: in the folder for state of the service (systemd.exec(5)) or user."""
    if service := os.environ.get("STATE_DIRECTORY"):
        return Path(service.split(":")[0]) / "nfs.key"
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "plugserve" / "nfs.key"


def read_or_make(path: Path) -> bytes:
    """The key in a file, which is made if there is none.

    Errors: `ConfigurationError` for a file that cannot be read or made, or has no key in it.
    """
    try:
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            found = _make(path)
    except OSError as error:
        raise ConfigurationError(
            f"option 'key': {path}: {error.strerror}: give the path of a file that may be made", option="key"
        ) from None
    if len(found) < _SIZE:
        raise ConfigurationError(
            f"option 'key': {path} has {len(found)} bytes, and {_SIZE} are needed: give another path, or remove it",
            option="key",
        )
    return found


def _make(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Linked when it is whole: of two servers that start at once, both have the key of the first.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SIZE))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
    finally:
        os.unlink(draft)
    return path.read_bytes()
