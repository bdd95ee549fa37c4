"""Seventy answers (thousands in `make deep`), fifty at a time; a third are refused, cut, stalled or garbled."""

import os

import pytest

from tests.attacks.soak import Soak
from tests.support.rounds import ROUNDS
from tests.support.starved import watched

REQUESTS = 250 * ROUNDS if ROUNDS > 1 else 70


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(240 + 30 * ROUNDS)
def test_every_request_ends_once_and_honestly_and_nothing_is_left_behind(app, fake):
    # The command of the same name allows one second; other tests share this machine.
    with watched(os.getpid()) as starved:
        tally = Soak(app, fake, seed=7, late_seconds=10.0, starved=starved).run(requests=REQUESTS, at_once=50)

    print("\n".join(tally.lines()))
    assert tally.share >= 0.999, tally.wrong[:20]
    assert sum(tally.ends.values()) == REQUESTS
    assert not any(count > 0 for count in tally.left.values()), tally.left
