"""The report page: one self-contained HTML file, readable without a network, scripts or other files."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.report import LayerRouting, Report
from l0gm_edge.core.store import value_sha256
from l0gm_edge.report import gates, headline, lineup, outcome, reliability, sizing, tradeoff, ways, wording
from l0gm_edge.report.pages import template

LAYERS_SHOWN = 12
HEAT_STEPS = 5


@dataclass(frozen=True)
class LayerShare:
    """One operation's share of the profiled time, in 0..1."""

    name: str
    op: str
    share: float


def render(report: Report) -> str:
    """The page as text."""
    groups = lineup.by_runtime(report)
    entries = [entry for group in groups for entry in group.entries]
    listed = {entry.row.name for entry in entries} | {None}
    recipe_sha256 = value_sha256(report.recipe)
    return template("page.html").render(
        report=report,
        outcome=outcome.outcome(report),
        headline=headline.headline(report),
        sizing=sizing.lines(report),
        groups=groups,
        entries=entries,
        unplaced=[verdict for verdict in report.verdicts if verdict.artifact not in listed],
        panels=tradeoff.panels(report),
        tradeoff=tradeoff,
        kinds=gates.kinds(report),
        gates=gates,
        diagrams=reliability.diagrams(report),
        reliability=reliability,
        routing=[(layer, _heated(layer)) for layer in report.routing.layers],
        ways=ways.ways(report),
        places=ways.places(report),
        layers=[(entry.row.name, _shares(entry.row.layers)) for entry in lineup.chosen(report)],
        scores={Role.DENSE: report.dense, Role.COMPRESSED: report.compressed},
        seconds=[(stage, wording.duration(seconds)) for stage, seconds in report.seconds.items()],
        digests=[("recipe", recipe_sha256), *((entry.row.name, entry.row.sha256) for entry in entries)],
        recipe_sha256=recipe_sha256,
        recipe_json=json.dumps(report.recipe.model_dump(mode="json"), indent=2, ensure_ascii=False),
    )


def _heated(layer: LayerRouting) -> list[tuple[str, list[tuple[float, int]]]]:
    """A layer's rows: the name, and each share with its step of the colour scale."""
    peak = max((share for row in layer.share for share in row if math.isfinite(share)), default=0.0)
    return [
        (name, [(share, _heat(share, peak)) for share in shares])
        for name, shares in zip(layer.rows, layer.share, strict=True)
    ]


def _heat(share: float, peak: float) -> int:
    """The step of the colour scale, 0 to 4; every cell also prints its figure."""
    return min(int(HEAT_STEPS * share / peak), HEAT_STEPS - 1) if peak > 0 and 0 <= share <= peak else 0


def _shares(layers: tuple[LayerTime, ...]) -> tuple[LayerShare, ...]:
    """The longest operations, then all others as one."""
    total = sum(layer.mean_ns for layer in layers)
    ranked = sorted(layers, key=lambda layer: -layer.mean_ns)
    shares = [LayerShare(layer.name, layer.op, layer.mean_ns / total) for layer in ranked[:LAYERS_SHOWN]]
    rest = ranked[LAYERS_SHOWN:]
    if rest:
        shares.append(LayerShare(f"{len(rest)} others", "", sum(layer.mean_ns for layer in rest) / total))
    return tuple(shares)
