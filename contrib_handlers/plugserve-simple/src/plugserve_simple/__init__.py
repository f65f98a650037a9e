"""The simple services: echo, discard, chargen, daytime, time and qotd (RFC 862 to 868), over TCP and UDP."""

from __future__ import annotations

from .handler import ChargenHandler, DaytimeHandler, DiscardHandler, EchoHandler, QotdHandler, TimeHandler

__all__ = ["ChargenHandler", "DaytimeHandler", "DiscardHandler", "EchoHandler", "QotdHandler", "TimeHandler"]
