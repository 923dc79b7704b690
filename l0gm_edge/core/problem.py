"""What a lint found: the rule that a file breaks, where, and the way out."""

from __future__ import annotations

from l0gm_edge.core.value import Value


class Problem(Value):
    """A rule that a file breaks: its name, the node, what is wrong and the way out."""

    rule: str
    node: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.node}: {self.what}; {self.todo}"
