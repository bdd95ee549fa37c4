"""Evidence is strong only when it should be, early looks find few false winners, and every arm keeps a share."""

from random import Random

import pytest

from webapp.prompts.evidence import Arm, answers_to_go, bayes_factor, is_imbalanced, pick, winner


def two(good_a: int, all_a: int, good_b: int, all_b: int) -> list[Arm]:
    return [Arm(1, good_a, all_a), Arm(2, good_b, all_b)]


def test_the_factor_is_what_the_integrals_give():
    # One success of one against none of one: (1/2 * 1/2) / (1/6).
    assert bayes_factor(two(1, 1, 0, 1)) == pytest.approx(1.5)
    assert bayes_factor(two(0, 0, 0, 0)) == pytest.approx(1)
    assert bayes_factor(two(5, 10, 5, 10)) < 1
    assert bayes_factor(two(100_000, 100_000, 0, 100_000)) > 1e100


@pytest.mark.parametrize(
    ("arms", "version"),
    [
        (two(60, 100, 85, 100), 2),
        (two(85, 100, 60, 100), 1),
        (two(60, 100, 61, 100), None),
        # No winner before there are enough answers, however clear the difference looks.
        (two(0, 29, 29, 29), None),
        ([Arm(1, 50, 100)], None),
        ([Arm(1, 50, 100), Arm(2, 52, 100), Arm(3, 90, 100)], 3),
    ],
)
def test_a_winner_needs_strong_evidence_and_enough_answers(arms, version):
    found = winner(arms)
    assert (found.version if found else None) == version


def test_how_many_more_are_needed_is_said():
    assert answers_to_go(two(6, 10, 8, 10)) in range(20, 200)
    assert answers_to_go(two(50, 100, 50, 100)) is None
    assert answers_to_go(two(0, 0, 0, 0)) is None


@pytest.mark.parametrize(
    ("arms", "expected"),
    [(two(0, 500, 0, 500), False), (two(0, 540, 0, 460), False), (two(0, 560, 0, 440), True)],
)
def test_shares_that_are_no_chance_are_noticed(arms, expected):
    assert is_imbalanced(arms, {1: 50, 2: 50}) is expected
    assert is_imbalanced([*arms, Arm(3, 0, 1_000)], {1: 1, 2: 1, 3: 2}) is expected
    assert is_imbalanced([*arms, Arm(3, 0, 5)], {1: 1, 2: 1, 3: 0})
    assert not is_imbalanced(two(0, 0, 0, 0), {1: 50, 2: 50})


def test_a_bandit_takes_turns_first_and_leaves_everyone_a_share():
    luck, counts, good = Random(3), [0, 0, 0], [0, 0, 0]
    for n in range(2_000):
        arm = pick([Arm(number, good[number], counts[number]) for number in range(3)], luck).version
        counts[arm] += 1
        good[arm] += luck.random() < (0.2, 0.5, 0.9)[arm]
        if n == 59:
            assert counts == [20, 20, 20]
    assert min(counts) >= 100
    assert counts[2] > 1_500


def test_commands_print_what_they_found(app):
    def told(*words: str) -> list[str]:
        result = app.test_cli_runner().invoke(args=["sim", *words])
        assert result.exit_code == 0, result.output
        return result.output.split("\n")

    assert told("experiment", "--rates", ".2,.9", "--runs", "20") == ["right winner 100.0 %", "median 30", ""]
    assert told("experiment", "--aa", "--runs", "5", "--most", "40")[0].startswith("false winners ")
    regret, least, _ = told("bandit", "--runs", "2", "--answers", "200")
    assert regret.startswith("regret ")
    assert least.startswith("least used arm ")
    assert app.test_cli_runner().invoke(args=["sim", "bandit", "--rates", "2,3"]).exit_code == 2
