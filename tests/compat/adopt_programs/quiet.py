"""Makes no server; with arguments it does what they say, one after the other."""

import os
import sys

for word in sys.argv[1:]:
    if word == "fail":
        raise ValueError("no")
    if word == "child":
        os.system("echo")
    else:
        __import__(word)
