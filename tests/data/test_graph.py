"""Rows of a graph's nodes, held against a plain reading of what they should be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.data._graph import ABSENT, FanOut, Graph, drawn, means, rows, undirected

FEATURES = np.random.default_rng(0).integers(0, 2, (12, 5)).astype(np.float32)
edges = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60).map(
    lambda pairs: np.array(pairs, np.int64).reshape(-1, 2).T
)


def neighbours(graph: Graph, node: int) -> list[int]:
    return graph.neighbours[graph.starts[node] : graph.starts[node + 1]].tolist()


@given(edges)
def test_a_graph_is_seen_from_both_sides_without_loops_or_doubles(ends: np.ndarray) -> None:
    graph = undirected(ends, 12)
    expected = {(a, b) for a, b in ends.T.tolist() if a != b}
    for node in range(12):
        assert neighbours(graph, node) == sorted({b for a, b in expected | {(b, a) for a, b in expected} if a == node})


@given(edges, st.integers(1, 6), st.integers(0, 5))
def test_neighbours_are_drawn_once_each_and_all_of_them_where_they_fit(ends: np.ndarray, count: int, seed: int) -> None:
    graph = undirected(ends, 12)
    found = drawn(graph, np.arange(12), count, seed)
    assert found.shape == (12, count)
    for node, row in enumerate(found.tolist()):
        own = neighbours(graph, node)
        real = [one for one in row if one != ABSENT]
        assert row == real + [ABSENT] * (count - len(real))
        assert len(set(real)) == len(real) == min(count, len(own))
        assert set(real) <= set(own)
    assert np.array_equal(drawn(graph, np.array([7, 3]), count, seed), found[[7, 3]])


def test_each_neighbour_is_drawn_equally_often() -> None:
    star = undirected(np.stack([np.zeros(7, int), np.arange(1, 8)]), 8)
    times = np.zeros(8)
    for seed in range(2_000):
        times[drawn(star, np.array([0]), 3, seed)] += 1
    np.testing.assert_allclose(times[1:] / 2_000, 3 / 7, atol=0.05)


@given(edges, st.integers(1, 4), st.integers(1, 4))
def test_a_row_is_the_node_and_its_neighbours_with_their_means(ends: np.ndarray, first: int, second: int) -> None:
    graph, fan_out = undirected(ends, 12), FanOut(neighbours=first, means=second, seed=3)
    nodes = np.array([5, 0, 11])
    made = rows(graph, FEATURES, nodes, fan_out)
    assert made.shape == (3, 1 + first, 11)
    assert made.dtype == np.float32
    of_each = drawn(graph, np.arange(12), second, fan_out.seed + 1)
    for row, node in zip(made, nodes, strict=True):
        members = [node, *drawn(graph, np.array([node]), first, fan_out.seed)[0]]
        for found, member in zip(row, members, strict=True):
            if member == ABSENT:
                assert not found.any()
                continue
            heard = [FEATURES[one] for one in of_each[member] if one != ABSENT]
            expected = np.mean(heard, axis=0) if heard else np.zeros(5)
            np.testing.assert_allclose(found, [1, *FEATURES[member], *expected], rtol=1e-6)


def test_means_do_not_depend_on_how_many_are_taken_at_a_time(monkeypatch) -> None:
    chosen = np.random.default_rng(1).integers(ABSENT, 12, (30, 4))
    whole = means(FEATURES, chosen)
    monkeypatch.setattr("l0gm_edge.data._graph.CACHED", 10)
    assert np.array_equal(means(FEATURES, chosen), whole)
