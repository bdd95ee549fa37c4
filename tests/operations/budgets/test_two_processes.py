"""Two processes reserve and settle concurrently on one PostgreSQL: no budget is exceeded by more than one estimate.

Nor is a request refused while its budget has something left.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any

import pytest
from flask import Flask

from tests.conftest import KEYS
from tests.operations.budgets.ends import PRICE, end_of
from tests.support.rounds import ROUNDS
from tests.support.source import ROOT
from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.operations.budgets.amounts import Consumption, amount
from webapp.operations.budgets.tables import Budget, BudgetPeriod

WORLDS = 50 * ROUNDS
Answers = list[dict[str, Any]]


@contextmanager
def worker(url: str, folder: str) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, **KEYS, "DATABASE_URL": url, "DATA_DIR": folder}
    command = [sys.executable, "-m", "tests.operations.budgets.worker"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def both(workers: list[subprocess.Popen[str]], *orders: dict[str, Any]) -> list[Any]:
    """Sends an order to each process before waiting for either, and returns their results."""
    for process, order in zip(workers, orders, strict=True):
        assert process.stdin
        print(json.dumps(order), file=process.stdin, flush=True)
    return [done for process in workers if process.stdout for done in json.loads(process.stdout.readline())]


def a_world(app: Flask, luck: Random) -> tuple[str, dict[str, Budget]]:
    person, units = new_id(), luck.sample(["usd", "tokens", "answers"], luck.randrange(1, 3))
    budgets = {}
    with app.app_context(), write(keeps_loaded=True) as session:
        for unit in units:
            most = luck.randrange(1, 12) if unit == "answers" else luck.randrange(100, 20_000 if unit == "tokens" else 40_000_000)
            budget = Budget(id=new_id(), who="user", who_id=person, unit=unit, most=most, period="day", model="", warn_at=0.8)
            session.add(budget)
            budgets[budget.id] = budget
    return person, budgets


def stands(app: Flask, budgets: dict[str, Budget]) -> dict[str, tuple[int, int]]:
    """Returns the used and the reserved amount of each budget."""
    with app.app_context():
        one = BudgetPeriod
        rows = db.session.execute(db.select(one.budget_id, one.used, one.reserved).where(one.budget_id.in_(budgets))).all()
        return dict.fromkeys(budgets, (0, 0)) | {row.budget_id: (row.used, row.reserved) for row in rows}


def check_admitted(found: dict[str, tuple[int, int]], budgets: dict[str, Budget], admitted: Answers, refused: int) -> None:
    held = {id: [answer["held"][id] for answer in admitted] for id in budgets}
    assert found == {id: (0, sum(amounts)) for id, amounts in held.items()}
    assert all(sum(amounts) - max(amounts, default=0) < budgets[id].most for id, amounts in held.items())
    # Nothing was released in between: a refused request met a budget that is still full.
    assert not refused or any(sum(amounts) >= budgets[id].most for id, amounts in held.items())


def expected(budgets: dict[str, Budget], admitted: Answers) -> dict[str, tuple[int, int]]:
    used: Counter[str] = Counter()
    for answer in admitted:
        taken, is_known, is_nothing = end_of(answer["id"])
        whole = taken if is_known else Consumption(answer["input"], taken.output_tokens, taken.cost)
        for id in () if is_nothing else budgets:
            used[id] += amount(budgets[id].unit, whole, PRICE)
    return {id: (used[id], 0) for id in budgets}


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("backend", ["postgres"])
def test_in_a_thousand_worlds_two_processes_stay_within_every_budget(
    make_app, migrated: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    counts = Counter[str]()
    with ExitStack() as stack:
        url = migrated["DATABASE_URL"]
        workers = [stack.enter_context(worker(url, str(tmp_path_factory.mktemp("worker")))) for _ in range(2)]
        app = make_app()
        for seed in range(WORLDS):
            person, budgets = a_world(app, Random(seed))
            done = both(workers, *({"person": person, "seed": f"{seed} {number}"} for number in range(2)))
            admitted = [answer for answer in done if answer]
            check_admitted(stands(app, budgets), budgets, admitted, len(done) - len(admitted))
            # Both settle all of them, in different orders.
            ids = [answer["id"] for answer in admitted]
            both(workers, {"settle": ids}, {"settle": ids[::-1]})
            assert stands(app, budgets) == expected(budgets, admitted)
            counts.update(admitted=len(admitted), refused=len(done) - len(admitted))
    # Both outcomes must be frequent, or the test has tried nothing.
    assert min(counts["admitted"], counts["refused"]) > WORLDS
