"""Many plans at the same time, and a few more than a person's quota: all are written, and the quota is exact."""

import time
from collections.abc import Callable, Sequence

from bench.figures import HEADING, doubts
from bench.load import Load
from bench.servers import Product
from bench.stream import loss_bars, measured
from bench.verdict import Bar, Verdict

WAYS = ("plan-pages", "plan-api")
IN_VAIN = 5
SETTLE_SECONDS = 10.0
STATES = "SELECT status, count(*) FROM plans GROUP BY status"
USED = "SELECT sum(used) FROM plan_quotas"


def measure(plans: int, rate: float, say: Callable[[str], None], *, ways: Sequence[str] = WAYS) -> Verdict:
    """Measures the cost of concurrent plans for one person who requests more than the quota allows."""
    load, states, used = Load.of_plans(plans, rate, IN_VAIN), list[dict[str, int]](), list[int]()

    def note_states(installation: Product) -> None:
        states.append(_settled(installation))
        used.append(installation.rows(USED)[0][0])

    tokens = f"{len(load.pieces)} tokens, {load.tokens} of them stamped"
    say(f"{plans} plans of {tokens}, at {rate:g} a second; {plans + IN_VAIN} asked for, {plans} a month allowed")
    say(HEADING)
    runs = measured(load, ways, say, inspect=note_states, settings={"limits.plans_per_month": plans})
    return Verdict([*_kept(plans, ways, states, used), *loss_bars(runs, IN_VAIN)], doubts(runs))


def _kept(plans: int, ways: Sequence[str], states: list[dict[str, int]], used: list[int]) -> list[Bar]:
    bars: list[Bar] = []
    for name, state, units in zip(ways, states, used, strict=True):
        others = sum(count for status, count in state.items() if status != "completed")
        bars.append(Bar(f"{name}, plans of {plans} that are incomplete", plans - state.get("completed", 0) + others, 0))
        bars.append(Bar(f"{name}, units by which the quota of {plans} is wrong", abs(units - plans), 0))
    return bars


def _settled(installation: Product) -> dict[str, int]:
    """Returns how many plans have each status, once none is being written."""
    until = time.monotonic() + SETTLE_SECONDS
    while (states := dict(installation.rows(STATES))).get("generating") and time.monotonic() < until:
        time.sleep(0.05)
    return states
