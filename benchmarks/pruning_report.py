"""Tables and bars of pruning_peers.py: the default method against every peer, seed by seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lines import Line, average, by_seed, differences, interval, told
from result import Bar, at_least, write

BY, TIMED = ("steps", "compute"), "latency"
DEFAULT, OURS = "progressive", ("progressive", "hard_concrete", "one_shot")
NOT_INFERIOR = -0.002, -0.01
"""The mean lead, and the lower end of its interval, that still count as not inferior."""
ENOUGH = {"steps": 3, "compute": 1}
"""Tasks on which the default should be ahead of every peer."""


def report(lines: Sequence[Line], arms: Iterable[str]) -> int:
    """Mean figures of every arm, and the default's paired leads, with 95 % intervals."""
    tested = [line for line in lines if line["split"] == "test" or line["equal"] == TIMED]
    tasks = list(dict.fromkeys(str(line["task"]) for line in tested))
    found = [row for task in tasks for row in rows([line for line in tested if line["task"] == task], arms)]
    return write("pruning_peers", found, list(bars(tested, tasks, [arm for arm in arms if arm not in OURS])))


def rows(lines: Sequence[Line], arms: Iterable[str]) -> Iterator[Line]:
    """One row an arm of a task, the dense network first."""
    budget = min(float(line["budget"] or 1) for line in lines)
    for arm in ("dense", *arms):
        mine = {equal: [one for one in lines if (one["arm"], one["equal"]) == (arm, equal)] for equal in (*BY, TIMED)}
        if not any(mine.values()):
            continue
        row: Line = {"task": lines[0]["task"], "MACs": 1.0 if arm == "dense" else budget, "arm": arm}
        row["seeds, steps | compute"] = " | ".join(str(len(mine[equal])) for equal in BY)
        row["just after the cut"] = average(mine["steps"], "after_cut")
        for equal in BY:
            row[f"accuracy, equal {equal}"] = average(mine[equal], "accuracy")
            row[f"default's lead, equal {equal}"] = told(leads(lines, arm, equal, "accuracy"))
            row[f"ECE, equal {equal}"] = average(mine[equal], "ece")
        row["accuracy on familiar rows, equal steps"] = average(mine["steps"], "familiar")
        row["AUROC, equal steps"] = average(mine["steps"], "auroc")
        row["MACs met"] = average(mine["steps"], "macs")
        row["p50 / dense"] = average(mine[TIMED], "p50")
        yield row


def bars(lines: Sequence[Line], tasks: Sequence[str], peers: Sequence[str]) -> Iterator[Bar]:
    """Ahead just after the cut; ahead at equal steps; not behind at equal compute; and on how many tasks of all."""
    ahead: dict[str, list[str]] = {equal: [] for equal in BY}
    for task in tasks:
        of = [line for line in lines if line["task"] == task]
        lowest: dict[str, list[float]] = {equal: [] for equal in BY}
        for peer in peers:
            for equal, figure, what in (
                ("steps", "after_cut", "just after the cut"),
                ("steps", "accuracy", "equal steps"),
                ("compute", "accuracy", "equal compute"),
            ):
                found = interval(leads(of, peer, equal, figure))
                if found is None:
                    continue
                name = f"{task}, {what}: lead over {peer}, low end of 95 %"
                if figure == "accuracy":
                    lowest[equal].append(found[1])
                if equal == "compute":
                    held = found[0] >= NOT_INFERIOR[0] and found[1] > NOT_INFERIOR[1]
                    yield Bar(name, found[1], NOT_INFERIOR[1], held)
                else:
                    yield Bar(name, found[1], 0.0, found[1] > 0)
        for equal, ends in lowest.items():
            if ends and min(ends) > 0:
                ahead[equal].append(task)
    for equal, won in ahead.items():
        yield at_least(f"tasks with a lead over every peer, equal {equal}", len(won), ENOUGH[equal])


def leads(lines: Sequence[Line], arm: str, equal: str, figure: str) -> list[float]:
    """The default's figure less the arm's, for every seed that has both."""
    of = {one: by_seed([line for line in lines if (line["arm"], line["equal"]) == (one, equal)], figure)
          for one in (DEFAULT, arm)}  # fmt: skip
    return [] if arm == DEFAULT else differences(of[DEFAULT], of[arm])
