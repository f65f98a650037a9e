"""Checks that the module `socketserver` is what programs expect of it."""

import importlib
import pickle
import socketserver
import sys

assert sys.modules["socketserver"] is socketserver
assert socketserver.__name__ == socketserver.__spec__.name == "socketserver"
assert socketserver.__doc__.startswith("Generic socket server classes.")
assert socketserver.TCPServer.__module__.startswith("plugserve")
for name in socketserver.__all__:
    assert getattr(socketserver, name).__module__.startswith("plugserve"), name
assert socketserver.threading is sys.modules["threading"]
assert socketserver._SocketWriter.__module__.startswith("plugserve")
assert not hasattr(socketserver, "hookimpl")
assert pickle.loads(pickle.dumps(socketserver.TCPServer)) is socketserver.TCPServer
before = socketserver.TCPServer
assert importlib.reload(socketserver).TCPServer is before
namespace = {}
exec("from socketserver import *", namespace)
assert namespace["ThreadingMixIn"] is socketserver.ThreadingMixIn
print("as expected")
