"""The client's side of the preamble, for `plugserve.testing.matrix`: every engine must treat it alike."""

from __future__ import annotations

from typing import Final

from plugserve import Identity
from plugserve.errors import EndOfStream
from plugserve.testing.dialogues import LayerPair

from .plugin import Auth

__all__ = ["LAYERS", "PreambleClient"]


class _OneUser:
    """A store that costs no time."""

    def check_password(self, name: str, password: str) -> Identity | None:
        return Identity(name, "password") if (name, password) == ("alice", "pencil") else None


class PreambleClient:
    """Logs in with PLAIN and goes on without waiting for the server's OK."""

    opened = True
    ended = False

    def __init__(self) -> None:
        self._greeting = b""
        self._lines = 2

    def opening(self) -> bytes:
        """The client's one line: NUL alice NUL pencil."""
        return b"AUTH PLAIN AGFsaWNlAHBlbmNpbA==\r\n"

    def feed(self, raw: bytes) -> bytes:
        """Take the server's two lines away."""
        self.ended = not raw
        if self.ended and self._lines:
            raise EndOfStream(f"the server ended the preamble after {self._greeting!r}")
        while raw and self._lines:
            line, end, raw = raw.partition(b"\n")
            self._greeting += line + end
            if end:
                self._lines -= 1
        if not self._lines and not self._greeting.endswith(b"\r\nOK\r\n"):
            raise EndOfStream(f"the server said {self._greeting!r}")
        return raw

    def encode(self, plain: bytes) -> bytes:
        """Nothing is changed."""
        return plain

    def pending(self) -> bytes:
        """There is nothing more to say."""
        return b""

    def close(self) -> bytes:
        """The end needs no bytes."""
        return b""


def _plugin() -> Auth:
    return Auth(stores=[_OneUser()], plaintext=True, mode="preamble")


LAYERS: Final = [LayerPair("auth", _plugin, PreambleClient)]
