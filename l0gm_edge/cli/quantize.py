"""`l0gm-edge quantize`: the numeric schemes of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("quantize", "Write each compiled model in the numeric schemes of the profile.")
