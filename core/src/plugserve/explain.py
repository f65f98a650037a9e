"""The life of a request through one listener, step by step, with every plugin at its place: for people, as plain data.

`plugserve explain` shows it as text, as JSON and as a drawing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from .hooks import Hooks, Plugins
from .hookspecs import SPECS
from .limits import Limits
from .secret import HIDDEN

if TYPE_CHECKING:
    from .dry_run import Verdict
    from .plan import Listener

__all__ = ["explain", "with_verdict"]

_FRONT: Final = "the server's own loop"
_ONCE: Final = "once a server"

_STEPS: Final = (
    ("server_activate", "server_activate", "start", _ONCE, "the plugins get ready; a failure refuses to start"),
    ("accept", None, "request", _FRONT, "the kernel's queue is emptied in batches"),
    ("verify_request", "verify_request", "request", _FRONT, "by the peer's address alone, before a byte is read"),
    (
        "session",
        None,
        "request",
        _FRONT,
        "a place among the sessions; later datagrams of the peer go to its handler",
    ),
    ("layers", "open_connection", "request", _FRONT, "one deadline over all of them; nothing else waits meanwhile"),
    ("authorize", "authorize", "request", _FRONT, "with the real client address and the identity known"),
    ("first byte", None, "request", _FRONT, "waited for here, before a thread or child is spent"),
    ("process_request", "process_request", "request", _FRONT, "the request moves to its place"),
    ("setup", "setup", "request", None, "the last moment to refuse"),
    ("handle", "handle", "request", None, "the handler, within its wrappers"),
    ("start_tls", "start_tls", "request", None, "if the handler asks for encryption in mid-connection"),
    ("out_of_band", "out_of_band", "request", None, "whenever urgent data comes"),
    ("finish", "finish", "request", None, "whatever the end of the handler"),
    ("handle_error", "handle_error", "request", None, "if the handler failed"),
    ("close", None, "request", None, "what is left is sent; the peer's end is waited for"),
    ("connection_closed", "connection_closed", "request", None, "totals and outcome are final"),
    ("request_rejected", "request_rejected", "request", _FRONT, "instead, if the request was refused"),
    ("service_actions", "service_actions", "always", _FRONT, "on each turn of the loop"),
    ("server_close", "server_close", "end", _ONCE, "the plugins give back what they took"),
)
"""Each step: its name, its hook, when it comes, where it runs (None: the engine's place), and what happens."""

_IN_PARENT: Final = ("handle_error", "close", "connection_closed")
"""Steps that come back to the server's own process where a request is handled in another."""


def explain(listener: Listener) -> dict[str, Any]:
    """One listener as plain data, fit for JSON.

    Returns: `name`, `address`, `handler`, `handler_label`, `engine`, `engine_label`, `origin` (where it is asked for),
        `options` (the handler's, no secret among them), `limits` (all that hold), `steps` in call order, `verdict`
        (None). A step has `step`, `hook` (None for one of the core's own), `rule`, `when`, `place`, `note` and `calls`,
        each with `plugin`, `label`, `origin`.
    """
    made = listener.server_class
    hooks = _hooks(listener)
    place = listener.engine.engine_place if hasattr(listener.engine, "engine_place") else listener.engine_entry.name
    steps = []
    for step, hook, when, where, note in _STEPS:
        if not made.is_stream and step in ("layers", "first byte", "out_of_band"):
            continue  # what needs a stream
        if step == "start_tls" and not hooks.start_tls:
            continue
        if step == "out_of_band" and (not made.delivers_out_of_band or listener.urgent != "event"):
            continue
        if step == "session" and (made.is_stream or listener.asked.sessions is None):
            continue
        if step == "first byte" and _is_straight(listener):
            continue
        steps.append(
            {
                "step": step,
                "hook": hook,
                "rule": SPECS[hook].rule if hook else None,
                "when": when,
                "place": where or (_FRONT if step in _IN_PARENT and not made.shares_memory else place),
                "note": note,
                "calls": [_call(listener, call.plugin) for call in (getattr(hooks, hook) if hook else ())],
            }
        )
    return {
        "name": listener.title,
        "address": str(listener.address),
        "handler": listener.handler_entry.name,
        "handler_label": listener.handler_entry.label,
        "engine": listener.engine_entry.name,
        "engine_label": listener.engine_entry.label,
        "origin": listener.asked.spot.where,
        "options": _shown_options(listener.options),
        "limits": _shown_options(listener.limits or Limits()),
        "steps": steps,
        "verdict": None,
    }


def with_verdict(explained: dict[str, Any], client: str, verdict: Verdict) -> dict[str, Any]:
    """The same with what would happen to a client, as `verdict`."""
    return explained | {"verdict": {"client": client, **dataclasses.asdict(verdict)}}


def _hooks(listener: Listener) -> Hooks:
    made = listener.server_class
    return Plugins(listener.instances()).compile(made.__new__(made))


def _is_straight(listener: Listener) -> bool:
    """Whether requests go to their place at once, without a wait for the client's first byte."""
    server = listener.server_class.__new__(listener.server_class)
    server.RequestHandlerClass = listener.handler
    server._core_handler_facts = None
    server._core_hooks = _hooks(listener)
    server._core_limits = listener.limits or Limits()
    facts = server._core_handler
    return facts.straight or facts.speaks_first is True


def _call(listener: Listener, name: str) -> dict[str, str]:
    plugin = next(plugin for plugin in listener.plugins if plugin.name == name)
    where = plugin.spot.where
    return {"plugin": name, "label": plugin.entry.label, "origin": where}


def _shown_options(options: Any) -> dict[str, Any]:
    """The values of a dataclass, as JSON has them."""
    if options is None:
        return {}
    fields = getattr(options, "__dataclass_fields__", None)
    names = (
        [name for name, one in fields.items() if one.init]
        if fields
        else [name for name in vars(options) if not name.startswith("_")]
    )
    return {name.replace("_", "-"): _shown(getattr(options, name)) for name in names}


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "reveal") or hasattr(value, "get_secret_value"):
        return HIDDEN
    if isinstance(value, dict):
        return {str(key): _shown(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_shown(one) for one in value]
    return str(value)
