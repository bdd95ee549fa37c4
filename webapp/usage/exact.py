"""Sums of costs, none of which is rounded. Pure."""

from decimal import Context, Decimal

EXACT = Context(prec=100)


def plus(cost: Decimal | None, more: Decimal | None) -> Decimal | None:
    """Both together; what is unknown adds nothing."""
    if cost is None or more is None:
        return more if cost is None else cost
    return EXACT.add(cost, more)


def total(costs: str) -> Decimal | None:
    """The sum of costs with blanks between; None of none."""
    found: Decimal | None = None
    for each in costs.split():
        found = plus(found, Decimal(each))
    return found
