"""A handler by the protocol that was agreed on in the handshake (ALPN, RFC 7301)."""

from __future__ import annotations

from collections.abc import Mapping

from plugserve import Context, RequestRejected, choose_handler

__all__ = ["choose_by_alpn"]


def choose_by_alpn(handlers: Mapping[str, type], default: type | None = None) -> type:
    """A handler class that stands for several, one for each protocol.

    ```python
    handler = choose_by_alpn({"http/1.1": Http, "echo": Echo}, default=Http)
    server = MultiplexingTCPServer(address, handler, plugins=[TLS(..., alpn=["http/1.1", "echo"])])
    ```

    Parameters:
        handlers: by the name of the protocol; all of one style.
        default: for a client that named none, and for connections in clear; None: such a client is refused.

    Errors: `ConfigurationError` for handlers of several styles.
    """
    known = dict(handlers)

    def choose(context: Context) -> type:
        protocol = getattr(context.tls, "alpn", None)
        chosen = known.get(protocol, default) if protocol is not None else default
        if chosen is None:
            raise RequestRejected(f"the client agreed on no protocol (ALPN), or on an unknown one: {protocol!r}")
        return chosen

    return choose_handler(choose, *dict.fromkeys([*known.values(), *([default] if default is not None else [])]))
