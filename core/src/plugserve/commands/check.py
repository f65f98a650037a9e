"""`plugserve check`: everything that `serve` would find wrong before it binds an address."""

from __future__ import annotations

from typing import Any

import click

from plugserve.commands.asking import asked_plan, what_to_serve
from plugserve.exits import CONFIGURATION, fail

__all__ = ["check"]


@click.command()
@what_to_serve
def check(**asked: Any) -> None:
    """Check a configuration, and serve nothing.

    Prints all mistakes, one a line with file and line, and ends with status 78; or a line for each listener, with
    status 0. What only shows when the server starts (an address in use, a list of a plugin's that cannot be read) is
    not looked at.

    \b
    plugserve check -c site.toml
    plugserve check -c /etc/plugserve/conf.d
    plugserve check echo --with access:alow=10.0.0.0/8
    """
    plan = asked_plan(**asked)
    if plan.faults:
        fail(CONFIGURATION, *plan.faults)
    for listener in plan.listeners:
        plugins = ", ".join(plugin.name for plugin in listener.plugins) or "no plugins"
        click.echo(
            f"{listener.asked.spot.where}: {listener.title}: {listener.handler_entry.label} on {listener.address}, "
            f"engine {listener.engine_entry.name}, {plugins}"
        )
    count = len(plan.listeners)
    click.echo(f"all right: {count} {'listener' if count == 1 else 'listeners'}")
