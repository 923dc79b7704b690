"""A temperature put into the network itself: its last layer is divided by it, so that nothing need scale afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RecipeError

KEY = "learn.fold_temperature"


@torch.no_grad()
def fold(model: nn.Module, example: Mapping[str, Tensor], temperature: float) -> None:
    """Divide the model's logits by a temperature, in place, in the linear layer that gives them.

    Raises RecipeError when they do not come straight from a linear layer of the model's own, used once.
    """
    head = last_linear(model, example)
    for parameter in head.parameters():
        parameter.div_(temperature)


def last_linear(model: nn.Module, example: Mapping[str, Tensor]) -> nn.Linear:
    """The linear layer whose output the model gives. Raises RecipeError when there is none."""
    given: list[tuple[nn.Linear, Tensor]] = []
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_hook(lambda own, _, out: given.append((own, out))) for layer in layers]
    try:
        logits = model(**example)
    finally:
        for hook in hooks:
            hook.remove()
    heads = [layer for layer, out in given if out is logits]
    if len(heads) != 1 or Counter(id(layer) for layer, _ in given)[id(heads[0])] != 1:
        raise _unfit(model, "its logits do not come straight from one linear layer that is called once")
    (head,) = heads
    if _is_shared(model, head):
        raise _unfit(model, "the weight of its last layer is another layer's too")
    return head


def _is_shared(model: nn.Module, head: nn.Linear) -> bool:
    """Whether a parameter of the layer has another name as well."""
    own = {id(parameter) for parameter in head.parameters()}
    names = [id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False) if id(parameter) in own]
    return len(names) > len(own)


def _unfit(model: nn.Module, why: str) -> RecipeError:
    return RecipeError(
        f"{KEY}: the temperature cannot be folded into {type(model).__name__}: {why}",
        where=KEY,
        todo="leave it out; the temperature of every file stands in the bundle's manifest",
    )
