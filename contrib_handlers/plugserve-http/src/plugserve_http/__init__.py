"""HTTP/1.1 for plugserve: a folder of files, or a WSGI application."""

from __future__ import annotations

from .handler import FilesHandler, WSGIHandler

__all__ = ["FilesHandler", "WSGIHandler"]
