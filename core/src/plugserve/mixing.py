"""What all engines have in common: they are mix-ins for the server classes of this package, and for no others."""

from __future__ import annotations

from typing import Any

__all__ = ["EngineMixIn"]


class EngineMixIn:
    """Refuses to be mixed into a server of the standard module, such as `http.server.HTTPServer`.

    That would look as if it worked: requests would be handled, and no hook, limit or vote would ever be asked.

    Errors: `TypeError`, when the class is made.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        foreign = [base for base in cls.__mro__ if base.__module__ == "socketserver" and base.__name__ == "BaseServer"]
        if foreign and not hasattr(cls, "_core_start"):
            servers = " and ".join(base.__name__ for base in cls.__bases__ if issubclass(base, foreign[0]))
            raise TypeError(
                f"{cls.__name__}: a mix-in of plugserve needs a server of plugserve, and {servers} stands on the "
                f"standard socketserver: take a server class of plugserve, or run the program with plugserve adopt"
            )
