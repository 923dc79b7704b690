"""What should not stand in a compiled file: operators that its runtime may lack, and remains of training."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from l0gm_edge.backends import ModelFacts
from l0gm_edge.compile import rules
from l0gm_edge.core.artifact import Artifact

# Operators by which a gate or mask that was not cut would act.
_MASKING = frozenset({"MUL", "Mul", "WHERE", "Where", "SELECT", "SELECT_V2", "LOGISTIC", "Sigmoid", "Clip"})


def linted(
    artifact: Artifact,
    path: Path,
    target: rules.Target,
    reference: ModelFacts | None = None,
    allowed: Collection[str] = (),
) -> Artifact:
    """The record of a file with its problems: those of `lint`, and the rules of its runtime's releases that it breaks.

    Raises RefusedInput for a file that cannot be read.
    """
    facts = ModelFacts(inputs=artifact.inputs, outputs=artifact.outputs, ops=artifact.ops)
    if artifact.runtime not in rules.names():
        return artifact.model_copy(update={"problems": lint(facts, reference, allowed)})
    broken = tuple(str(one) for one in rules.plugin(artifact.runtime).problems(path, target))
    return artifact.model_copy(update={"problems": (*broken, *lint(facts, reference, facts.ops))})


def lint(facts: ModelFacts, reference: ModelFacts | None = None, allowed: Collection[str] = ()) -> tuple[str, ...]:
    """Problems of a file, in words; empty when there is none.

    Operators outside the runtime's own set carry a prefix (`custom.FlexErf`, `com.microsoft.FusedGemm`) and are
    problems unless `allowed` names them. With the facts of a natively small model of the same widths and scheme,
    every operator must stand as often in both.
    """
    foreign = (
        f"{name} ({count}x) is not a built-in operator of the runtime"
        for name, count in facts.ops.items()
        if "." in name and name not in allowed
    )
    return (*foreign, *(_differences(facts, reference) if reference else ()))


def _differences(facts: ModelFacts, reference: ModelFacts) -> tuple[str, ...]:
    problems = []
    for name in sorted(facts.ops.keys() | reference.ops.keys()):
        here, there = facts.ops.get(name, 0), reference.ops.get(name, 0)
        if here != there:
            hint = "; a gate or mask was left behind" if here > there and name in _MASKING else ""
            problems.append(f"{name} stands {here} times, {there} in a natively small model{hint}")
    return tuple(problems)
