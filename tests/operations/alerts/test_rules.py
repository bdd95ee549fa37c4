"""An alert rule warns, fires once, resolves with a margin, and does not fire without data."""

import pytest

from webapp.operations.alerts.kinds import ABOVE, BELOW, AlertBounds, Measurement, is_open, step, times_fired

SUCCESS = AlertBounds(BELOW, 0.95, 0.97, 20)
ERRORS = AlertBounds(ABOVE, 0.05, 0.03, 20)


def course(bounds: AlertBounds, *measurements: Measurement) -> list[str]:
    state, states = "ok", []
    for measurement in measurements:
        state = step(state, measurement, bounds)  # type: ignore[arg-type]  # its own states
        states.append(state)
    return states


def test_it_warns_before_it_fires_and_is_over_with_a_distance():
    values = (0.99, 0.96, 0.94, 0.96, 0.951, 0.98, 0.96)
    states = ["ok", "warning", "firing", "firing", "firing", "ok", "warning"]
    assert course(SUCCESS, *(Measurement(value, 50) for value in values)) == states
    assert course(ERRORS, *(Measurement(1 - value, 50) for value in values)) == states


@pytest.mark.parametrize(
    ("measurement", "ends"),
    [
        (Measurement(0.0, 19), False),
        (Measurement(0.96, 1), False),
        (Measurement(1.0, 1), True),
        (Measurement(0.0, 0), True),
        (Measurement(None), True),
        (Measurement(None, 50), True),
    ],
)
def test_too_few_end_an_alert_only_when_they_are_good_or_none(measurement, ends):
    assert course(SUCCESS, Measurement(0.5, 50), measurement) == ["firing", "no_data"]
    assert is_open(True, "no_data", measurement, SUCCESS) is not ends
    assert not is_open(False, "no_data", measurement, SUCCESS)
    # After a gap in which it stayed open, the same alert does not fire again.
    past = [Measurement(0.5, 50), measurement, Measurement(0.5, 50), Measurement(1.0, 50), Measurement(0.5, 50)]
    assert times_fired(past, SUCCESS) == 2 + ends


def test_what_stays_bad_has_fired_once():
    assert times_fired([Measurement(0.5, 50)] * 100, SUCCESS) == 1
    assert times_fired([], SUCCESS) == 0
