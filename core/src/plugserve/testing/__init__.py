"""The test kit: servers without sockets under a virtual clock, one server on any engine, a recorder of hooks.

`plugserve.testing.matrix` tries every style of handler on every engine through stacks of layers.
`plugserve.testing.drift` has the pytest fixture that looks for what a test left behind; nothing else here needs pytest.
"""

from .hosting import STREAM_ENGINES, Client, Host, hosted
from .layers import CipherLayer, HeaderLayer, ToyCipher
from .memory import MemoryMixIn, MemoryNetwork, MemorySocket, MemoryTCPServer, MemoryUDPServer
from .recording import Recorder

__all__ = [
    "STREAM_ENGINES",
    "CipherLayer",
    "Client",
    "HeaderLayer",
    "Host",
    "MemoryMixIn",
    "MemoryNetwork",
    "MemorySocket",
    "MemoryTCPServer",
    "MemoryUDPServer",
    "Recorder",
    "ToyCipher",
    "hosted",
]
