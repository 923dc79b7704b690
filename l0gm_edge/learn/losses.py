"""What training minimises."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 1e-30
"""Probabilities have at least this logarithm."""


def classification(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of logits (n, classes) with labels (n,), smoothed: a scalar."""
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL divergence from the teacher's softened classes, times temperature squared (arXiv 1503.02531): a scalar."""
    student_log = F.log_softmax(logits / temperature, dim=-1)
    teacher_log = F.log_softmax(teacher / temperature, dim=-1)
    return F.kl_div(student_log, teacher_log, reduction="batchmean", log_target=True) * temperature**2


def info_nce(a: Tensor, b: Tensor, scale: float | Tensor) -> Tensor:
    """Symmetric InfoNCE of matching rows (n, d): each of `a` is to find its own of `b` among all, and the reverse.

    Cosines times `scale` are the logits (arXiv 1807.03748, symmetric as in arXiv 2103.00020): a scalar.
    """
    logits = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T
    own = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def supervised_contrastive(features: Tensor, labels: Tensor, scale: float) -> Tensor:
    """How hard it is to find the rows of one's own class among all others, by cosine, of features (n, d): a scalar.

    L_out of supervised contrastive learning (arXiv 2004.11362); rows that are alone in their class do not count.
    """
    directions = F.normalize(features, dim=-1)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    logits = (scale * directions @ directions.T).masked_fill(itself, float("-inf"))
    log_share = F.log_softmax(logits, dim=-1).masked_fill(itself, 0.0)
    alike = (labels[:, None] == labels[None, :]) & ~itself
    count = alike.sum(1)
    each = -(log_share * alike).sum(1) / count.clamp_min(1)
    return (each * (count > 0)).sum() / (count > 0).sum().clamp_min(1)


def compactness(features: Tensor, labels: Tensor) -> Tensor:
    """Mean squared distance of directions (n, d) from the mean of their class, among these rows: a scalar in 0..1."""
    directions = F.normalize(features, dim=-1)
    alike = (labels[:, None] == labels[None, :]).to(directions.dtype)
    centres = alike @ directions / alike.sum(1, keepdim=True)
    return (directions - centres).square().sum(1).mean()


def balanced_and_confident(logits: Tensor) -> Tensor:
    """0 when each row (n, experts) is sure of its expert and all experts are used alike, up to log E: a scalar.

    log E less the mutual information of row and expert: the entropy of a row's choice, and what the entropy of the mean
    choice lacks.
    """
    choices = logits.softmax(-1)
    unsure = -(choices * logits.log_softmax(-1)).sum(-1).mean()
    return unsure + math.log(logits.shape[-1]) - entropy(choices.mean(0))


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy in nats of distributions (..., n): (...)."""
    floored = probabilities.clamp_min(SMALLEST)  # a closed expert's is 0, where the logarithm has no gradient
    return -(probabilities * floored.log()).sum(dim=-1)
