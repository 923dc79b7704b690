"""What training minimises."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def classification(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of logits (n, classes) with labels (n,), smoothed: a scalar."""
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL divergence from the teacher's softened classes, times temperature squared (arXiv 1503.02531): a scalar."""
    student_log = F.log_softmax(logits / temperature, dim=-1)
    teacher_log = F.log_softmax(teacher / temperature, dim=-1)
    return F.kl_div(student_log, teacher_log, reduction="batchmean", log_target=True) * temperature**2
