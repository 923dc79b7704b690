"""`l0gm-edge learn`: the training stage of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("learn", "Train the dense reference, and the gated model beside it.")
