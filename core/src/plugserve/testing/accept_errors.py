"""A listening socket on which accept(2) fails as often as a test wants, on any engine.

```python
with server_class(("127.0.0.1", 0), Handler) as server:
    failing = inject_accept_errors(server, [errno.EMFILE, errno.ECONNABORTED])
```
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Any

from plugserve.server import BaseServer

__all__ = ["FailingListener", "inject_accept_errors"]


class FailingListener(socket.socket):
    """A listener, or a datagram socket, that fails before it works.

    Attributes:
        errors: what is raised next, in order; may be changed at any time.
        raised: how many have been.
    """

    errors: list[BaseException]
    raised: int

    def _fail(self) -> None:
        if self.errors:
            self.raised += 1
            raise self.errors.pop(0)

    def accept(self) -> tuple[socket.socket, Any]:
        """As accept(2), after the errors."""
        self._fail()
        return super().accept()

    def recvfrom(self, *arguments: Any) -> tuple[bytes, Any]:
        """As recvfrom(2), after the errors."""
        self._fail()
        return super().recvfrom(*arguments)

    def recvmsg(self, *arguments: Any) -> Any:
        """As recvmsg(2), after the errors."""
        self._fail()
        return super().recvmsg(*arguments)


def inject_accept_errors(server: BaseServer, errors: Iterable[int | BaseException]) -> FailingListener:
    """Have the next attempts to accept a request fail.

    Parameters:
        server: bound already, and not serving yet.
        errors: numbers of `errno`, or exceptions.

    Returns: the server's listener, on the same descriptor as before.
    """
    made = [OSError(error, os.strerror(error)) if isinstance(error, int) else error for error in errors]
    old: Any = server.socket
    if server.real_time:
        listener = FailingListener(old.family, old.type, old.proto, old.detach())
        server.socket = listener
    else:
        listener = old  # the memory engine's can fail by itself
    listener.errors = made
    listener.raised = 0
    return listener
