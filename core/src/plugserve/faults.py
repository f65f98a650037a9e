"""Who may end the loop, and where faults are reported that nobody else can take.

Rules (of "who may end the loop"):

1. A fault in a plugin or in the server's own methods never ends `serve_forever()`.
2. Ctrl-C does: a `KeyboardInterrupt` in the main thread while Python's own SIGINT handler is installed, because only
   then does it come from the person at the keyboard. The command line installs handlers of its own.
3. Reports go to the `logging` logger `plugserve`; one that repeats is summed up instead of filling the disk; a report
   that fails is counted and nothing else.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

__all__ = ["REPORT_INTERVAL", "ends_the_loop", "report", "reset_reports", "text_of", "unreported"]

REPORT_INTERVAL = 10.0
"""Seconds in which the same fault is reported once; the next report says how often it came meanwhile."""

_MOST_SUBJECTS = 1024
_last: dict[str, tuple[float, int]] = {}
_lock = threading.Lock()
unreported = 0
"""How many reports could not be written because the logging itself failed."""


def ends_the_loop(exception: BaseException) -> bool:
    """Whether an exception is the user's Ctrl-C, the only one that a guard lets through."""
    if not isinstance(exception, KeyboardInterrupt):
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    import signal

    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


def report(subject: str, exception: BaseException | None = None, *, level: str = "error", text: str = "") -> None:
    """Write one fault to the logger `plugserve`. Never raises.

    Parameters:
        subject: whose fault it is, as a sentence's beginning (`"plugin 'night': verify_request"`); also the key by
            which repetitions are summed up.
        exception: what was raised, logged with its traceback.
        level: the `logging` level's name, in lower case.
        text: what happened, if no exception says it.
    """
    global unreported
    try:
        now = monotonic()
        with _lock:
            then, missed = _last.get(subject, (None, 0))
            if then is not None and now - then < REPORT_INTERVAL:
                _last[subject] = (then, missed + 1)
                return
            if len(_last) >= _MOST_SUBJECTS:
                _last.clear()
            _last[subject] = (now, 0)
        import logging

        message = f"{subject}: {text}" if text else subject
        if exception is not None:
            message += f" raised {type(exception).__name__}"
        if missed:
            message += f" ({missed} more times since the last report)"
        info: Any = (type(exception), exception, exception.__traceback__) if exception is not None else None
        logging.getLogger("plugserve").log(getattr(logging, level.upper()), "%s", message, exc_info=info)
    except BaseException as failure:
        unreported += 1
        if ends_the_loop(failure):
            raise


def text_of(exception: BaseException) -> str:
    """The text of an exception, also of one that cannot tell it."""
    try:
        return str(exception)
    except Exception:
        return f"<the text of {type(exception).__name__} cannot be told>"


def reset_reports() -> None:
    """Forget what was reported, so that the next fault of each kind is reported at once (for tests)."""
    with _lock:
        _last.clear()
