"""The one exception of this package: a request that is answered with an error instead of being handled."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from plugserve.errors import ProtocolError

__all__ = ["Refusal", "phrase"]


def phrase(status: int) -> str:
    """The reason phrase of a status code, `"Unknown"` for one without a registered meaning."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Refusal(ProtocolError):
    """The request is answered with an error.

    Parameters:
        status: the status code, 400 or above.
        explanation: a sentence for whoever sent the request. It is sent to the client, so it never tells anything of
            this machine, and never repeats what the client sent.
        headers: more fields of the response, such as `Allow`.
    """

    def __init__(self, status: int, explanation: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{status} {phrase(status)}: {explanation}")
        self.status = status
        self.explanation = explanation
        self.headers = tuple(headers)
