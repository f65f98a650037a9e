"""Takes its configuration of logging from a socket, until the end of its input."""

import logging
import logging.config
import sys

thread = logging.config.listen(0)
thread.start()
sys.stdin.read()
logging.config.stopListening()
thread.join()
print(logging.getLogger("listened").level)
