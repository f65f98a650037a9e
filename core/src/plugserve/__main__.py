"""`python -m plugserve` is the command `plugserve`."""

from plugserve.cli import main

main(prog_name="plugserve")
