"""What becomes part of a SavedModel: functions of strings as graphs, within bounded memory."""
