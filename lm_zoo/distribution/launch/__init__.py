"""Processes that train together: started, joined over a network, and watched."""
