"""All contexts of one plugin, made anew when their files change.

What is new is built and proved beside what is in use, and takes its place in one assignment. So a handshake has the old
or the new, never a certificate with another one's key; and if the new cannot be used, the old stays. Connections that
are established keep what they have.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from plugserve import ConfigurationError
from plugserve.faults import report

from .contexts import Pair, Trust, make_context, own_certificate
from .names import Names
from .psk import PreSharedKeys
from .selftest import prove

__all__ = ["Keyring", "Loaded", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """What is to be loaded.

    Parameters:
        pair: the default; None where pre-shared keys take its place.
        names: pairs by the host names that they are for.
        trust: what clients have to show.
        minimum, ciphers, alpn: as of `make_context`.
        psk_file: pre-shared keys; None: no such.
    """

    pair: Pair | None
    names: Mapping[str, Pair] = field(default_factory=dict)
    trust: Trust = field(default_factory=Trust)
    minimum: str = "1.2"
    ciphers: str | None = None
    alpn: tuple[str, ...] = ()
    psk_file: Path | None = None

    @property
    def files(self) -> list[Path]:
        """All that it is read from."""
        pairs = [self.pair] if self.pair is not None else []
        files = [file for pair in (*pairs, *self.names.values()) for file in pair.files]
        return [*files, *self.trust.files, *([self.psk_file] if self.psk_file is not None else [])]


class Loaded:
    """Contexts that are ready.

    Parameters:
        wanted: what they are made of.

    Errors: `ConfigurationError`.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.psk = PreSharedKeys(wanted.psk_file) if wanted.psk_file is not None else None
        self._own: dict[ssl.SSLContext, bytes] = {}
        self.context = self._make(wanted, wanted.pair)
        others = {name: self._make(wanted, pair) for name, pair in wanted.names.items()}
        self._names = Names(others, self.context)
        for context in self._own:
            prove(context)

    def _make(self, wanted: Wanted, pair: Pair | None) -> ssl.SSLContext:
        context = make_context(pair, wanted.trust, minimum=wanted.minimum, ciphers=wanted.ciphers, alpn=wanted.alpn)
        if self.psk is not None:
            self.psk.use(context)
        self._own[context] = own_certificate(context, pair)
        return context

    def choose(self, name: str | None) -> ssl.SSLContext:
        """The context for clients that ask for this name, or for none."""
        return self._names.find(name)

    def own_certificate(self, context: ssl.SSLContext) -> bytes:
        """The certificate that one of these contexts shows, in DER; empty where it shows none."""
        return self._own[context]


class Keyring:
    """What is in use.

    Parameters:
        wanted: what is to be loaded.
        interval: seconds between two looks at the files.
    """

    def __init__(self, wanted: Wanted, interval: float) -> None:
        self._wanted = wanted
        self._interval = interval
        self._seen = self._look()
        self._next = monotonic() + interval
        self.loaded = Loaded(wanted)

    def refresh(self, now: float) -> Loaded:
        """What is to be used for a handshake that begins now.

        Parameters:
            now: what `time.monotonic` says.
        """
        if now >= self._next:
            self._next = now + self._interval
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                self._reload()
        return self.loaded

    def _reload(self) -> None:
        try:
            self.loaded = Loaded(self._wanted)
        except (ConfigurationError, OSError) as error:
            # The reason belongs to the subject: what is wrong now is told though something else was a moment ago.
            report(f"plugin 'tls': the files have changed and cannot be used, the old ones stay: {error}")

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(file) for file in self._wanted.files]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)
    except (OSError, ValueError):  # the second for a name that no file can have
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
