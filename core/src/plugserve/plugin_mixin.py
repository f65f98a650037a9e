"""Plugins as mix-in classes, for those who write their servers by hand as with `socketserver`.

```python
class Server(TLSMixIn, ThreadingMixIn, TCPServer):
    tls_certificate = "server.pem"
    tls_key = "server.key"
```
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import ConfigurationError, PluginError
from .hooks import Plugins
from .mixing import EngineMixIn

if TYPE_CHECKING:
    from .server import BaseServer

    _Base = BaseServer
else:
    _Base = object

__all__ = ["PluginMixIn"]


class PluginMixIn(EngineMixIn, _Base):
    """Puts one plugin before those that a server is given. Of several such bases the first is the outermost.

    A subclass says which plugin it is, and what that is made with are attributes of the server class: `tls_key` is the
    argument `key` of the plugin `tls`. Each server makes a plugin of its own.

    ```python
    class TLSMixIn(PluginMixIn):
        plugin_class = TLS
    ```

    Errors, when a server is made: `ConfigurationError` for an attribute that the plugin has no argument for, an
        argument that is missing, and for what the plugin itself refuses; when a class is made: `TypeError`, for what
        is no plugin, or no server of plugserve.
    """

    plugin_class: ClassVar[type]
    """The class of the plugin; it has a `plugin_name`."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "plugin_class" in vars(cls) and not isinstance(getattr(cls.plugin_class, "plugin_name", None), str):
            raise TypeError(f"{cls.__name__}: plugin_class must be the class of a plugin, with a plugin_name")

    def _core_plugins_for(self, given: Any) -> Any:
        mixed = [vars(cls)["plugin_class"] for cls in type(self).__mro__ if "plugin_class" in vars(cls)]
        others = super()._core_plugins_for(given)
        names: dict[str, Any] = {}
        for made in dict.fromkeys(mixed):
            names[made.plugin_name] = _made(made, self)
        others = Plugins(others)
        for name, plugin in others.items():
            if name in names:
                raise PluginError(
                    f"plugin {name!r} is given twice, by a mix-in of {type(self).__name__} and in plugins: remove one"
                )
            names[name] = plugin
        return names


def _made(made: Any, server: BaseServer) -> Any:
    """One plugin, from the attributes of a server's class."""
    prefix = f"{made.plugin_name.replace('-', '_')}_"
    parameters = inspect.signature(made).parameters
    given = _attributes(type(server), prefix)
    # A method of such a name is the program's own.
    unknown = [name for name, value in given.items() if name not in parameters and not callable(value)]
    where = type(server).__name__
    if unknown:
        names = ", ".join(prefix + name for name in parameters)
        raise ConfigurationError(
            f"{where}.{prefix}{unknown[0]}: the plugin {made.plugin_name!r} has no argument {unknown[0]!r}: use one of "
            f"{names}"
        )
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in given and parameter.kind not in _ANY
    ]
    if missing:
        raise ConfigurationError(
            f"{where} needs {prefix}{missing[0]}: the plugin {made.plugin_name!r} cannot be made without it"
        )
    try:
        return made(**{name: value for name, value in given.items() if name in parameters})
    except ConfigurationError as error:
        if error.option:
            error.args = (f"{where}.{prefix}{error.option}: {error}",)
        raise


_ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _attributes(cls: type, prefix: str) -> Mapping[str, Any]:
    """The attributes of a class that begin so, by the rest of their names, the nearest class first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update({name[len(prefix) :]: value for name, value in vars(base).items() if name.startswith(prefix)})
    return found
