"""`l0gm-edge finish`: settings raced and other forms made, for what ships on ONNX Runtime."""

from __future__ import annotations

from l0gm_edge.cli._stage import stage_command

command = stage_command("finish", "Race settings, and make other forms, for ONNX Runtime.")
