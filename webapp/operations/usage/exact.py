"""Sums of costs without rounding. Pure."""

from decimal import Context, Decimal

EXACT = Context(prec=100)


def plus(cost: Decimal | None, more: Decimal | None) -> Decimal | None:
    """Adds two costs; an unknown one adds nothing."""
    if cost is None or more is None:
        return more if cost is None else cost
    return EXACT.add(cost, more)


def total(costs: str) -> Decimal | None:
    """Returns the sum of costs separated by blanks; None if there are none."""
    sum_usd: Decimal | None = None
    for cost in costs.split():
        sum_usd = plus(sum_usd, Decimal(cost))
    return sum_usd
