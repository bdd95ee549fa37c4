"""Ten staged experiments: the card shows the decision that was fixed for each before the card was written."""

from decimal import Decimal

import pytest

from webapp.operations.experiments.card import card
from webapp.operations.experiments.figures import ArmFigures, evidence, fails_too_often


def arm(letter: str, good: int, judged: int, **more) -> ArmFigures:
    version = "ABCDE".index(letter) + 1
    usual = {"exposures": judged, "ended": judged, "units": judged, "ttft_p95_ms": 1000, "cost": Decimal("0.001")}
    return ArmFigures(version, letter, good=good, judged=judged, **{**usual, **more})


PAUSED = "B was paused: 9 of its 24 answers ended with an error (38 %), against 4 % with A."
# The staged data, the decision, and the text for an admin.
STAGED = {
    "nobody has been answered yet": (
        [arm("A", 0, 0, exposures=0), arm("B", 0, 0, exposures=0)],
        ("wait", None, ["No answers have been made with these versions yet."]),
    ),
    "far too early, though B looks better": (
        [arm("A", 6, 10), arm("B", 9, 10)],
        ("wait", None, ["Too early to tell: about 35 more answers with each version are needed."]),
    ),
    "B is better": (
        [arm("A", 61, 100), arm("B", 84, 100, cost=Decimal("0.00112"))],
        ("use", 2, ["B is better: 84 % against 61 % good.", "The evidence is strong", "B costs 12 % more than A."]),
    ),
    "A, which was in use, is better": (
        [arm("A", 170, 200), arm("B", 120, 200)],
        ("keep", 1, ["A is better: 85 % against 60 % good."]),
    ),
    "both are alike after a long time": (
        [arm("A", 700, 1000), arm("B", 705, 1000)],
        ("either", 1, ["No difference that matters: 70 % good with A and 70 % with B."]),
    ),
    "both are alike, and B costs a third less": (
        [arm("A", 700, 1000), arm("B", 700, 1000, cost=Decimal("0.00067"))],
        ("use", 2, ["No difference that matters", "B costs 33 % less than A."]),
    ),
    "B fails and was paused": (
        [arm("A", 40, 48, broken=2, ended=48), arm("B", 10, 24, broken=9, ended=24, paused_words=PAUSED)],
        ("keep", 1, [PAUSED]),
    ),
    "B is counted far too seldom": (
        [arm("A", 200, 300, units=300), arm("B", 180, 200, units=200)],
        (
            "stop",
            None,
            [
                "Of 500 people, too many got one version: A went to 60 %, not 50 %, B went to 40 %, not 50 %.",
                "don't trust these figures",
            ],
        ),
    ),
    "of three, C is the worst, and A and B cannot be told apart yet": (
        [arm("A", 72, 90), arm("B", 75, 90), arm("C", 30, 90)],
        ("wait", None, ["Too early to tell", "This may take a very long time"]),
    ),
    "B is better by thumbs, but slower": (
        [arm("A", 20, 50, exposures=900, units=400), arm("B", 40, 50, exposures=900, units=400, ttft_p95_ms=2600)],
        (
            "use",
            2,
            ["B is better: 80 % against 40 % liked.", "B starts later: 95 % of answers within 2.6 s, compared with 1.0 s for A."],
        ),
    ),
}


@pytest.mark.parametrize("name", STAGED)
def test_the_card_says_what_was_decided_beforehand(name):
    arms, (decision, version, sentences) = STAGED[name]
    found = card(arms, "thumbs" if "thumbs" in name else "good")

    assert (found.decision, found.version) == (decision, version), found.text
    for sentence in sentences:
        assert sentence in found.text


def test_there_are_ten_of_them():
    assert len(STAGED) == 10


def test_small_figures_are_never_called_alike():
    assert card([arm("A", 18, 30), arm("B", 18, 30)], "good").decision == "wait"
    assert "much alike" in card([arm("A", 18, 30), arm("B", 18, 30)], "good").text


def test_one_who_fails_three_times_as_often_is_found_after_twenty_answers():
    control = arm("A", 30, 40, broken=1, ended=40)
    assert not fails_too_often(arm("B", 0, 19, broken=19, ended=19), control)
    assert not fails_too_often(arm("B", 0, 40, broken=3, ended=40), control)
    assert fails_too_often(arm("B", 0, 40, broken=4, ended=40), control)
    # An arm without failures counts as if it had failed once.
    assert not fails_too_often(arm("B", 0, 20, broken=3, ended=20), arm("A", 20, 20))
    assert fails_too_often(arm("B", 0, 20, broken=4, ended=20), arm("A", 20, 20))


def test_shares_are_not_checked_where_none_were_wanted():
    assert evidence([arm("A", 1, 300), arm("B", 1, 20)], has_shares=True).is_imbalanced
    assert not evidence([arm("A", 1, 300), arm("B", 1, 20)], has_shares=False).is_imbalanced
