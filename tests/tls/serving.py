"""What the scripts of this folder share: a server that encrypts, in a process of its own, and who signs for it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["Certificates", "connect", "served"]

_SIGNS: Final = "keyUsage=critical,keyCertSign,cRLSign"

# Its last line before it serves says where.
SERVER: Final = """
import sys
from plugserve.discovery import Catalog
from plugserve.errors import ConfigurationError
from plugserve_tls import TLS
{imports}
import plugserve
engine, certificate, key = sys.argv[1:]
catalog = Catalog()
MixIn = catalog.load("engine", engine)
class Server(MixIn, plugserve.TCPServer):
    request_queue_size = 4096
with Server(("127.0.0.1", 0), {handler}, plugins=[TLS(certificate=certificate, key=key{options})]{arguments}) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


class Certificates:
    """An authority for one run, and the certificate for `localhost` that a server has in two files.

    Parameters:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.trusted, self._authority_key = folder / "authority.pem", folder / "authority.key"
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self._fresh = folder / "fresh.pem", folder / "fresh.key"
        _make("an authority of tests", self.trusted, self._authority_key, "basicConstraints=critical,CA:TRUE", _SIGNS)
        self.issue()

    def issue(self, meanwhile: Callable[[], object] | None = None) -> None:
        """Make a new certificate and its key.

        Parameters:
            meanwhile: None: each file is replaced at once, but not both: the key comes first. Otherwise both are
                written in two pieces, as a careless tool does, and this is called whenever that is not done.
        """
        uses = "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth", "keyUsage=digitalSignature"
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        signer = "-CA", str(self.trusted), "-CAkey", str(self._authority_key)
        _make("localhost", *self._fresh, *uses, names, options=signer)
        for fresh, file in zip(reversed(self._fresh), (self.key, self.certificate), strict=True):
            if meanwhile is None:
                fresh.replace(file)
                continue
            data = fresh.read_bytes()
            with file.open("wb", buffering=0) as pieces:
                for piece in (data[:100], data[100:]):
                    meanwhile()
                    pieces.write(piece)
                    meanwhile()

    def for_client(self, name: str) -> tuple[Path, Path]:
        """The files of a client's certificate, and of its key."""
        files = self.trusted.with_name("client.pem"), self.trusted.with_name("client.key")
        uses = "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth", f"subjectAltName=DNS:{name}"
        _make(name, *files, *uses, options=("-CA", str(self.trusted), "-CAkey", str(self._authority_key)))
        return files


def _make(subject: str, certificate: Path, key: Path, *extensions: str, options: tuple[str, ...] = ()) -> None:
    """openssl-req(1): a key on the curve P-256 and a certificate for 90 days, which signs itself unless `options` say
    who does."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    command += ["-subj", f"/CN={subject}", "-days", "90", "-out", str(certificate), "-keyout", str(key), *options]
    for extension in extensions:
        command += ["-addext", extension]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


@contextlib.contextmanager
def served(
    engine: str, certificates: Certificates, *, imports: str, handler: str, options: str = "", arguments: str = ""
) -> Iterator[int]:
    """A server in a process of its own, until the end of the block: its port.

    Parameters:
        engine: its name.
        certificates: whose files it reads.
        imports: a line that imports the handler.
        handler: its name there.
        options: more parameters of `TLS`, with a comma before each.
        arguments: more parameters of the server, likewise.
    """
    program = SERVER.format(imports=imports, handler=handler, options=options, arguments=arguments)
    command = [sys.executable, "-c", program, engine, str(certificates.certificate), str(certificates.key)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


def connect(port: int, timeout: float = 30) -> socket.socket:
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)
