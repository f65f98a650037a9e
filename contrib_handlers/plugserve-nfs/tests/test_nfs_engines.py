from __future__ import annotations

import socket
from pathlib import Path

import pytest
from nfs_caller import mounted, serving, worth

from plugserve.testing import STREAM_ENGINES
from plugserve.testing.hosting import DATAGRAM_ENGINES
from plugserve_sunrpc import ClientSys, Packer
from plugserve_sunrpc.message import encode_call
from plugserve_sunrpc.protocols import nfs3 as x

ENGINES = [engine for engine in STREAM_ENGINES if engine != "memory"]
UDP_ENGINES = [engine for engine in DATAGRAM_ENGINES if engine != "memory"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_folder_is_read_and_written_on_every_engine(engine: str, public: Path) -> None:
    """One conversation over TCP: mount, list, read, write, rename and remove."""
    with serving(engine, public, writable=True, squash="none") as address, mounted(address) as client:
        assert client.read(client.handle("folder/file.txt")) == b"in a folder"
        folder = client.handle("folder")
        new = worth(client.create(folder, b"new")).obj
        assert worth(client.write(new, b"written", stable=x.stable_how.FILE_SYNC)).count == 7
        assert client.rename(folder, b"new", client.root, b"moved") == 0
        assert (public / "moved").read_bytes() == b"written"
        # The handle is that of the file, wherever it is; with `forking` another process may be asked.
        assert client.read(new) == b"written"
        assert client.remove(client.root, b"moved") == 0
        assert {entry.name for entry in client.entries(folder)} == {b".", b"..", b"file.txt", b"deep"}


@pytest.mark.parametrize("engine", UDP_ENGINES)
def test_a_folder_is_read_over_udp_on_every_engine(engine: str, public: Path) -> None:
    """One conversation over UDP; each call may be another process with `forking`."""
    (public / "long").write_bytes(bytes(range(256)) * 256)
    with serving(engine, public, datagrams=True) as address, mounted(address) as client:
        assert client.read(client.handle("folder/deep/well")) == b"at the bottom"
        assert client.read(client.handle("long")) == bytes(range(256)) * 256
        assert len(list(client.entries_plus(client.root))) == 8


def test_what_comes_again_over_udp_is_not_done_again(public: Path) -> None:
    """A REMOVE whose reply got lost is answered as before, and what may be done twice is not kept at all."""
    with (
        serving("threading", public, datagrams=True, writable=True, squash="none") as address,
        mounted(address) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        packer = Packer()
        x.REMOVE3args(x.diropargs3(client.root, b"hallo.txt")).pack(packer)
        credential, _ = ClientSys().credential()
        call = encode_call(77, 100003, 3, 12, packer.data(), credential)
        sock.settimeout(20)
        answers = []
        for _ in range(2):
            sock.sendto(call, ("127.0.0.1", int(address.rpartition(":")[2])))
            answers.append(sock.recv(65536))
        assert answers[0] == answers[1]
        assert answers[0][24:28] == bytes(4)
        assert client.remove(client.root, b"hallo.txt") == x.nfsstat3.NFS3ERR_NOENT
