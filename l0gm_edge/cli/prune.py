"""`l0gm-edge prune`: the physical cut of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("prune", "Choose what stays, cut out the rest, and prove the cut exact.")
