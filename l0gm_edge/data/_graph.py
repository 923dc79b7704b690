"""Nodes of a graph as rows of plain numbers: what a two-layer GraphSAGE reads, with neighbours drawn on the host.

A row is a matrix (1 + S, 1 + 2 F): first the node itself, then S of its neighbours, each as

    [1, its F features, the mean features of up to K of its own neighbours]

and all zeros where a node has fewer than S neighbours, so that the first column is a mask. The features and the mean
are the input of GraphSAGE's first layer with its mean aggregator (Hamilton et al. 2017, arXiv:1706.02216); the second
layer then needs the S + 1 outputs of one row and nothing else. So a device that is given a row computes both layers
without the graph, from tensors of fixed shape.

The fan-out (S, K) is each data set's choice: a row costs 4 (1 + S) (1 + 2 F) bytes, and a set should stay below 2 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Array
from l0gm_edge.data._splits import Rows

ABSENT = -1
"""Stands where a node has no further neighbour."""
CACHED = 1 << 20
"""Numbers that are summed at a time: few enough to stay in a processor's cache."""


@dataclass(frozen=True)
class Graph:
    """The neighbours of node i, in ascending order: `neighbours[starts[i]:starts[i + 1]]`."""

    starts: NDArray[np.int64]
    neighbours: NDArray[Any]

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self.starts) - 1


@dataclass(frozen=True)
class FanOut:
    """`neighbours` (S) of a node, and of each of these up to `means` (K) neighbours of its own, drawn with `seed`."""

    neighbours: int
    means: int
    seed: int


def undirected(ends: NDArray[Any], nodes: int) -> Graph:
    """The graph of edges `ends` (2, e), each seen from both sides and once; loops are dropped."""
    edges = ends.shape[1]
    keys = np.empty(2 * edges, np.uint64)  # source and target in one number, so that one sort does it in place
    for at, (source, target) in enumerate((ends, ends[::-1])):
        half = keys[at * edges : (at + 1) * edges]
        half[:] = source
        half *= np.uint64(nodes)
        half += target.astype(np.uint64, copy=False)
    keys.sort()
    once = np.ones(len(keys), bool)
    once[1:] = keys[1:] != keys[:-1]
    keys = keys[once]
    sources, targets = (part.astype(np.uint32) for part in np.divmod(keys, np.uint64(nodes)))
    loops = sources == targets
    sources, targets = sources[~loops], targets[~loops]
    return Graph(np.searchsorted(sources, np.arange(nodes + 1)).astype(np.int64), targets)


def drawn(graph: Graph, nodes: Rows, count: int, seed: int) -> Rows:
    """Up to `count` different neighbours of each node, then ABSENT: (n, count). A node's draw is its own.

    Systematic sampling: every `degree / count`-th neighbour from a random place on, in whole numbers, so that each has
    the same chance of count / degree and none is drawn twice.
    """
    first = graph.starts[nodes]
    degree = (graph.starts[nodes + 1] - first)[:, None]
    offset = np.atleast_1d(np.random.PCG64(seed).random_raw(graph.nodes))[nodes][:, None]
    offset = (offset % np.maximum(degree, 1).astype(np.uint64)).astype(np.int64)
    slot = np.arange(count)
    place = np.where(degree > count, (slot * degree + offset) // count, slot)
    there = slot < degree
    found = np.full(there.shape, ABSENT, np.int64)
    found[there] = graph.neighbours[(first[:, None] + place)[there]]
    return found


def means(features: Array, neighbours: Rows) -> Array:
    """Mean features of each row's neighbours (n, k), zero where all are ABSENT: (n, F)."""
    total = np.zeros((len(neighbours), features.shape[1]), np.float32)
    some = max(1, CACHED // features.shape[1])
    for start in range(0, len(neighbours), some):
        block = total[start : start + some]
        for column in neighbours[start : start + some].T:
            there = column != ABSENT
            block[there] += features[column[there]]
    total /= np.maximum((neighbours != ABSENT).sum(axis=1, keepdims=True), 1).astype(np.float32)
    return total


def rows(graph: Graph, features: Array, nodes: Rows, fan_out: FanOut) -> Array:
    """The rows of `nodes`, (n, 1 + S, 1 + 2 F), from `features` (all nodes, F), which may be mapped from a file."""
    first = drawn(graph, nodes, fan_out.neighbours, fan_out.seed)
    members = np.concatenate([nodes[:, None], first], axis=1)
    used = np.unique(members[members != ABSENT])
    width = features.shape[1]
    table = np.zeros((len(used) + 1, 1 + 2 * width), np.float32)  # the last row is nobody's
    table[:-1, 0] = 1
    table[:-1, 1 : 1 + width] = features[used]
    table[:-1, 1 + width :] = means(features, drawn(graph, used, fan_out.means, fan_out.seed + 1))
    place = np.where(members == ABSENT, len(used), np.searchsorted(used, members))
    return np.asarray(table[place])
