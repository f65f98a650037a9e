"""The option `stores`: a store as an object, by its name, or as a table of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plugserve.errors import ConfigurationError

from .registry import make_store
from .stores.store import abilities

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["StoreOption"]


class StoreOption:
    """The type of one element of `stores`; an instance is never made."""

    @staticmethod
    def read(given: object, folder: str | None = None) -> Any:
        """A store.

        Parameters:
            given: an object with a store's methods; a name; or a table with the name as `use`, and options.
            folder: where relative paths begin.

        Errors: `ConfigurationError`.
        """
        if isinstance(given, str):
            return make_store(given, {}, folder)
        if isinstance(given, Mapping):
            options = dict(given)
            name = options.pop("use", None)
            if not isinstance(name, str):
                raise ConfigurationError('a store is a table with its name: { use = "jwt", ... }', option="stores")
            return make_store(name, options, folder)
        if not abilities(given):
            raise ConfigurationError(
                f"stores has {type(given).__name__}, which has none of the methods of a credential store",
                option="stores",
            )
        return given

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def check(value: object, information: Any) -> Any:
            try:
                return cls.read(value, information.context["folder"])
            except ConfigurationError as error:
                raise ValueError(str(error)) from None

        return core_schema.with_info_plain_validator_function(check)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "description": "A credential store.",
            "anyOf": [
                {"type": "string", "description": "the name of a store that needs no options"},
                {
                    "type": "object",
                    "properties": {"use": {"type": "string", "description": "the name of the store"}},
                    "required": ["use"],
                },
            ],
        }
