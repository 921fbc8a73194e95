"""The commands, a file each; `lm_zoo.cli.main` says what one has."""
