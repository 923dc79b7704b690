"""What gates add to a training step: time and memory, against the same network without them.

    python benchmarks/gate_overhead.py

Dense and gated steps take turns, so that a busy moment hits both; every method, on three networks, on one thread. The
model is not cut meanwhile (`cuts: 0`), so that what is seen is the gates' own cost; once it is cut, steps are cheaper
than dense ones. Memory is the peak of what torch allocates within a step, on top of weights and optimiser state.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable

import nets
import torch
from result import Bar, Cell, at_most, write
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from l0gm_edge.core import load
from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.models import fusion

METHODS = ("hard_concrete", "progressive", "one_shot")
WARM_UP, ROUNDS = 2, 40
SLOWEST, LARGEST = 1.10, 1.05
WIDTHS = {SiteKind.CHANNELS: 4}
Made = tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]


def late_fusion() -> Made:
    """Our own model of AV-MNIST, a batch of 128."""
    inputs = {"audio": torch.randn(128, 1, 32, 32), "image": torch.randn(128, 1, 28, 28)}
    model = fusion.build(load.recipe("avmnist", ()), {"audio": (1, 32, 32), "image": (1, 28, 28)}, 10)
    return model, inputs, tuple(model.interface_layers())


def mobile_net() -> Made:
    """MobileNetV2-shaped, pictures of 32 x 32, a batch of 64."""
    return nets.mobilenet_v2(), {"image": torch.randn(64, 3, 32, 32)}, ()


def transformer() -> Made:
    """128 wide, four layers, 128 tokens, a batch of 32."""
    model = nets.text_transformer(4_000, 128, 2, d=128, layers=4)
    return model, {"text": torch.randint(1, 4_000, (32, 128))}, ()


NETWORKS: dict[str, Callable[[], Made]] = {
    "late fusion": late_fusion,
    "MobileNetV2": mobile_net,
    "text transformer": transformer,
}


def main() -> int:
    """Write the result; 0 when every bar holds, else 1."""
    torch.set_num_threads(1)
    rows: list[dict[str, Cell]] = []
    bars: list[Bar] = []
    for name, make in NETWORKS.items():
        for method in METHODS:
            row = compared(name, method, make)
            rows.append(row)
            bars.append(at_most(f"{name}, {method}: time of a step over dense", float(row["time"] or 0), SLOWEST))
            bars.append(at_most(f"{name}, {method}: memory of a step over dense", float(row["memory"] or 0), LARGEST))
    return write("gate_overhead", rows, bars)


def compared(name: str, method: str, make: Callable[[], Made]) -> dict[str, Cell]:
    """Medians over rounds of one dense and one gated step each."""
    torch.manual_seed(0)
    model, inputs, interfaces = make()
    dense = copy.deepcopy(model)
    gates = Gates(method=method, target=Target(mac_fraction=0.3), cuts=0)
    session = Session(model, {key: values[:2] for key, values in inputs.items()}, gates, WIDTHS, interfaces)
    plain, gated = step_of(dense, inputs, None), step_of(model, inputs, session)
    for _ in range(WARM_UP):
        plain(), gated()
    session.begin(2 * ROUNDS)
    times = [(seconds(plain), seconds(gated)) for _ in range(ROUNDS)]
    without, with_gates = (statistics.median(one) for one in zip(*times, strict=True))
    return {
        "network": name,
        "method": method,
        "units": session.layout.units,
        "dense_ms": 1e3 * without,
        "gated_ms": 1e3 * with_gates,
        "time": statistics.median(gated_s / dense_s for dense_s, gated_s in times),
        "memory": peak_bytes(gated) / peak_bytes(plain),
    }


def step_of(model: nn.Module, inputs: dict[str, Tensor], session: Session | None) -> Callable[[], None]:
    """A training step of a model, with its gates if it has any."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    labels = torch.zeros(len(next(iter(inputs.values()))), dtype=torch.long)
    model.train()

    def step() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(**inputs), labels)
        (loss if session is None else loss + session.penalty()).backward()
        optimizer.step()
        if session is not None:
            session.step(optimizer)

    return step


def seconds(step: Callable[[], None]) -> float:
    """Time of one step."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def peak_bytes(step: Callable[[], None]) -> int:
    """The most that was allocated at any moment of a step, of what was allocated in it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        step()
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]  # type: ignore[union-attr]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


if __name__ == "__main__":
    sys.exit(main())
