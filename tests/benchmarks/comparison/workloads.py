"""What clients do to the servers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WORKLOADS", "Workload"]


@dataclass(frozen=True)
class Workload:
    """One kind of load.

    Parameters:
        name: on the command line.
        title: in tables.
        kind: the workload of `load.c`, or of `load_tls.py`.
        options: its other options.
        connections: at once.
        idle: silent connections besides, opened after the first half of the measurement.
    """

    name: str
    title: str
    kind: str
    connections: int = 64
    options: tuple[str, ...] = ()
    idle: int = 0

    @property
    def transport(self) -> str:
        """`tcp`, `udp` or `tls`."""
        return "udp" if self.kind == "udp" else "tls" if self.kind.startswith("tls") else "tcp"

    def command(self, seconds: float) -> list[str]:
        """The arguments of the load but for the address."""
        words = ["--connections", str(self.connections), "--seconds", str(seconds), *self.options]
        return words + (["--idle", str(self.idle)] if self.idle else [])


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("pingpong", "64 B ping-pong, 64 connections", "pingpong", options=("--warm", "3000")),
        Workload(
            "pingpong-16k",
            "16 KiB ping-pong, 64 connections",
            "pingpong",
            options=("--size", "16384", "--warm", "2000"),
        ),
        Workload(
            "connect",
            "connect, send 64 B, receive, close; 32 at once",
            "connect",
            connections=32,
            options=("--warm", "500"),
        ),
        Workload("udp", "64 B UDP ping-pong, 64 sockets", "udp", options=("--warm", "3000")),
        Workload(
            "idle",
            "64 B ping-pong on 64 connections beside 10,000 idle ones",
            "idle",
            options=("--warm", "3000"),
            idle=10_000,
        ),
        Workload(
            "tls-16k",
            "16 KiB ping-pong through TLS 1.3, 16 connections",
            "tls",
            connections=16,
            options=("--size", "16384", "--warm", "500"),
        ),
        Workload(
            "tls-handshake",
            "connect, TLS 1.3 handshake, 64 B and back, close",
            "tls-handshake",
            options=("--warm", "100"),
        ),
        Workload(
            "tls-idle",
            "64 B ping-pong through TLS on 16 connections beside 1,000 idle ones",
            "tls-idle",
            connections=16,
            options=("--warm", "500"),
            idle=1_000,
        ),
    )
}
