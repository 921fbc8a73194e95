"""Trained runs for other programs: SavedModels that take strings, with what proves them right."""
