"""The torch calls of one forward pass as a graph: what does not depend on the inputs is computed once, and constant.

For models whose code computes shapes from tensors, as an importer's does: `torch.export` knows such values only as
unknown, here they are what they were on the example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils import _pytree as pytree

from l0gm_edge.core.errors import ExportFailed


def recorded(model: nn.Module, example: Mapping[str, Tensor]) -> fx.GraphModule:
    """`model(**example)`, in evaluation mode, as a graph that takes the same names.

    Raises ExportFailed where a value of the inputs decides what is computed.
    """
    root = nn.Module()
    recorder = _Recorder(root)
    inputs = {name: recorder.place(name, value) for name, value in example.items()}
    with torch.no_grad(), recorder:
        output = model.eval()(**inputs)
    recorder.graph.output(recorder.argument(output))
    recorder.graph.lint()
    return fx.GraphModule(root, recorder.graph, type(model).__name__)


class _Recorder(TorchFunctionMode):
    """Runs every call, and notes those that have a tensor among their arguments which depends on an input."""

    def __init__(self, root: nn.Module) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.root = root
        self.nodes: dict[int, fx.Node] = {}
        self.kept: list[Tensor] = []  # alive, so that no other tensor gets the identity of one

    def place(self, name: str, value: Tensor) -> Tensor:
        own = value.clone()
        self._note(own, self.graph.placeholder(name))
        return own

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        found = func(*args, **given)
        flat = pytree.tree_leaves((args, given))
        if not any(isinstance(one, Tensor) and id(one) in self.nodes for one in flat):
            return found
        tensors = [one for one in pytree.tree_leaves(found) if isinstance(one, Tensor)]
        if not tensors:
            self._require_no_value(func, found)
            return found
        node = self.graph.call_function(func, *pytree.tree_map(self.argument, (tuple(args), given)))
        if isinstance(found, Tensor):
            self._note(found, node)
        elif isinstance(found, tuple | list):
            for index, one in enumerate(found):
                if isinstance(one, Tensor):
                    self._note(one, self.graph.call_function(_taken, (node, index)))
        return found

    def argument(self, value: Any) -> Any:
        """A tensor as the node that makes it, or as a constant; a single count, and anything else, as it is."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self.nodes and value.dim() == 0 and not value.is_floating_point():
            return value.item()
        if id(value) not in self.nodes:
            name = f"constant_{len(self.kept)}"
            self.root.register_buffer(name, value.detach())
            self._note(value, self.graph.get_attr(name))
        return self.nodes[id(value)]

    def _note(self, value: Tensor, node: fx.Node) -> None:
        self.nodes[id(value)] = node
        self.kept.append(value)

    def _require_no_value(self, func: Callable[..., Any], found: object) -> None:
        """Shapes and types of tensors may be read, their values may not; nor may a constant be written into."""
        name = getattr(func, "__name__", "")
        if found is None or name in _READS_VALUES:
            raise ExportFailed(
                f"a value of the inputs decides what is computed ({resolve_name(func) or name})",
                allowed="graphs whose operations and shapes do not depend on the values of their inputs",
            )


_READS_VALUES = frozenset({"item", "tolist", "numpy", "equal", "allclose", "is_nonzero"}) | {
    f"__{kind}__" for kind in ("bool", "int", "float", "index", "contains")
}


def _taken(values: Any, index: int) -> Any:
    return values[index]
