"""Descriptions as modules, without a file between."""

from __future__ import annotations

import itertools
import linecache
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

__all__ = ["load"]

_numbers = itertools.count(1)


def load(path: str | os.PathLike[str], *, name: str | None = None, include: Sequence[Path] = ()) -> ModuleType:
    """Compile a description and return it as a module, as if it had been written by `plugserve-rpcgen` and imported.

    Parameters:
        path: the description.
        name: what the module is called, and found under in `sys.modules`, as pickle needs it; by default a name made
            of the file's, new for each call.
        include: more folders in which included descriptions are looked for.
    Raises: `DescriptionError` with file, line and column; `OSError` if a file cannot be read.
    """
    # Servers with compiled modules never need the parser.
    from .generate import generate
    from .parse import parse_file

    file = Path(path)
    source = generate(parse_file(file, include))
    if name is None:
        name = f"plugserve_sunrpc.loaded_{re.sub(r'[^A-Za-z0-9_]', '_', file.stem)}_{next(_numbers)}"
    shown = f"<compiled from {file}: {name}>"
    module = ModuleType(name)
    module.__file__ = str(file)
    code = compile(source, shown, "exec")
    # So that tracebacks show its lines; an entry without a time is never dropped.
    linecache.cache[shown] = (len(source), None, source.splitlines(keepends=True), shown)
    # Dataclasses look their module up while they are made.
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module
