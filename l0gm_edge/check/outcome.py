"""The outcome of a run: every verdict, the artifacts that ship, and the exit status that follows."""

from __future__ import annotations

from collections.abc import Sequence

from l0gm_edge.check import checks
from l0gm_edge.check.aggregates import aggregates
from l0gm_edge.check.choose import choose
from l0gm_edge.check.goals import goals
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Choice, Status, Verdict, run_status

EXIT_STATUS = {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 3}


class Outcome(Value):
    """What the checks found, and which artifact each runtime gets."""

    verdicts: tuple[Verdict, ...]
    choices: tuple[Choice, ...]

    @property
    def passed(self) -> bool:
        """Every run-level verdict is PASS, among them one for each runtime that the profile requires."""
        return run_status(self.verdicts) is Status.PASS


def judge(evidence: Evidence) -> Outcome:
    """Make every check, choose, then hold what was chosen against the goals of the run."""
    found = tuple(verdict for name in checks.names() for verdict in checks.plugin(name).check(evidence))
    found += aggregates(evidence)
    choices = choose(evidence, found)
    return Outcome(verdicts=found + goals(evidence, found, choices), choices=choices)


def exit_status(verdicts: Sequence[Verdict]) -> int:
    """0 when the run passed, 1 when a run-level verdict failed, 3 when nothing failed but something is open."""
    return EXIT_STATUS[run_status(verdicts)]
