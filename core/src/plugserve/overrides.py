"""The core's steps around the methods that people override.

Known software overrides `finish_request` (the command of `http.server`), `process_request_thread` (Django) and many
others, often without calling the base. So nothing that must happen stands in a base body: at class creation each of the
methods below is wrapped, wherever in the class tree it is defined, and the outermost call goes through the core.

A wrapper looks like the method it wraps (`functools.wraps`), and costs one dictionary look-up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import monotonic
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .connection import AWAY, DONE, MOVED, QUEUED
from .life import current
from .place import end_here, handle_here

if TYPE_CHECKING:
    from .server import BaseServer

__all__ = ["wrap_overridable"]

_MARK = "_plugserve_step"


def _finish_request(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def finish_request(self: BaseServer, request: Any, client_address: Any) -> Any:
        inner = current.connection
        if inner is not None and inner.server is self:
            return method(self, request, client_address)
        c = self._core_requests.get(id(request))
        if c is None:
            c = self._core_begin_at_place(request, client_address)
            if c is None:
                return None
        elif c.state not in (MOVED, QUEUED):
            return method(self, request, client_address)
        return handle_here(c)

    return finish_request


def _closing(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def close(self: BaseServer, request: Any) -> Any:
            c = self._core_requests.get(id(request))
            if c is None or c.request is not request or c.state not in (MOVED, QUEUED, DONE):
                if c is not None and c.request is request and c.state == AWAY and c.fork_shares:
                    return None  # its handler has forked: a child goes on with it, and our descriptor is closed
                return method(self, request)
            c.ending = name
            if c.state != DONE:
                # Closed without having been handled, by an override that chose so.
                c.outcome, c.reason = "aborted", f"{name} was called before the handler"
                self._core_drop(c, closing=method)
                return None
            if c.blocks:
                return end_here(c)
            assert c.front is not None, "a request that is handled on a front has one"
            return c.front.advance(c)

        return close

    return wrap


def _server_activate(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def server_activate(self: BaseServer) -> Any:
        self._core_start()
        return method(self)

    return server_activate


def _server_close(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def server_close(self: BaseServer, *, timeout: float | None = None) -> Any:
        if self._core_closing:
            return method(self)
        self._core_closing = True
        self._core_close_by = None if timeout is None else monotonic() + timeout
        try:
            self._core_release_listener()
            return method(self)
        finally:
            self._core_closing = False
            self._core_after_close()

    return server_close


_STEPS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "finish_request": _finish_request,
    "shutdown_request": _closing("shutdown_request"),
    "close_request": _closing("close_request"),
    "server_activate": _server_activate,
    "server_close": _server_close,
}


def wrap_overridable(cls: type) -> None:
    """Wrap what a class defines itself, or inherits from a class that is no server (a mix-in before it)."""
    for name, wrap in _STEPS.items():
        own = cls.__dict__.get(name)
        if own is None:
            inherited = getattr(cls, name)
            if getattr(inherited, _MARK, False) or not isinstance(inherited, FunctionType):
                continue
            own = inherited
        elif getattr(own, _MARK, False) or not isinstance(own, FunctionType):
            continue
        step = wrap(own)
        setattr(step, _MARK, True)
        setattr(cls, name, step)
