"""`l0gm-edge report`: the report of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("report", "Write the report page and the bundle.")
