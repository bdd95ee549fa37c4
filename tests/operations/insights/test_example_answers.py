"""`flask seed --history`: a month of sample data, marked as such, ignored by budgets and usage, and removable as a whole."""

import pytest
from flask import Flask

from tests.api.client import Client
from tests.operations.insights.test_insights import Made, made, program
from tests.support.browser import Browser

__all__ = ["made", "program"]


def run(app: Flask, *args: str) -> str:
    result = app.test_cli_runner().invoke(args=["seed", *args])
    return f"{result.exit_code} {result.stdout or result.stderr.splitlines()[-1]}"


@pytest.mark.slow
def test_a_month_is_made_once_and_removed(app: Flask, made: Made, owner: Browser, program: Client) -> None:
    made(3, cost="0.25")
    before = program.get("/insights/summary")
    assert run(app, "--history").startswith("0 Made ")
    page = owner.page("/insights?period=30d")
    assert page.says("Example history")
    assert page.says("Birch")
    assert program.get("/insights/summary")["answers"] > before["answers"]
    assert run(app, "--history").startswith("0 The example history already exists.")
    budget = program.post("/budgets", {"who": "team", "unit": "answers", "limit": 5, "period": "month"}, status=201)
    assert program.get(f"/budgets/{budget['id']}")["used"] <= 3
    assert not owner.page("/admin/usage").says("example/")

    assert run(app, "--history", "--remove").startswith("0 Removed ")
    after = program.get("/insights/summary")
    assert {**after, "from": "", "to": ""} == {**before, "from": "", "to": ""}
    assert run(app, "--history", "--remove") == "0 Removed 0 example answers.\n"


def test_what_makes_no_sense_is_refused(app: Flask) -> None:
    assert run(app, "--remove").startswith("2 ")
    assert run(app, "--history").startswith("1 Error: There are no people yet.")
