"""`plugserve schema`: a JSON Schema of configuration files, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from plugserve.commands.asking import config_option
from plugserve.errors import ConfigurationError
from plugserve.exits import CONFIGURATION, fail

if TYPE_CHECKING:
    from plugserve.discovery import Kind

__all__ = ["schema"]


@click.command()
@config_option(
    "A configuration file, or a folder of them: the schema covers what it names. Default: all that is installed."
)
def schema(files: tuple[str, ...]) -> None:
    """Print a JSON Schema of configuration files, for editors.

    It covers the options of the handlers, engines and plugins that the file names; a file that is wrong elsewhere will
    do. Write `#:schema ./plugserve.schema.json` at the top of the file, and an editor that knows TOML uses it.

    \b
    plugserve schema -c site.toml > plugserve.schema.json
    """
    import json

    from plugserve.discovery import Catalog
    from plugserve.schema import schema_of

    catalog = Catalog()
    try:
        names, folders = _named_in(files) if files else (_installed(catalog), {})
        click.echo(json.dumps(schema_of(names, catalog, folders=folders), indent=2))
    except ConfigurationError as error:
        fail(CONFIGURATION, *str(error).splitlines())


def _named_in(files: tuple[str, ...]) -> tuple[dict[Kind, list[str]], dict[str, str | None]]:
    from plugserve.configuration import read_configuration
    from plugserve.toml_document import Faults

    configuration = read_configuration(files)
    if not configuration.documents:
        raise Faults(configuration.faults)
    listeners = configuration.listeners
    names: dict[Kind, list[str]] = {
        "handler": [listener.handler for listener in listeners],
        "engine": [listener.engine for listener in listeners],
        "plugin": [plugin.use for listener in listeners for plugin in listener.plugins],
    }
    folders = {
        name: listener.folder
        for listener in reversed(listeners)
        for name in (listener.handler, listener.engine, *(plugin.use for plugin in listener.plugins))
    }
    return names, folders


def _installed(catalog: Any) -> dict[Kind, list[str]]:
    kinds: tuple[Kind, ...] = ("handler", "engine", "plugin")
    return {kind: [entry.name for entry in catalog.list_entries(kind) if not entry.problems] for kind in kinds}
