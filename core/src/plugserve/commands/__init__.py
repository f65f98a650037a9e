"""The subcommands of `plugserve`, one module each: its function and its options, read when it is called for.

A module here is imported by `plugserve --help`, too, so it imports at its top what costs nothing, and the rest where it
is used.
"""
