"""Quality of class scores: accuracy, confidence calibration, and the temperature that mends it. Numpy only.

Everywhere `logits` is (n, classes) and `labels` is (n,). A row with NaN or infinity, as a broken model returns, has no
right answer and no confidence: it counts as wrong, with probability zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.report import Bin

Logits = NDArray[np.float32]
Labels = NDArray[np.int64]
BINS = 15
TEMPERATURES = (0.05, 20.0)
SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class Scores:
    """Figures of one model on test, as it is and `_scaled` by its temperature, which is fitted on validation.

    All but `temperature`, `nll` and `brier` are in 0..1; `auroc` is null unless there are two classes, both present.
    """

    accuracy: float
    balanced_accuracy: float
    auroc: float | None
    temperature: float
    ece: float
    ece_scaled: float
    nll: float
    nll_scaled: float
    brier: float
    brier_scaled: float


def score(outputs: Mapping[str, Logits], labels: Mapping[str, Labels]) -> Scores:
    """Every figure of one model from its logits on `validation` and `test`."""
    temperature = fit_temperature(outputs["validation"], labels["validation"])
    logits, truth = outputs["test"], labels["test"]
    return Scores(
        accuracy=accuracy(logits, truth),
        balanced_accuracy=balanced_accuracy(logits, truth),
        auroc=auroc(logits, truth),
        temperature=temperature,
        ece=ece(logits, truth),
        ece_scaled=ece(logits, truth, temperature),
        nll=nll(logits, truth),
        nll_scaled=nll(logits, truth, temperature),
        brier=brier(logits, truth),
        brier_scaled=brier(logits, truth, temperature),
    )


def probabilities(logits: Logits, temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of logits / temperature, (n, classes); rows that are not finite become zeros."""
    finite = np.isfinite(logits).all(axis=1, keepdims=True)
    scaled = np.where(finite, logits, 0.0).astype(np.float64) / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.where(finite, raised / raised.sum(axis=1, keepdims=True), 0.0)


def correct(logits: Logits, labels: Labels) -> NDArray[np.bool_]:
    """Whether the highest logit is the label's, (n,)."""
    right: NDArray[np.bool_] = np.isfinite(logits).all(axis=1) & (logits.argmax(axis=1) == labels)
    return right


def accuracy(logits: Logits, labels: Labels) -> float:
    """Share of rows whose highest logit is the label's."""
    return float(correct(logits, labels).mean())


def balanced_accuracy(logits: Logits, labels: Labels) -> float:
    """Mean over the classes present of each class' recall."""
    right = correct(logits, labels)
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def macro_f1(logits: Logits, labels: Labels) -> float:
    """Mean over the classes present of each class' F1, the harmonic mean of precision and recall."""
    right = correct(logits, labels)
    said = np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)
    hits = [
        2 * right[labels == label].sum() / ((labels == label).sum() + (said == label).sum()) for label in set(labels)
    ]
    return float(np.mean(hits))


def recall_at(
    queries: NDArray[np.floating], keys: NDArray[np.floating], k: int, wanted: NDArray[np.bool_] | None = None
) -> float:
    """Share of queries (n, d) of which a wanted key, by default the one in the same row of (n, d), is among the k most
    alike (cosine); `wanted` is (n, n).

    A tie counts against it, so that embeddings which say nothing find nothing; NaN finds nothing.
    """
    rows = [values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12) for values in (queries, keys)]
    alike = rows[0].astype(np.float64) @ rows[1].astype(np.float64).T
    right = np.eye(len(alike), dtype=bool) if wanted is None else wanted
    best = np.where(right, alike, -np.inf).max(axis=1, keepdims=True)
    before = ((alike >= best) & ~right).sum(axis=1)
    return float((right.any(axis=1) & ~np.isnan(alike).any(axis=1) & (before < k)).mean())


def auroc(logits: Logits, labels: Labels) -> float | None:
    """Probability that a row of class 1 scores above a row of class 0 (ties count half); None unless binary."""
    if logits.shape[1] != 2 or not np.isfinite(logits).all() or len(np.unique(labels)) != 2:
        return None
    margin = logits[:, 1].astype(np.float64) - logits[:, 0]
    _, position, count = np.unique(margin, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[position]
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    wins = rank[labels == 1].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))


def nll(logits: Logits, labels: Labels, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood in nats; probabilities are floored at 1e-12."""
    truth = probabilities(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(truth, SMALLEST_PROBABILITY)).mean())


def brier(logits: Logits, labels: Labels, temperature: float = 1.0) -> float:
    """Mean over rows of the squared distance between probabilities and the one-hot label (0..2)."""
    off = probabilities(logits, temperature)
    off[np.arange(len(labels)), labels] -= 1
    return float((off**2).sum(axis=1).mean())


def ece(logits: Logits, labels: Labels, temperature: float = 1.0) -> float:
    """Expected calibration error of the top class, over 15 equal-width bins (Guo et al. 2017)."""
    filled = reliability(logits, labels, temperature)
    return float(sum(one.count * abs(one.accuracy - one.confidence) for one in filled) / len(labels))


def reliability(logits: Logits, labels: Labels, temperature: float = 1.0) -> tuple[Bin, ...]:
    """The 15 bins of a reliability diagram, (k/15, (k+1)/15]; an empty bin has its centre and accuracy 0."""
    confidence = probabilities(logits, temperature).max(axis=1)
    right = correct(logits, labels)
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, BINS - 1)
    return tuple(_bin(confidence[place == k], right[place == k], float(edges[k : k + 2].mean())) for k in range(BINS))


def _bin(confidence: NDArray[np.float64], right: NDArray[np.bool_], centre: float) -> Bin:
    if not len(confidence):
        return Bin(confidence=centre, accuracy=0.0, count=0)
    return Bin(confidence=float(confidence.mean()), accuracy=float(right.mean()), count=len(confidence))


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """The temperature with the lowest NLL, within 0.05..20; 1 when the logits are not finite or say nothing.

    As in Platt scaling, one row's worth of doubt is spread over all labels; without it, a validation set with no
    mistake asks for infinite confidence. The NLL is convex in 1/T, so its derivative is bisected.
    """
    values = logits.astype(np.float64)
    if not np.isfinite(values).all() or np.ptp(values, axis=1).max() == 0:
        return 1.0
    doubt = 1 / (len(labels) + 1)
    truth = (1 - doubt) * values[np.arange(len(labels)), labels].mean() + doubt * values.mean()

    def slope(sharpness: float) -> float:
        return float((probabilities(logits, 1 / sharpness) * values).sum(axis=1).mean() - truth)

    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float((low * high) ** -0.5)
