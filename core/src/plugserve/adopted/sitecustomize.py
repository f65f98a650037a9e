"""Runs in every Python of an adopted program, before the program: whoever imports `socketserver` gets plugserve.

`plugserve adopt` puts the folder of this file first on PYTHONPATH, so that `site` imports it in place of any other
module of this name. Rules:

1. The program sees what it sees in a plain run: this folder leaves `sys.path`, and the next `sitecustomize` takes this
   one's place, with its errors, or nothing does.
2. Nothing is imported until the program imports `socketserver`: children that have no use for it start as fast as ever,
   and what patches the standard library first (gevent) still comes first.
3. A child may be a Python without plugserve, and an older one: so this file imports nothing of it, and keeps to syntax
   that they know; to import `typing` would cost every child more than all of this.
4. The program itself runs with all of its plugins or not at all; a child that has them not says so and goes on.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

import atexit
import os
import sys
from _thread import get_ident
from importlib.machinery import BuiltinImporter, ModuleSpec, PathFinder

_CONFIGURATION = 78
"""As in `plugserve.exits`."""
_PROCESS_VARIABLE = "PLUGSERVE_ADOPT_PROCESS"
"""The process of the program itself; empty until the first Python of it starts. Its children inherit the number."""
_ELSEWHERE = ("asyncio", "gevent", "trio", "twisted")
"""What people make servers with that know nothing of `socketserver`."""


def _say(text: str) -> None:
    try:
        sys.stderr.write("plugserve: " + text.replace("\n", "\nplugserve: ") + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # the program has closed its standard error, or has none


class _Finder:
    """Finds plugserve for `socketserver`.

    While plugserve and the plugins are imported, for them alone, names are looked up as if the program's own folder
    were not on `sys.path`: a `secrets.py` of the program is nothing that they mean.
    """

    def __init__(self, main: bool) -> None:
        self.main = main
        # Now: until it is needed the program may have cleared its environment.
        self.words = os.environ["PLUGSERVE_ADOPT"]
        self.path = list(sys.path)
        self.importing = 0  # the thread that does
        self.failed = False
        self.other = ""  # the file of a module `socketserver` of the program's own

    def find_spec(self, name, path=None, target=None):
        if name == "socketserver":
            standard = self._standard(name)
            if standard is None or self.other:
                return standard
            return ModuleSpec(name, _Loader(self, standard), origin="plugserve")  # type: ignore[arg-type]  # it need not derive
        if path is None and self.importing == get_ident() and BuiltinImporter.find_spec(name) is None:
            return PathFinder.find_spec(name, self.path)
        return None

    def _standard(self, name):
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, None)
            if spec is not None:
                folder = os.path.dirname(os.path.abspath(spec.origin or ""))
                self.other = "" if folder == os.path.dirname(os.path.abspath(os.__file__)) else spec.origin or "?"
                return spec
        return None


class _Loader:
    """Fills the module `socketserver`."""

    def __init__(self, finder, standard):
        self.finder = finder
        self.standard = standard

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        before = dict(vars(module))
        self.finder.importing = get_ident()
        try:
            from plugserve.adoption import install

            install(module, self.standard, self.finder.words)
        except Exception as error:
            self._failed(error)
        else:
            return
        finally:
            self.finder.importing = 0
        vars(module).clear()
        vars(module).update(
            before, __spec__=self.standard, __loader__=self.standard.loader, __file__=self.standard.origin
        )
        self.standard.loader.exec_module(module)

    def _failed(self, error: Exception) -> None:
        known = any(kind.__module__ == "plugserve.errors" for kind in type(error).__mro__)
        text = str(error) if known else type(error).__name__ + ": " + str(error)
        if self.finder.main:
            self.finder.failed = True
            _say("the program cannot be adopted: " + text)
            raise SystemExit(_CONFIGURATION) from error
        variable = os.environ.get(_PROCESS_VARIABLE, "told")
        if not variable.endswith("told"):
            _say("process %d (%s) is not adopted: %s" % (os.getpid(), sys.executable, text.replace("\n", "; ")))
            # Its own children have the same reason, as a rule.
            os.environ[_PROCESS_VARIABLE] = variable + " told"


def _warn_of_early_import() -> None:
    """What has imported the standard module keeps it; whoever imports it from now on gets plugserve."""
    module = sys.modules.pop("socketserver")
    bases = [module.BaseServer]
    for base in bases:
        bases += base.__subclasses__()
    built = sorted({base.__module__ for base in bases} - {"socketserver"})
    what = ", ".join(built) or "what it has built on it"
    _say("socketserver was imported before the program, by a .pth file: %s is not adopted" % what)


def _tell_if_nothing(finder: _Finder, process: int) -> None:
    """At the end of the program: say so if it made no server that could be adopted."""
    if os.getpid() != process or finder.failed:
        return
    adoption = sys.modules.get("plugserve.adoption")
    if adoption is not None and adoption.servers_made():
        return
    ended_by = getattr(sys, "last_type", None)
    if ended_by is not None and issubclass(ended_by, Exception):
        return  # it broke down, and that is what there is to know
    if finder.other:
        why = "the program has a module socketserver of its own, " + finder.other
    elif "socketserver" in sys.modules:
        why = "the program made no server of socketserver"
    else:
        why = "the program did not import socketserver"
    others = [name for name in _ELSEWHERE if name in sys.modules]
    why += "; what is made with " + " or ".join(others or ["sockets alone"]) + " cannot be adopted"
    if _had_children():
        why += "; those of processes that it started may have been"
    _say("nothing was adopted: " + why)


def _had_children() -> bool:
    """Whether it has started others, as far as it has waited for them."""
    if "multiprocessing.popen_forkserver" in sys.modules:
        return True  # they are the children of another one
    try:
        import resource
    except ImportError:
        times = os.times()
        return times[2] + times[3] > 0
    # The time that they took is counted too coarsely for short ones; memory they all had (getrusage(2)).
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


def _start() -> None:
    process = os.environ.get(_PROCESS_VARIABLE)
    if process is None:
        return  # somebody has put this folder on the path, and nobody has asked for an adoption
    if not process:
        process = os.environ[_PROCESS_VARIABLE] = str(os.getpid())
    # The same number again is the program that has replaced itself with exec.
    main = process.split()[0] == str(os.getpid())
    finder = _Finder(main)
    sys.meta_path.insert(0, finder)
    if main:
        atexit.register(_tell_if_nothing, finder, os.getpid())
        if "socketserver" in sys.modules:
            _warn_of_early_import()
    else:
        sys.modules.pop("socketserver", None)


_folder = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _folder]
try:
    _start()
finally:
    del sys.modules[__name__]
    # Without another one this raises what `site` takes for there being none.
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
