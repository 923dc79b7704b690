"""One code path for image, audio and table: what is requested is what is counted."""

from __future__ import annotations

import copy

import fusion_models
import pytest
import torch
from torch.nn import functional

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.models.fusion.late import LateFusion
from l0gm_edge.prune.cut import replay
from l0gm_edge.prune.prune import multiples, prune

METHODS = ("hard_concrete", "progressive", "one_shot")


def learned(
    target: Target, *, steps: int = 10, multiple: dict[SiteKind, int] | None = None, method: str = "hard_concrete"
) -> tuple[Session, torch.nn.Module]:
    """A session after a short course on made-up rows; its model's weights stay as they were."""
    config = fusion_models.recipe(target, method=method)
    model = fusion_models.model(config).train()
    session = fusion_models.session(config, model, multiple)
    inputs = fusion_models.example(32)
    labels = torch.arange(32) % fusion_models.CLASSES
    for step in range(steps + 2):
        if step == 2:
            session.begin(steps)
        loss = functional.cross_entropy(model(**inputs), labels) + session.penalty()
        loss.backward()
        session.step()
    return session, model


def test_every_modality_has_an_interface_and_the_experts_are_gated() -> None:
    config = fusion_models.recipe()
    session = fusion_models.session(config, fusion_models.model(config))
    interfaces = {site.name for site in session.layout.sites if site.kind is SiteKind.INTERFACE}
    assert interfaces == {f"encoders.{name}.interface" for name in fusion_models.SHAPES}
    kinds = {site.kind for site in session.layout.sites}
    assert {SiteKind.CHANNELS, SiteKind.HIDDEN, SiteKind.EXPERTS} <= kinds


@pytest.mark.parametrize("fewest", [1, 3])
def test_gates_leave_as_many_experts_as_asked(fewest: int) -> None:
    config = fusion_models.recipe(Target(active_fraction=0.2), method="one_shot")
    gates = config.gates.model_copy(update={"min_experts": fewest, "cuts": 0})
    session = fusion_models.session(config.model_copy(update={"gates": gates}), fusion_models.model(config))
    (experts,) = [site for site in session.layout.sites if site.kind is SiteKind.EXPERTS]
    ranking = torch.rand(session.layout.units, generator=torch.Generator().manual_seed(0)) + 1
    ranking[session.layout.span(experts)] = 1e-9  # the loss would do without all of them
    session.importance = ranking
    assert int(session.choose()[session.layout.span(experts)].sum()) == fewest


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75])
def test_the_requested_fraction_is_the_counted_one(fraction: float, method: str) -> None:
    torch.manual_seed(0)
    session, model = learned(Target(active_fraction=fraction), method=method)
    wanted = round(fraction * session.layout.units)
    assert session.expected_active_fraction == pytest.approx(fraction, abs=1 / session.layout.units)
    pruned = prune(model, session, fusion_models.example(8), "", 0)
    assert pruned.plan.units_after == pruned.plan.units_requested == wanted
    assert sum(len(cut.keep) for cut in pruned.plan.sites) == wanted
    assert pruned.exactness.worst <= pruned.exactness.tolerance


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])
def test_rounded_widths_stay_within_one_block_of_the_request(fraction: float) -> None:
    torch.manual_seed(0)
    session, _ = learned(Target(active_fraction=fraction), multiple=multiples(ChannelMultiple(convolution=4, linear=2)))
    kept = session.choose()
    wanted = round(fraction * session.layout.units)
    assert wanted - 4 < int(session.size.units(kept)) <= wanted
    for site in session.layout.sites:
        multiple = {SiteKind.CHANNELS: 4, SiteKind.EXPERTS: 1}.get(site.kind, 2)
        width = int(kept[session.layout.span(site)].sum())
        assert width % multiple == 0 or width == site.width


@pytest.mark.parametrize("target", [Target(parameter_fraction=0.2), Target(parameters=2000)])
def test_parameter_targets_are_never_exceeded_and_nearly_used_up(target: Target) -> None:
    torch.manual_seed(0)
    session, model = learned(target)
    limit = target.parameters or int(target.parameter_fraction * sum(p.numel() for p in model.parameters()))
    kept = session.choose()
    counted = session.budget.count(kept)
    for site in session.layout.sites:
        if site.kind is not SiteKind.EXPERTS and site.inside is None:
            spare = (~kept[session.layout.span(site)]).nonzero().flatten()
            if len(spare):
                wider = kept.clone()
                wider[session.layout.offsets[site.name] + int(spare[0])] = True
                assert session.budget.count(wider) > limit
    pruned = prune(model, session, fusion_models.example(8), "", 0)
    assert pruned.plan.parameters_after == sum(p.numel() for p in pruned.model.parameters()) <= counted <= limit


def test_importance_is_the_smoothed_squared_gradient_of_each_gate() -> None:
    config = fusion_models.recipe()
    model = fusion_models.model(config).eval()
    session = fusion_models.session(config, model.train())
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    inputs = fusion_models.example(16)
    model(**inputs).square().mean().backward()
    session.step()
    before = session.importance.clone()
    model(**inputs).square().mean().backward()
    session.step()
    torch.testing.assert_close(session.importance, before * 1.95, rtol=1e-3, atol=1e-12)
    assert float(session.penalty()) == 0
    assert session.expected_active_fraction == 1.0


def test_a_state_holds_importance_before_gates_begin() -> None:
    config = fusion_models.recipe()
    model = fusion_models.model(config).train()
    session = fusion_models.session(config, model)
    model(**fusion_models.example(16)).square().mean().backward()
    session.step()
    other = fusion_models.session(config, fusion_models.model(config))
    other.load_state_dict(session.state_dict())
    assert torch.equal(other.importance, session.importance)
    assert bool(session.importance.any())


def test_hardened_gates_are_open_by_half_or_closed() -> None:
    torch.manual_seed(0)
    session, _ = learned(Target(active_fraction=0.3))
    kept = session.choose()
    gates = session.harden(kept)
    assert bool(((gates >= 0.5) == kept).all())
    assert bool((gates[~kept] == 0).all())


def test_impossible_targets_are_refused_at_once() -> None:
    config = fusion_models.recipe(Target(parameters=10**9))
    with pytest.raises(TargetImpossible, match="the whole model has"):
        fusion_models.session(config, fusion_models.model(config))
    small = fusion_models.recipe(Target(active_fraction=0.01))
    with pytest.raises(TargetImpossible, match="the least widths alone"):
        fusion_models.session(small, fusion_models.model(small))


def test_a_model_without_a_site_of_the_asked_kinds_is_refused() -> None:
    config = fusion_models.recipe()
    gates = Gates(target=Target(active_fraction=0.5), sites=(SiteKind.HEADS,))
    with pytest.raises(TargetImpossible, match="no site of this model can be gated") as refused:
        Session(fusion_models.model(config), fusion_models.example(), gates, {})
    assert refused.value.where == "gates.sites"


def training(method: str, *, steps: int = 24, **target: float) -> tuple[Session, LateFusion, torch.optim.Optimizer]:
    """A session, its model and an optimiser of the weights, about to begin."""
    config = fusion_models.recipe(Target(**(target or {"mac_fraction": 0.3})), method=method)
    model = fusion_models.model(config).train()
    session = fusion_models.session(config, model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    one_step(session, model, optimizer, seed=-1)
    session.begin(steps)
    return session, model, optimizer


def one_step(session: Session, model: LateFusion, optimizer: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed + 1)
    inputs, labels = fusion_models.example(16), torch.arange(16) % fusion_models.CLASSES
    optimizer.zero_grad()
    (functional.cross_entropy(model(**inputs), labels) + session.penalty()).backward()
    optimizer.step()
    session.step(optimizer)


@pytest.mark.parametrize("method", ["progressive", "one_shot"])
def test_a_model_that_was_cut_while_it_learned_is_pruned_and_proved_as_any(method: str) -> None:
    session, model, optimizer = training(method)
    untouched = fusion_models.model(fusion_models.recipe())
    whole = sum(parameter.numel() for parameter in model.parameters())
    sizes = []
    for step in range(24):
        one_step(session, model, optimizer, step)
        sizes.append(sum(parameter.numel() for parameter in model.parameters()))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.6 * whole
    assert {id(p) for p in optimizer.param_groups[0]["params"]} == {id(p) for p in model.parameters()}
    pruned = prune(model, session, fusion_models.example(8), "", 0)
    assert pruned.exactness.worst <= pruned.exactness.tolerance
    assert 0.9 * session.budget.limit < pruned.plan.macs_after <= session.budget.limit
    assert {cut.site: cut.width for cut in pruned.plan.sites} == {
        site.name: site.width for site in session.base_layout.sites
    }
    rebuilt = replay(untouched, pruned.plan)
    rebuilt.load_state_dict(pruned.model.state_dict())
    inputs = fusion_models.example(4)
    assert torch.equal(rebuilt.eval()(**inputs), pruned.model.eval()(**inputs))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [1, 9, 16, 22])
def test_a_state_goes_on_to_the_bit_also_when_the_model_was_cut(method: str, stop: int) -> None:
    session, model, optimizer = training(method)
    for step in range(24):
        if step == stop:
            saved = copy.deepcopy((session.state_dict(), model.state_dict(), optimizer.state_dict()))
        one_step(session, model, optimizer, step)
    again = fusion_models.model(fusion_models.recipe(), seed=7).train()
    other = fusion_models.session(fusion_models.recipe(Target(mac_fraction=0.3), method=method), again)
    its = torch.optim.AdamW(again.parameters(), lr=1.0)
    other.load_state_dict(saved[0], its)
    again.load_state_dict(saved[1])
    its.load_state_dict(saved[2])
    for step in range(stop, 24):
        one_step(other, again, its, step)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert torch.equal(session.original(session.choose()), other.original(other.choose()))
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in session.state_dict().items())


def test_a_model_is_cut_on_demand_to_what_the_budget_and_its_slack_would_keep() -> None:
    session, model, optimizer = training("hard_concrete")
    for step in range(12):
        one_step(session, model, optimizer, step)
    before = session.original(session.method.open_probability())
    session.compact(optimizer, slack=1.5)
    assert session.layout.units < session.base_layout.units
    left = session.original(torch.ones(session.layout.units))
    assert session.size.macs(left) <= 1.5 * session.budget.limit
    assert torch.equal(session.original(session.method.open_probability()), before * left)
    for step in range(12, 24):
        one_step(session, model, optimizer, step)
    pruned = prune(model, session, fusion_models.example(8), "", 0)
    assert pruned.exactness.worst <= pruned.exactness.tolerance
    assert pruned.plan.macs_after <= session.budget.limit


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_under_autocast_with_clipping_accumulation_and_several_losses(method: str) -> None:
    session, model, optimizer = training(method)
    for step in range(24):
        optimizer.zero_grad()
        for part in range(2):
            torch.manual_seed(10 * step + part)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(**fusion_models.example(8))
                loss = functional.cross_entropy(logits, torch.arange(8) % fusion_models.CLASSES) / 2
            (1024 * (loss + session.penalty() / 2)).backward(retain_graph=True)
            (1024 * 1e-3 * logits.square().mean()).backward()
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad /= 1024
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        session.step(optimizer, loss_scale=1024)
    pruned = prune(model, session, fusion_models.example(8), "", 0)
    assert pruned.exactness.worst <= pruned.exactness.tolerance
    assert pruned.plan.macs_after <= session.budget.limit


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("method", ["progressive", "hard_concrete"])
def test_a_compiled_model_learns_as_it_does_uncompiled(method: str) -> None:
    found = []
    for compiles in (False, True):
        session, model, optimizer = training(method, steps=8)
        run = torch.compile(model, backend="aot_eager", dynamic=False) if compiles else model
        for step in range(8):
            torch.manual_seed(step)
            optimizer.zero_grad()
            loss = functional.cross_entropy(run(**fusion_models.example(16)), torch.arange(16) % fusion_models.CLASSES)
            (loss + session.penalty()).backward()
            optimizer.step()
            session.step(optimizer)
        found.append((session.original(session.choose()), sum(p.numel() for p in model.parameters())))
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
