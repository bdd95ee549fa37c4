"""Amounts of money, tokens and answers as integers; money is in billionths of a dollar. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation, Overflow
from math import inf

from webapp.base import languages
from webapp.base.languages import gettext as _, ngettext
from webapp.base.words import without_commas

UNITS = ("usd", "tokens", "answers")
# Amounts are in billionths of a dollar: even a token of the cheapest model costs several.
DOLLAR = 10**9
MOST: Mapping[str, int] = {"usd": 10**6 * DOLLAR, "tokens": 10**12, "answers": 10**9}
# A reported cost of an answer above this is treated as invalid.
MOST_COST = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a token, in billionths of a dollar."""

    input: Decimal
    output: Decimal

    @property
    def is_free(self) -> bool:
        return not (self.input or self.output)


FREE = Price(Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Consumption:
    """The usage of an answer: `cost` is decimal text in dollars, or None if unknown."""

    input_tokens: int
    output_tokens: int
    cost: str | None = None


def per_million(input: str, output: str) -> Price | None:
    """Parses prices in dollars per million tokens; returns None if either is invalid."""
    try:
        price = Price(Decimal(input) * 1000, Decimal(output) * 1000)
    except (InvalidOperation, Overflow):
        return None
    is_sane = all(dollars.is_finite() and 0 <= dollars < DOLLAR for dollars in (price.input, price.output))
    return price if is_sane else None


def amount(unit: str, consumption: Consumption, price: Price) -> int:
    """Returns how much of a budget that is; an unknown cost is estimated from the price."""
    if unit == "answers":
        return 1
    if unit == "tokens":
        return consumption.input_tokens + consumption.output_tokens
    cost = _cost(consumption.cost)
    price_usd = (
        consumption.input_tokens * price.input + consumption.output_tokens * price.output if cost is None else cost * DOLLAR
    )
    return min(int(price_usd.to_integral_value(ROUND_CEILING)), MOST["usd"])


def affordable(unit: str, units_left: int, price: Price) -> float:
    """Returns how many tokens of an answer the rest of a budget pays for."""
    if unit == "answers" or (unit == "usd" and not price.output):
        return inf
    return float(units_left / price.output) if unit == "usd" else float(units_left)


def parsed(unit: str, text: str) -> int:
    """Parses an amount that a person typed; raises ValueError with a sentence."""
    try:
        number = Decimal(without_commas(text.strip().removeprefix("$"))) * (DOLLAR if unit == "usd" else 1)
    except (InvalidOperation, Overflow):
        raise ValueError("Enter a number.") from None
    if not number.is_finite() or not 0 < number <= MOST[unit]:
        raise ValueError(f"Enter a number greater than 0, up to {MOST[unit] // (DOLLAR if unit == 'usd' else 1):,}.")
    if number != int(number):
        raise ValueError("Enter a whole number." if unit != "usd" else "Enter at most nine decimal places.")
    return int(number)


def number_of(unit: str, amount: int) -> int | float:
    """Returns the amount for the API: dollars, tokens or answers."""
    return amount / DOLLAR if unit == "usd" else amount


def typed(unit: str, amount: int) -> str:
    """Formats the amount for a form field."""
    return f"{Decimal(amount) / DOLLAR:f}" if unit == "usd" else f"{amount}"


def words(unit: str, amount: int) -> str:
    """Formats the amount for people."""
    if unit == "tokens":
        return ngettext("%(num)s token", "%(num)s tokens", amount)
    if unit == "answers":
        return ngettext("%(num)s answer", "%(num)s answers", amount)
    dollars = Decimal(amount) / DOLLAR
    return f"${dollars:,.2f}" if not amount or dollars >= Decimal("0.01") else f"${dollars:,.4f}"


def part_words(unit: str, part: int, whole: int) -> str:
    """Formats a part of a whole, with the unit only once."""
    number = words(unit, part) if unit == "usd" else languages.current().formats.number(part)
    return _("%(part)s of %(whole)s", part=number, whole=words(unit, whole))


def _cost(text: str | None) -> Decimal | None:
    try:
        cost = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    return cost if cost is not None and cost.is_finite() and 0 <= cost <= MOST_COST else None
