"""`l0gm-edge recover`: the training after the cut."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("recover", "Train the cut model for the steps that are left.")
