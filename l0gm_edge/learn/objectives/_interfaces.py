"""What each modality gives to the classifier, as one forward pass goes by."""

from __future__ import annotations

from torch import Tensor, nn

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.learn.batches import Inputs
from l0gm_edge.learn.distill import tapped
from l0gm_edge.models.fusion import Network


def seen(model: nn.Module, inputs: Inputs, objective: str) -> tuple[list[Tensor], Tensor]:
    """Each modality's interface, (n, width) before its nonlinearity, and the logits.

    Raises RecipeError, in the name of an objective, when the modalities have no interfaces.
    """
    paths = sorted(model.interface_layers()) if isinstance(model, Network) else []
    if not paths:
        raise RecipeError(
            f"learn: objective '{objective}' compares what each modality gives, and here they give nothing apart",
            where=type(model).__name__,
            allowed="model.fusion: late, shared, towers",
        )
    with tapped(model, paths) as found:
        logits = model(**inputs)
    return [found[path] for path in paths], logits
