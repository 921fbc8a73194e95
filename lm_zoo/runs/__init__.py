"""A trained run: its folder, what it is as a Python object, and several of them compared."""
