"""The usage of answers that several processes settle: the same in each of them."""

from decimal import Decimal
from random import Random

from webapp.operations.budgets.amounts import Consumption, Price

PRICE = Price(Decimal(1000), Decimal(3000))


def end_of(answer: str) -> tuple[Consumption, bool, bool]:
    """Returns an answer's usage, whether the request's tokens are known, and whether it failed: deterministic by its id."""
    luck = Random(answer)
    cost = luck.choice([None, None, "0.0002", "1", "junk"])
    return Consumption(luck.randrange(500), luck.randrange(4_000), cost), luck.random() < 0.5, luck.random() < 0.2
