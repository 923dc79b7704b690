"""Judging: what the device returned against the limits of recipe and profile."""
