"""What every check of the folder must do."""

from __future__ import annotations

import pytest
from synthetic import evidence

from l0gm_edge.check import checks
from l0gm_edge.core.verdict import Status


@pytest.mark.parametrize("name", checks.names())
def test_a_check_speaks_with_unique_well_formed_verdicts(name: str) -> None:
    made_up = evidence()
    verdicts = checks.plugin(name).check(made_up)
    assert verdicts
    assert len({(verdict.check, verdict.artifact) for verdict in verdicts}) == len(verdicts)
    known = {one.artifact.name for one in made_up.models} | {None}
    assert {verdict.artifact for verdict in verdicts} <= known
    assert all(verdict.reason and verdict.status is Status.PASS for verdict in verdicts)


def test_checks_do_not_share_names() -> None:
    by_check = [{verdict.check for verdict in checks.plugin(name).check(evidence())} for name in checks.names()]
    assert sum(map(len, by_check)) == len(set().union(*by_check))
