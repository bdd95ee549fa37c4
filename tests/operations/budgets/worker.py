"""A process that reserves and settles budgets by orders in lines of JSON: `python -m tests.operations.budgets.worker`."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402  the patch must come first
import sys  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from random import Random  # noqa: E402
from typing import Any  # noqa: E402

from flask import Flask  # noqa: E402
from gevent.pool import Pool  # noqa: E402

from tests.operations.budgets.ends import PRICE, end_of  # noqa: E402
from webapp.app import create_app  # noqa: E402
from webapp.base.db import write  # noqa: E402
from webapp.base.errors import OverBudget  # noqa: E402
from webapp.base.ids import new_id  # noqa: E402
from webapp.operations.budgets import reservations  # noqa: E402
from webapp.operations.budgets.amounts import Consumption  # noqa: E402
from webapp.operations.budgets.reservations import UsageRequest  # noqa: E402

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED, AT_ONCE = 8, 4


def asked(app: Flask, person: str, luck: Random) -> dict[str, Any] | None:
    """Returns an admitted answer with its reservations, or None for a refused one."""
    wanted_usage = UsageRequest(new_id(), person, "m", Consumption(luck.randrange(500), luck.randrange(1, 3_000)), PRICE)
    try:
        with app.app_context(), write(keeps_loaded=True) as session:
            held = {
                reservation.budget_id: reservation.reserved for reservation in reservations.reserve(session, wanted_usage, NOW)
            }
    except OverBudget:
        return None
    return {"id": wanted_usage.generation_id, "input": wanted_usage.consumption.input_tokens, "held": held}


def settled(app: Flask, answer: str) -> None:
    taken, is_known, is_nothing = end_of(answer)
    with app.app_context(), write(keeps_loaded=True) as session:
        reservations.settle(session, answer, taken, PRICE, is_known=is_known, is_nothing=is_nothing)


def done(app: Flask, order: dict[str, Any]) -> list[Any]:
    pool = Pool(AT_ONCE)
    if "person" in order:
        lucks = [Random(f"{order['seed']}:{number}") for number in range(ASKED)]
        return pool.map(lambda luck: asked(app, order["person"], luck), lucks)
    return pool.map(lambda answer: settled(app, answer), order["settle"])


if __name__ == "__main__":
    application = create_app()
    for line in sys.stdin:
        print(json.dumps(done(application, json.loads(line))), flush=True)
