"""The server's side of SASL (RFC 4422): mechanisms without I/O, one a file. `mechanism.py` says what one is."""
