"""Everyone keeps their version of an experiment, and changed weights reassign only as many people as necessary."""

from collections import Counter

import pytest

from webapp.prompts.arm_choice import arm_of

EVEN, MORE_B = {1: 50.0, 2: 50.0}, {1: 40.0, 2: 60.0}


def test_the_same_unit_has_the_same_arm_in_every_process():
    assert [arm_of("salt", "exp", f"unit-{n}", EVEN) for n in range(12)] == [2, 1, 1, 1, 2, 1, 2, 1, 1, 1, 2, 2]
    assert {arm_of("salt", "exp", "unit", {1: 0, 2: 1, 3: 0})} == {2}


@pytest.mark.slow
def test_shares_are_those_of_the_weights_and_changes_move_no_more_than_they_must():
    units = [f"{n}" for n in range(100_000)]
    before, after = ([arm_of("s", "e", unit, weights) for unit in units] for weights in (EVEN, MORE_B))
    assert Counter(before)[2] / len(units) == pytest.approx(0.5, abs=0.005)
    assert Counter(after)[2] / len(units) == pytest.approx(0.6, abs=0.005)
    assert set(zip(before, after, strict=True)) == {(1, 1), (1, 2), (2, 2)}


def test_a_third_arm_takes_from_both_and_moves_nobody_between_them():
    moved = {(arm_of("s", "e", f"{n}", EVEN), arm_of("s", "e", f"{n}", {**EVEN, 3: 25})) for n in range(3_000)}
    assert moved == {(1, 1), (2, 2), (1, 3), (2, 3)}
