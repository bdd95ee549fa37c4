"""An alert rule warns, fires once, resolves with a margin, and does not fire without data."""

import pytest

from webapp.alerts.rules import ABOVE, BELOW, Bounds, Look, is_open, step, times_fired

SUCCESS = Bounds(BELOW, 0.95, 0.97, 20)
ERRORS = Bounds(ABOVE, 0.05, 0.03, 20)


def course(bounds: Bounds, *looks: Look) -> list[str]:
    state, states = "ok", []
    for look in looks:
        state = step(state, look, bounds)  # type: ignore[arg-type]  # its own states
        states.append(state)
    return states


def test_it_warns_before_it_fires_and_is_over_with_a_distance():
    values = (0.99, 0.96, 0.94, 0.96, 0.951, 0.98, 0.96)
    states = ["ok", "warning", "firing", "firing", "firing", "ok", "warning"]
    assert course(SUCCESS, *(Look(each, 50) for each in values)) == states
    assert course(ERRORS, *(Look(1 - each, 50) for each in values)) == states


@pytest.mark.parametrize("look", [Look(0.0, 19), Look(0.0, 0), Look(None), Look(None, 50)])
def test_too_few_are_no_data_and_end_nothing(look):
    assert course(SUCCESS, Look(0.5, 50), look) == ["firing", "no_data"]
    assert is_open(True, "no_data")
    assert not is_open(False, "no_data")
    # After a gap without data, the same alert does not fire again.
    assert times_fired([Look(0.5, 50), look, Look(0.5, 50), Look(1.0, 50), Look(0.5, 50)], SUCCESS) == 2


def test_what_stays_bad_has_fired_once():
    assert times_fired([Look(0.5, 50)] * 100, SUCCESS) == 1
    assert times_fired([], SUCCESS) == 0
