"""Connections, requests and who may make them: nothing here knows of models."""
