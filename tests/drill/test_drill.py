"""A round of the drill for each policy and each kind of end; `make deep` and `make drill` run many."""

from collections.abc import Iterator

import pytest

from tests.drill.figures import BOUND_MS, Figures, How
from tests.drill.rounds import Drill, drill, policies
from tests.support.rounds import ROUNDS


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    with drill(tmp_path_factory.mktemp("drill"), seed=1, say=print) as running:
        yield running


def allowed_ms(figures: Figures) -> float:
    """Returns the guaranteed bound plus the delay of a busy machine; `make drill` makes no such allowance."""
    return BOUND_MS[figures.how] + max(figures.late_ms)


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(400 + 20 * ROUNDS)
@pytest.mark.parametrize("how", ["kill", "terminate"])
@pytest.mark.mostly_deep
def test_an_answer_survives_its_server(running: Drill, how: How) -> None:
    figures = running.run(how, policies(2 + ROUNDS))

    print("\n".join(figures.lines()))
    assert not figures.faults_within(allowed_ms(figures))
    assert sum(finding.sent for finding in figures.findings) > 100
