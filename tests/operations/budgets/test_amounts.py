"""Amounts are integers, whatever people type and servers report."""

from decimal import Decimal
from math import inf

import pytest

from webapp.operations.budgets.amounts import (
    DOLLAR,
    FREE,
    Consumption,
    Price,
    affordable,
    amount,
    parsed,
    part_words,
    per_million,
    words,
)
from webapp.operations.budgets.gate import TokenMeter

PRICE = Price(Decimal(1000), Decimal(2000))


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (None, 10 * 1000 + 5 * 2000),
        ("0.25", DOLLAR // 4),
        ("0", 0),
        # Instead of an invalid cost, the estimate counts.
        *((text, 20_000) for text in ("-1", "1e99", "NaN", "Infinity", "a lot", "")),
    ],
)
def test_money_is_the_cost_or_an_estimate(cost, expected):
    assert amount("usd", Consumption(10, 5, cost), PRICE) == expected


def test_every_unit_has_its_amount():
    taken = Consumption(10, 5, "0.25")
    assert (amount("tokens", taken, PRICE), amount("answers", taken, PRICE)) == (15, 1)
    assert amount("usd", Consumption(1, 0), Price(Decimal("0.4"), Decimal(0))) == 1
    assert affordable("usd", 5_000, PRICE) == 2.5
    assert affordable("usd", 0, FREE) == affordable("answers", 0, PRICE) == inf
    assert affordable("tokens", 7, FREE) == 7


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [("usd", "$1,000.50", 1_000_500_000_000), ("usd", "0.000000001", 1), ("tokens", "1,000", 1000), ("answers", " 3 ", 3)]
    # Half of the world uses a decimal comma.
    + [("usd", "0,5", DOLLAR // 2), ("usd", "12,50", 12_500_000_000), ("usd", "0,500", DOLLAR // 2)],
)
def test_what_is_typed_is_understood(unit, text, expected):
    assert parsed(unit, text) == expected


@pytest.mark.parametrize(
    ("unit", "text"),
    [("usd", text) for text in ("", "ten", "0", "-1", "NaN", "Infinity", "1e30", "1e999999", "1e-999999", "0.0000000001")]
    + [("usd", "1.000,50"), ("usd", "1,00,0"), ("tokens", "1.5"), ("tokens", "1,5"), ("answers", "10000000000")],
)
def test_what_is_no_amount_is_refused_in_words(unit, text):
    with pytest.raises(ValueError, match=r"^Enter .*\.$"):
        parsed(unit, text)


def test_prices_that_are_none_are_none():
    assert per_million("3", "15") == Price(Decimal(3000), Decimal(15000))
    assert {per_million(*prices) for prices in (("", ""), ("-1", "1"), ("NaN", "1"), ("1", "1e30"), ("1e999999", "1"))} == {None}


def test_amounts_are_said_in_their_unit():
    assert [words("usd", number) for number in (0, 1_234_560_000_000, 1_500_000)] == ["$0.00", "$1,234.56", "$0.0015"]
    assert [words("tokens", 12_000), words("answers", 1)] == ["12,000 tokens", "1 answer"]
    assert [part_words("answers", 1, 5), part_words("usd", DOLLAR, 5 * DOLLAR)] == ["1 of 5 answers", "$1.00 of $5.00"]


def test_a_meter_counts_seldom_and_ends_at_its_last_token():
    counted, asked = list[str](), list[int]()

    def more(wanted: int) -> int:
        asked.append(wanted)
        return 50 if len(asked) == 1 else 0

    def estimate(text: str) -> int:
        counted.append(text)
        return len(text) // 4

    meter = TokenMeter(100, estimate=estimate, more=more)
    taken = next(n for n in range(10_000) if not meter.take("abcd"))
    assert (taken, asked) == (150, [1, 1])
    assert "".join(counted) == "abcd" * 151
    assert len(counted) < 30


def test_a_meter_asks_for_all_of_what_came_in_one_piece():
    asked = list[int]()

    def more(wanted: int) -> int:
        asked.append(wanted)
        return wanted

    meter = TokenMeter(100, estimate=len, more=more)
    assert meter.take("a" * 1_000)
    assert asked == [900]
