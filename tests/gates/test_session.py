"""One code path for image, audio and table: what is requested is what is counted."""

from __future__ import annotations

import fusion_models
import pytest
import torch
from torch.nn import functional

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.prune.prune import multiples, prune

SINGLY = dict.fromkeys(SiteKind, 1)


def learned(target: Target, *, steps: int = 10) -> tuple[Session, torch.nn.Module]:
    """A session after a short course on made-up rows."""
    config = fusion_models.recipe(target)
    model = fusion_models.model(config).train()
    session = fusion_models.session(config, model)
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


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75])
def test_the_requested_fraction_is_the_counted_one(fraction: float) -> None:
    torch.manual_seed(0)
    session, model = learned(Target(active_fraction=fraction))
    wanted = round(fraction * session.layout.units)
    assert session.expected_active_fraction == pytest.approx(fraction, abs=1 / session.layout.units)
    pruned = prune(model, session, ChannelMultiple(), fusion_models.example(8), "", 0)
    assert pruned.plan.units_after == pruned.plan.units_requested == wanted
    assert sum(len(cut.keep) for cut in pruned.plan.sites) == wanted
    assert pruned.exactness.worst <= pruned.exactness.tolerance


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])
def test_rounded_widths_stay_within_one_block_of_the_request(fraction: float) -> None:
    torch.manual_seed(0)
    session, _ = learned(Target(active_fraction=fraction))
    kept = session.choose(multiples(ChannelMultiple(convolution=4, linear=2)))
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
    kept = session.choose(SINGLY)
    counted = session.budget.count(kept)
    for site in session.layout.sites:
        if site.kind is not SiteKind.EXPERTS and site.inside is None:
            spare = (~kept[session.layout.span(site)]).nonzero().flatten()
            if len(spare):
                wider = kept.clone()
                wider[session.layout.offsets[site.name] + int(spare[0])] = True
                assert session.budget.count(wider) > limit
    pruned = prune(model, session, ChannelMultiple(), fusion_models.example(8), "", 0)
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
    kept = session.choose(SINGLY)
    gates = session.harden(kept)
    assert bool(((gates >= 0.5) == kept).all())
    assert bool((gates[~kept] == 0).all())


def test_impossible_targets_are_refused_at_once() -> None:
    config = fusion_models.recipe(Target(parameters=10**9))
    with pytest.raises(TargetImpossible, match="the whole model has"):
        fusion_models.session(config, fusion_models.model(config))
    small = fusion_models.recipe(Target(active_fraction=0.01))
    with pytest.raises(TargetImpossible, match="the least widths alone"):
        fusion_models.session(small, fusion_models.model(small)).require_reachable(SINGLY)


def test_a_model_without_a_site_of_the_asked_kinds_is_refused() -> None:
    config = fusion_models.recipe()
    gates = Gates(target=Target(active_fraction=0.5), sites=(SiteKind.HEADS,))
    with pytest.raises(TargetImpossible, match="no site of this model can be gated") as refused:
        Session(fusion_models.model(config), fusion_models.example(), gates)
    assert refused.value.where == "gates.sites"
