"""What a foreign program's graph (models/model.json of a .pt2) may say before torch interprets it.

torch looks operators up by attribute from `torch` on, evaluates the expressions of symbolic shapes as Python, and
writes names into Python source. So all three are held to what exported networks need, and guards, which torch would
compile, are taken out.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from l0gm_edge.compile.zip_archive import refused

MOST_ELEMENTS = 2**31
TO_THE_END = 2**63 - 1
"""How a slice without an end is written."""
LONGEST = 500
OPERATORS = re.compile(
    r"torch\.ops\.aten\.[a-zA-Z_]\w*\.\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|torch\.sym_(int|float|max|min|not|ite|sum)|math\.(ceil|floor|trunc|sqrt)"
)
FILES = frozenset({"from_file"})
"""aten operators that open files."""
SYMBOLIC = frozenset({"Symbol", "Integer", "Add", "Mul", "Mod", "Max", "Min"}) | {
    *("Rel", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "FloorDiv", "CleanDiv", "CeilDiv", "PythonMod", "IntTrueDiv")
}
KEPT = frozenset({"nn_module_stack"})
"""What of a node's notes goes on: the modules it came from, after which tensors are named."""
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
PATH = re.compile(r"[\w.-]*", re.ASCII)
PATHS = frozenset({"parameter_name", "buffer_name", "tensor_constant_name", "fqn"})
SPECS = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict"})
_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.USub, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip


def cleaned(text: bytes, where: str) -> bytes:
    """The graph with nothing in it that torch would execute. Raises RefusedInput, naming what is foreign."""
    try:
        graph = json.loads(text)
        _require_known(graph, where)
        for node in _nodes(graph):
            node["metadata"] = {key: value for key, value in node["metadata"].items() if key in KEPT}
        graph["guards_code"] = []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refused(where, f"its graph cannot be read ({type(error).__name__}: {error})") from error
    return json.dumps(graph).encode()


def _require_known(graph: dict[str, Any], where: str) -> None:
    for node in _nodes(graph):
        target = str(node["target"])
        if not OPERATORS.fullmatch(target) or target.split(".")[-2] in FILES:
            raise refused(where, f"operator {target[:LONGEST]} is not one of a network (node '{node.get('name')}')")
        for argument in node["inputs"]:
            if not isinstance(argument["arg"], dict) or "as_graph" in argument["arg"]:
                raise refused(where, f"node '{node.get('name')}' holds another graph (control flow)")
            _require_count(argument["arg"].get("as_int"), where)
    for key, value in _walk(graph):
        if key == "expr_str":
            _require_symbolic(value, where)
        elif (key == "name" and value and not _is(NAME, value)) or (key in PATHS and not _is(PATH, value)):
            raise refused(where, f"'{str(value)[:60]}' is no name")
        elif key in ("in_spec", "out_spec") and value:
            _require_plain_spec(value, where)
        elif key in ("as_ints", "sizes"):
            _require_size(value, where)
        elif key == "custom_obj_values" and value:
            raise refused(where, "it holds objects of other classes than tensors")


def _nodes(graph: dict[str, Any]) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = graph["graph_module"]["graph"]["nodes"]
    return nodes


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _require_symbolic(text: str, where: str) -> None:
    if not isinstance(text, str) or len(text) > LONGEST:
        raise refused(where, "the expression of a shape is too long")
    try:
        parts = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise refused(where, f"'{text[:60]}' is no expression of a shape") from error
    for part in parts:
        called = part.func if isinstance(part, ast.Call) else None
        foreign = called is not None and not (isinstance(called, ast.Name) and called.id in SYMBOLIC)
        unknown = isinstance(part, ast.Name) and part.id not in SYMBOLIC and not re.fullmatch(r"[suz]\d+", part.id)
        large = isinstance(part, ast.Constant) and not _is_small(part.value)
        if not isinstance(part, _SYNTAX) or foreign or unknown or large:
            raise refused(where, f"'{text[:60]}' is no expression of a shape")


def _is_small(value: object) -> bool:
    """A flag, a count, or the name of a symbol."""
    if isinstance(value, str):
        return re.fullmatch(r"[suz]\d+", value) is not None
    return isinstance(value, bool | int) and abs(value) < 2**63


def _require_plain_spec(text: str, where: str) -> None:
    spec = json.loads(text)
    for key, value in _walk(spec):
        if key == "type" and value not in SPECS:
            raise refused(where, f"its inputs or outputs are of the class {str(value)[:60]}")
        if key == "context" and value is not None:
            names = json.loads(value) or []
            if not isinstance(names, list) or not all(_is(NAME, name) for name in names):
                raise refused(where, f"'{str(value)[:60]}' is no list of names")


def _is(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _require_count(value: object, where: str) -> None:
    if isinstance(value, int) and MOST_ELEMENTS < value != TO_THE_END:
        raise refused(where, f"an argument of {value} is absurdly large")


def _require_size(sizes: list[Any], where: str) -> None:
    known = [one.get("as_int", 1) if isinstance(one, dict) else one for one in sizes]
    if not all(isinstance(one, int) for one in known) or math.prod(max(abs(one), 1) for one in known) > MOST_ELEMENTS:
        raise refused(where, f"a tensor of shape {str(known)[:60]} is absurdly large")
