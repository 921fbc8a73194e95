"""The configs that lm_zoo ships: one `get_config()` per experiment.

Each file's docstring gives its command, its time, and the result it reaches.
"""
