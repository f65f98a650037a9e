"""Prints what a program can know of how it was started."""

import json
import os
import sys

main = sys.modules["__main__"]
facts = {
    "argv": sys.argv,
    "orig_argv": sys.orig_argv[1:],
    "path": sys.path,
    "flags": str(sys.flags),
    "warnings": sys.warnoptions,
    "xoptions": sys._xoptions,
    "main": [
        main.__name__,
        main.__file__,
        main.__spec__ and [main.__spec__.name, main.__spec__.origin],
        repr(main.__package__),
    ],
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "__file__", None),
    "modules": sorted(
        name for name in sys.modules if name.partition(".")[0] in ("plugserve", "pluggy", "click", "json")
    ),
    "folder": os.getcwd(),
    "parent": os.getppid(),
    "prefix": sys.prefix,
    "executable": sys.executable,
    "buffered": sys.stdout.line_buffering,
    "excepthook": sys.excepthook is sys.__excepthook__,
}
print(json.dumps(facts))
