"""Certificates are swapped under load: how many handshakes fail.

    .audit/venv/bin/python tests/tls/swap_certificates.py [--swaps 1000] [--engine multiplexing]

Clients connect as fast as they can, and verify the server, while its key and its certificate are replaced, one after
the other, as a tool that renews them does; in every tenth swap both are written in pieces, incomplete meanwhile.
After each swap a client waits until it is shown the new certificate.
"""

from __future__ import annotations

import argparse
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from serving import Certificates, connect, served

CLIENTS = 3


class Load:
    """Clients that go on until they are told to stop.

    Parameters:
        port: of the server.
        trusted: the file of the authority.
    """

    def __init__(self, port: int, trusted: Path) -> None:
        self._port = port
        self._trusted = trusted
        self._going = True
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        self.handshakes = 0
        self.serials: set[str] = set()
        self.failures: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going = False
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while self._going:
            self.once()

    def once(self) -> str:
        """One connection, with a word and its echo: the serial number of the certificate that was shown."""
        context = ssl.create_default_context(cafile=str(self._trusted))
        serial = ""
        try:
            with context.wrap_socket(connect(self._port), server_hostname="localhost") as client:
                found = client.getpeercert()
                serial = str(found["serialNumber"]) if found else ""
                client.sendall(b"word")
                if client.recv(100) != b"word":
                    raise ValueError("no echo")
        except (OSError, ValueError) as error:
            with self._lock:
                self.failures.append(f"{type(error).__name__}: {error}")
            return ""
        with self._lock:
            self.handshakes += 1
            self.serials.add(serial)
        return serial


def swap(certificates: Certificates, load: Load, *, in_pieces: bool) -> None:
    """Swap once, and wait until the new certificate is shown."""
    before = load.once()
    certificates.issue(meanwhile=load.once if in_pieces else None)
    until = time.monotonic() + 30
    while load.once() in (before, ""):
        if time.monotonic() > until:
            raise SystemExit("the new certificate is not in use after 30 seconds")


def main() -> int:
    """Swap and count; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--engine", default="multiplexing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        certificates = Certificates(Path(name))
        handler = {"imports": "from plugserve_simple import EchoHandler", "handler": "EchoHandler"}
        with (
            served(given.engine, certificates, options=", reload_interval=0.0", **handler) as port,
            Load(port, certificates.trusted) as load,
        ):
            for number in range(given.swaps):
                swap(certificates, load, in_pieces=number % 10 == 9)
    print(
        f"{given.engine}: {given.swaps} swaps, {len(load.serials)} certificates shown, {load.handshakes} handshakes, "
        f"{len(load.failures)} failed"
    )
    for failure in sorted(set(load.failures)):
        print(f"  {failure}")
    return 1 if load.failures or len(load.serials) != given.swaps + 1 else 0


if __name__ == "__main__":
    sys.exit(main())
