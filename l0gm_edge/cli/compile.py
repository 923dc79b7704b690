"""`l0gm-edge compile`: the export stage of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("compile", "Export the models for the runtimes of the profile.")
