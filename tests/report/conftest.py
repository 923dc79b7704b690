"""Synthetic reports: one that passes, one that fails, one that is inconclusive, and one that means harm."""

from __future__ import annotations

import pytest
from full_reports import (
    DENSE_BYTES,
    artifact_verdicts,
    artifacts,
    recipe,
    report,
    run_verdicts,
    sites,
    subsets,
    verdict,
)
from reports import layer_routing

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.report import Report, Routing
from l0gm_edge.core.subsets import Subsets
from l0gm_edge.core.verdict import Status

HOSTILE = "<script>alert(\"1\")</script> </style> | `code` & 'quotes' [link](http://example.com) @someone \x00 ✓"


def failing() -> Report:
    """Too many parameters, and no artifact of one runtime passes."""
    rows = tuple(
        row.model_copy(update={"chosen": False, "why": "Rejected: parity: diverges first at moe.router."})
        if row.runtime == "tflite" and row.role is Role.COMPRESSED
        else row
        for row in artifacts()
    )
    stranded = {row.name for row in rows if row.why.startswith("Rejected: parity")}
    ours = run_verdicts(parameter_fraction=Status.FAIL, artifact_for_tflite=Status.FAIL)
    theirs = [
        one.model_copy(update={"status": Status.FAIL, "value": 0.31, "reason": "diverges first at moe.router"})
        if one.check == "parity" and one.artifact in stranded
        else one
        for one in artifact_verdicts()
    ]
    return report(passed=False, artifacts=rows, verdicts=tuple(ours + theirs))


def inconclusive() -> Report:
    """Nothing was timed: latency is null everywhere and could not be judged, and there are no experts."""
    names = ("p50_ms", "p90_ms", "p50_ratio_to_dense", "p50_ratio_to_fp32", "load_ms", "bytes_ratio_to_dense")
    update = dict.fromkeys((*names, "peak_memory_bytes")) | {"chosen": False, "why": ""}
    rows = tuple(row.model_copy(update=update) for row in artifacts())
    ours = run_verdicts(**{f"artifact_for_{name}": Status.INCONCLUSIVE for name in DENSE_BYTES})
    few = {"status": Status.INCONCLUSIVE, "limit": 0.5, "unit": "ms", "reason": "too few runs"}
    theirs = [verdict("p50_latency", row.name, **few) for row in rows if row.role is Role.COMPRESSED]
    nothing = {"sites": (), "floors": (), "environment": {}, "seconds": {}}
    nothing |= {"routing": Routing(), "subsets": Subsets()}
    return report(passed=False, artifacts=rows, verdicts=tuple(ours + theirs), **nothing)


def hostile() -> Report:
    """Every free text tries to break out of the page."""
    layer = LayerTime(name=HOSTILE, op=HOSTILE, mean_ns=1)
    texts = {"scheme": HOSTILE, "why": HOSTILE, "layers": (layer,)}
    rows = tuple(row.model_copy(update={"name": f"{row.name}{HOSTILE}"} | texts) for row in artifacts())
    bad = {"status": Status.FAIL, "reason": HOSTILE, "unit": HOSTILE}
    return report(
        passed=False,
        recipe=recipe(description=HOSTILE),
        hardware=report().hardware.model_copy(update={"title": HOSTILE}),
        verdicts=tuple(verdict(HOSTILE, name, **bad) for name in (None, HOSTILE, *(row.name for row in rows))),
        artifacts=rows,
        sites=tuple(one.model_copy(update={"site": HOSTILE}) for one in sites()),
        routing=Routing(layers=(layer_routing(module=HOSTILE, rows=(HOSTILE,), experts=(HOSTILE,), share=((1.0,),)),)),
        subsets=subsets(HOSTILE),
        environment={HOSTILE: HOSTILE},
        seconds={HOSTILE: 1.0},
    )


KINDS = {"passing": report, "failing": failing, "inconclusive": inconclusive, "hostile": hostile}


@pytest.fixture(scope="session")
def reports() -> dict[str, Report]:
    """One report of each kind, by name."""
    return {kind: make() for kind, make in KINDS.items()}


@pytest.fixture(scope="session", params=KINDS)
def any_report(request: pytest.FixtureRequest) -> Report:
    """Each kind of report in turn."""
    return KINDS[request.param]()
