"""The credential stores: one a file. `store.py` says what a store is."""
