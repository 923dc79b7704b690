"""The command line: every public file of this folder is a command."""
