"""`l0gm-edge check`: the verdicts of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("check", "Judge what the device returned against the limits.")
