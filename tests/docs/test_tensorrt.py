from __future__ import annotations

from pathlib import Path

from l0gm_edge.backends import tensorrt
from l0gm_edge.backends._tensorrt_lint import RULES
from l0gm_edge.core.engine import EngineSettings, Shapes

TEXT = (Path(__file__).parents[2] / "docs" / "tensorrt.md").read_text(encoding="utf-8")


def test_every_scheme_rule_and_setting_is_documented() -> None:
    rules = [rule.__name__.replace("_", "-") for rule in RULES]
    keys = [*EngineSettings.model_fields, *Shapes.model_fields]
    assert [name for name in [*tensorrt.SCHEMES, *rules, *keys] if f"`{name}`" not in TEXT] == []
