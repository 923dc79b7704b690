"""What training minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.models.moe import MoE


def classification(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of logits (n, classes) with labels (n,), smoothed: a scalar."""
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL divergence from the teacher's softened classes, times temperature squared (arXiv 1503.02531): a scalar."""
    student_log = F.log_softmax(logits / temperature, dim=-1)
    teacher_log = F.log_softmax(teacher / temperature, dim=-1)
    return F.kl_div(student_log, teacher_log, reduction="batchmean", log_target=True) * temperature**2


def info_nce(a: Tensor, b: Tensor, scale: float | Tensor) -> Tensor:
    """Symmetric InfoNCE of two modalities (n, d), row i of one belonging to row i of the other (arXiv 2103.00020): a
    scalar, log n where nothing is told apart. Cosines are multiplied by `scale`."""
    alike = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T
    own = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(alike, own) + F.cross_entropy(alike.T, own)) / 2


def balance(model: nn.Module) -> Tensor | float:
    """The balance losses of every expert layer that ran since the last call, summed; they are taken, because a layer in
    a block that gates skip next time would still hold its old one."""
    total: Tensor | float = 0.0
    for layer in model.modules():
        if isinstance(layer, MoE) and layer.balance is not None:
            total, layer.balance = total + layer.balance, None
    return total
