"""`l0gm-edge measure`: the device stage of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("measure", "Time the artifacts on the device and bring back their outputs.")
