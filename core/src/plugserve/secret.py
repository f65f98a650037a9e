"""Secrets among options: passwords, keys, tokens. They come from a file or the environment, and no output shows them.

    class Login:
        def __init__(self, *, password: Secret) -> None: ...

    password = { env = "LOGIN_PASSWORD" }          # in a configuration file; on a command line env:LOGIN_PASSWORD
    password = { file = "/run/secrets/password" }  # file:/run/secrets/password

A secret that stands in the configuration itself is refused: such files are read, copied and committed by people who
need not know it, and a command line is shown to everybody by ps(1).
"""

from __future__ import annotations

import hmac
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["HIDDEN", "Secret", "hidden"]

HIDDEN: Final = "********"
"""What stands for a secret wherever something is shown."""

_MOST: Final = 64 * 1024
"""Bytes of a file that can be a secret: anything longer is some other file."""

_known: Final[WeakValueDictionary[int, Secret]] = WeakValueDictionary()
"""The secrets that are in use, by `id`, to be kept out of what others say."""

_HOW: Final = 'write { env = "NAME" } or { file = "PATH" }, on a command line env:NAME or file:PATH'


def hidden(text: str, secrets: Iterable[str] = ()) -> str:
    """A text, with no secret in it: for messages of code that has been given secrets.

    Parameters:
        text: it may quote a secret as it is, as Python or JSON writes it between quotes, or with its white space made
            one space.
        secrets: more of them than those that stand in a `Secret`.
    """
    forms = {
        form
        for secret in (*(one.reveal() for one in list(_known.values())), *secrets)
        for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], " ".join(secret.split()))
        if form
    }
    # The longest first: a secret may be a part of another one.
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


class Secret:
    """A text that is not to be shown.

    Parameters:
        value: the text.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _known[id(self)] = self

    @classmethod
    def from_environment(cls, name: str) -> Secret:
        """The value of an environment variable.

        Errors: `ValueError` if it is not set, or empty.
        """
        value = os.environ.get(name)
        if not value:
            state = "not set" if value is None else "empty"
            raise ValueError(f"the environment variable {name} is {state}: set it where the program is started")
        return cls(value)

    @classmethod
    def from_file(cls, path: str | Path) -> Secret:
        """The content of a file, without the end of its last line.

        Errors: `ValueError` if it cannot be read, is empty, longer than 64 KiB or not UTF-8.
        """
        try:
            with open(path, "rb") as file:
                content = file.read(_MOST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ValueError(
                f"the secret's file {path} cannot be read ({reason}): correct the path or its rights"
            ) from None
        if len(content) > _MOST:
            raise ValueError(f"{path} has more than {_MOST} bytes, so it is no secret: correct the path")
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8 text, so it is no secret: correct the path") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise ValueError(f"{path} is empty: write the secret into it")
        return cls(text)

    @classmethod
    def read(cls, given: object, folder: str | None = None) -> Secret:
        """What a configuration or a command line says of a secret.

        Parameters:
            given: a `Secret`, a table with `env` or `file`, or text `env:NAME` or `file:PATH`.
            folder: where a relative path begins; the working directory if None.

        Errors: `ValueError`, which never quotes what was given: that may be the secret itself.
        """
        if isinstance(given, Secret):
            return given
        pair: tuple[object, object] = ("", "")
        if isinstance(given, str):
            prefix, _, rest = given.partition(":")
            pair = (prefix, rest)
        elif isinstance(given, dict) and len(given) == 1:
            pair = next(iter(given.items()))
        source, word = pair
        if not isinstance(word, str) or not word or source not in ("env", "file"):
            raise ValueError(f"a secret does not stand here itself: {_HOW}")
        if source == "env":
            return cls.from_environment(word)
        return cls.from_file(os.path.join(folder or "", word))

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        """Whether two secrets are the same, in a time that does not tell how much of them is."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def check(value: object, information: Any) -> Secret:
            return cls.read(value, information.context["folder"])

        return core_schema.with_info_plain_validator_function(check)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        def table(key: str, meaning: str) -> dict[str, Any]:
            return {
                "type": "object",
                "properties": {key: {"type": "string", "description": meaning}},
                "required": [key],
                "additionalProperties": False,
            }

        return {
            "description": "A secret.",
            "anyOf": [
                table("env", "the environment variable that holds it"),
                table("file", "the path of the file that holds it"),
                {"type": "string", "pattern": "^(env|file):."},
            ],
        }
