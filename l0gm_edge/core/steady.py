"""Whether a device stayed as its profile wants it while something was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Conditions, HeldBack


def disturbances(
    before: Conditions, after: Conditions, hardware: HardwareProfile, held_back: Sequence[HeldBack] = ()
) -> tuple[str, ...]:
    """What makes a measurement no evidence for this profile, as sentences; what a device does not tell is passed.

    Timing two models side by side does not cancel these. `held_back` are the rounds in which it was slowed down.
    """
    return tuple(_disturbances(before, after, hardware, held_back))


def _disturbances(
    before: Conditions, after: Conditions, hardware: HardwareProfile, held_back: Sequence[HeldBack]
) -> Iterator[str]:
    settings: list[tuple[str, str | int | None, str | int | None, str | int | None]] = [
        ("frequency governor", hardware.governor, before.governor, after.governor),
        ("power mode", hardware.power_mode, before.power_mode, after.power_mode),
    ]
    if hardware.fan is not None:  # else it follows the heat
        settings.append(("fan's duty cycle", hardware.fan, before.fan_pwm, after.fan_pwm))
    for name, wanted, first, last in settings:
        if wanted is not None and first is not None and first != wanted:
            yield f"the {name} is {first}; the profile asks for {wanted}"
        if first is not None and last is not None and first != last:
            yield f"the {name} changed from {first} to {last} while models were timed"
    if hardware.clocks is not None and False in (before.clocks_locked, after.clocks_locked):
        yield f"the clocks may vary; the profile asks for clocks: {hardware.clocks}"
    if held_back:
        reasons = sorted({reason for one in held_back for reason in one.reasons})
        yield f"the device was held back in {len(held_back)} rounds of runs: {', '.join(reasons)}"
    elif reasons := sorted({*before.throttled, *after.throttled}):
        yield f"the device says that it is held back: {', '.join(reasons)}"
    if fresh := sorted(set(after.throttled_since_boot) - set(before.throttled_since_boot)):
        yield f"the device was held back meanwhile: {', '.join(fresh)}"
    hottest = max(before.temperature_c or 0, after.temperature_c or 0)
    if hardware.max_temperature_c and hottest > hardware.max_temperature_c:
        yield f"it was at {hottest:.0f} °C, above the profile's {hardware.max_temperature_c:.0f} °C"
