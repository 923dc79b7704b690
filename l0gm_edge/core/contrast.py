"""What a contrastive objective learns from labels, beside what the modalities say of each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from l0gm_edge.core.value import Value


class Contrastive(Value):
    """The weight of the classes' cross-entropy beside the contrastive loss. With `probe` labels teach the head alone,
    on embeddings that stay as they are, so that these know the modalities and no classes."""

    labels: Annotated[float, Field(gt=0)] = 1.0
    probe: bool = False
