"""What every check of the folder must do."""

from __future__ import annotations

import pytest
from synthetic import artifacts, changed, engine_run, evidence, recipe, subsets

from l0gm_edge.check import checks
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Status


def everything() -> Evidence:
    """A made-up run with something to say for every check."""
    engine = engine_run('{"Layers": [{"Name": "a", "Weights": {"Type": "Int8"}}]}', {"a": "int8"})
    measured = changed(artifacts(), "compressed-onnxruntime-static_int8", engine=engine.model_dump())
    return evidence(measured=measured, subsets=subsets(0.8, 0.8), recipe=recipe(max_missing_drop_points=1.0))


@pytest.mark.parametrize("name", checks.names())
def test_a_check_speaks_with_unique_well_formed_verdicts(name: str) -> None:
    made_up = everything()
    verdicts = checks.plugin(name).check(made_up)
    assert verdicts
    assert len({(verdict.check, verdict.artifact) for verdict in verdicts}) == len(verdicts)
    known = {one.artifact.name for one in made_up.models} | {None}
    assert {verdict.artifact for verdict in verdicts} <= known
    assert all(verdict.reason and verdict.status is Status.PASS for verdict in verdicts)


def test_checks_do_not_share_names() -> None:
    by_check = [{verdict.check for verdict in checks.plugin(name).check(everything())} for name in checks.names()]
    assert sum(map(len, by_check)) == len(set().union(*by_check))
