"""One of several handlers, by what is known of the connection when its handler is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .context import Context
from .errors import ConfigurationError
from .handlers import BaseRequestHandler, CoroutineHandler, ModernHandler, ProtocolHandler
from .life import current

__all__ = ["choose_handler"]


def choose_handler(choose: Callable[[Context], type], *handlers: type) -> type:
    """A handler class that stands for several: which one handles a request is decided when the layers are through.

    ```python
    def by_network(context):
        return Inside if context.client_address[0].startswith("10.") else Outside

    server = ThreadingTCPServer(address, choose_handler(by_network, Inside, Outside))
    ```

    Parameters:
        choose: is given the context, and returns one of the handlers; `RequestRejected` refuses the request.
        handlers: all that may be chosen, of one style, since where a request waits for its first byte depends on it.
            Whether they speak first, and what they are refused with, is that of the first; they have no options.

    Errors: `ConfigurationError` for handlers of several styles, or with options that must be given.
    """
    if not handlers:
        raise ConfigurationError("choose_handler: name the handlers that may be chosen")
    styles = {str(getattr(one, "_style", "classic")): one for one in handlers}
    if len(styles) > 1:
        each = ", ".join(f"{one.__name__} is {style}" for style, one in styles.items())
        raise ConfigurationError(f"choose_handler: the handlers must be of one style, and {each}")
    first: Any = handlers[0]

    def new(cls: type, request: Any, client_address: Any, server: Any) -> Any:
        connection = current.connection
        if connection is None:
            raise ConfigurationError(f"{cls.__name__} is made by a server of plugserve only")
        chosen = choose(connection.context)
        made = chosen(request, client_address, server)
        if isinstance(made, ModernHandler):
            declared = type(made).Options
            made.options = None if declared is None else declared()
        return made

    bases = {"classic": BaseRequestHandler, "coroutine": CoroutineHandler, "protocol": ProtocolHandler}
    members: dict[str, Any] = {"__new__": new, "__doc__": f"One of {', '.join(one.__name__ for one in handlers)}."}
    for name in ("speaks_first", "needs", "reply_ratio", "refusal"):
        if hasattr(first, name) and hasattr(first, "_style"):
            members[name] = staticmethod(getattr(first, name)) if name == "refusal" else getattr(first, name)
        elif hasattr(first, name):
            members[name] = getattr(first, name)
    return type("Or".join(one.__name__ for one in handlers), (bases[next(iter(styles))],), members)
