"""`l0gm-edge bundle`: what ships of a run."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("bundle", "Put together what ships: models, manifest, samples, report.")
