"""A JSON Schema of configuration files, for editors: completion, descriptions, and red lines while one types.

It covers the frame, and of handlers, engines and plugins those that are named: nothing else is imported. Editors that
know TOML take it by a comment at the top of the file, `#:schema ./plugserve.schema.json`.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import math
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .configuration import Listen, Top
from .docstrings import parameters_of, summary_of
from .limits import Limits
from .options import engine_options, options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .discovery import Catalog, Kind

__all__ = ["schema_of"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = ".+:[A-Za-z_].*"
"""A class by reference instead of by name."""


_NONE: Final = {"const": "none"}
"""How None is written, which TOML has no word for."""


def schema_of(
    names: Mapping[Kind, Iterable[str]], catalog: Catalog, *, folders: Mapping[str, str | None] = MappingProxyType({})
) -> dict[str, Any]:
    """The schema of a configuration file.

    Parameters:
        names: the handlers, engines and plugins whose options it shall know.
        catalog: what is installed: the names that an editor offers.
        folders: where the relative path of a name that has one begins; the working directory, if it is not there.

    Errors: `PluginError` for a name that leads to nothing.
    """
    tables: dict[Kind, dict[str, dict[str, Any]]] = {"handler": {}, "engine": {}, "plugin": {}}
    for kind, wanted in names.items():
        for name in dict.fromkeys(wanted):
            found = catalog.load(kind, name, folder=folders.get(name))
            if kind == "handler":
                tables[kind][name] = _table(getattr(found, "Options", None), _documented(found))
            elif kind == "engine":
                tables[kind][name] = _table(engine_options(found), found)
            else:
                tables[kind][name] = _table(found, found)
    top = _table(Top, Top)
    listen = _table(Listen, Listen)
    top |= {"$schema": _DIALECT, "title": "A configuration of plugserve"}
    top["properties"]["listen"] = _array(listen, top["properties"]["listen"])
    properties = listen["properties"]
    properties["handler"] |= _named("handler", catalog)
    properties["engine"] |= _named("engine", catalog)
    properties["limits"] = _table(Limits, Limits) | {"description": properties["limits"]["description"]}
    cases = [
        *_choices("handler", "options", tables["handler"], None),
        *_choices("engine", "engine-options", tables["engine"], Listen.engine),
    ]
    if cases:
        listen["allOf"] = cases
    properties["plugin"] = _array(_plugin(tables["plugin"], catalog), properties["plugin"])
    definitions: dict[str, Any] = {}
    _lift(top, definitions)
    return top | ({"$defs": definitions} if definitions else {})


def _lift(schema: Any, definitions: dict[str, Any]) -> None:
    """Move the definitions of each option's own schema to the top, where `$ref` looks for them, under names that
    tell them apart."""
    if isinstance(schema, list):
        for one in schema:
            _lift(one, definitions)
    elif isinstance(schema, dict):
        if own := schema.pop("$defs", None):
            names = {name: f"{name}.{len(definitions) + index}" for index, name in enumerate(own)}
            for part in (schema, own):
                _rename(part, {f"#/$defs/{old}": f"#/$defs/{new}" for old, new in names.items()})
            definitions |= {names[name]: one for name, one in own.items()}
        for one in schema.values():
            _lift(one, definitions)


def _rename(schema: Any, references: Mapping[str, str]) -> None:
    """Let each `$ref` lead to where its definition is now."""
    if isinstance(schema, list):
        for one in schema:
            _rename(one, references)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            schema["$ref"] = references.get(schema["$ref"], schema["$ref"])
        for one in schema.values():
            _rename(one, references)


def _array(items: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """An array of tables."""
    return {"description": described["description"], "type": "array", "items": items}


def _plugin(tables: dict[str, dict[str, Any]], catalog: Catalog) -> dict[str, Any]:
    """A `[[listen.plugin]]`: `use` says whose options stand beside it."""
    own = {
        "use": {"description": "the plugin: a name, package.module:Class or path/file.py:Class"}
        | _named("plugin", catalog),
        "as": {"type": "string", "description": "its name among those of this listener, if not the same"},
    }
    cases = []
    for name, table in tables.items():
        whole = table | {"properties": {**own, **table["properties"]}}
        cases.append({"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": whole})
    return {"type": "object", "properties": own, "required": ["use"]} | ({"allOf": cases} if cases else {})


def _choices(key: str, options: str, tables: dict[str, dict[str, Any]], default: str | None) -> list[dict[str, Any]]:
    """What stands in a table of options depends on the name beside it, or on the default, if there is none."""
    return [
        {
            "if": {"properties": {key: {"const": name}}} | ({} if name == default else {"required": [key]}),
            "then": {"properties": {options: table}} | ({"required": [options]} if "required" in table else {}),
        }
        for name, table in tables.items()
    ]


def _named(kind: Kind, catalog: Catalog) -> dict[str, Any]:
    names = sorted({entry.name for entry in catalog.list_entries(kind)})
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": _REFERENCE}]}


def _documented(handler: Any) -> Any:
    """Where the options of a handler are described: in the docstring of its `Options`, or its own."""
    options = getattr(handler, "Options", None)
    return options if options is not None and parameters_of(options) else handler


def _table(target: Callable[..., Any] | None, documented: Any) -> dict[str, Any]:
    """The table of the options that a class takes."""
    described = parameters_of(documented)
    properties: dict[str, Any] = {}
    required = []
    for option in options_of(target) if target is not None else ():
        found = _of_hint(option.hint)
        if found is None:
            continue  # only code can give it: an open file, an object
        if text := described.get(option.name):
            found["description"] = text
        if option.required:
            required.append(option.shown)
        elif _is_plain(option.default):
            found["default"] = list(option.default) if isinstance(option.default, tuple) else option.default
        elif option.default is None and _NONE in found.get("anyOf", ()):
            found["default"] = "none"
        properties[option.shown] = found
    table: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if summary := summary_of(documented):
        table["description"] = summary
    return table | ({"required": required} if required else {})


def _of_hint(hint: Any) -> dict[str, Any] | None:
    """The schema of one option; None for a type that no file can hold."""
    if hint is Any:
        return {}
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
    from pydantic.json_schema import PydanticJsonSchemaWarning

    try:
        try:
            config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
            adapter: TypeAdapter[Any] = TypeAdapter(hint, config=config)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            adapter = TypeAdapter(hint)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
            schema = adapter.json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError):
        return None
    return _lenient(schema)


def _lenient(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value as files may have it: `"none"` for None, and text with commas for a list."""
    kinds = schema.get("anyOf", [schema])
    if any(kind.get("type") == "null" for kind in kinds):
        kinds = [kind for kind in kinds if kind.get("type") != "null"]
        if not any(kind.get("type") == "string" and len(kind) == 1 for kind in kinds):
            kinds = [*kinds, _NONE]
    if any(kind.get("type") == "array" for kind in kinds) and not any(kind.get("type") == "string" for kind in kinds):
        kinds = [*kinds, {"type": "string"}]
    rest = {key: value for key, value in schema.items() if key in ("$defs", "title")}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}


def _is_plain(value: object) -> bool:
    """Whether JSON can say it."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, str))
