"""The cost of parsing a plan while it is written, in pieces of four characters, in CPU time of this process. Pure."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

from bench.verdict import Bar, Verdict, drift
from webapp.streaming.partial_json import StreamingJSONParser

PIECE = 4
PACE_SECONDS = 0.02
SMALL, LARGE = 58_000, 1_000_000
MOST_MS, MOST_TIMES = 25.0, 20.0
WORDS = ("water", "gate", "the", "slow", "morning", "twenty", "“quoted”", "naïve", "a", "line\nbreak", "mill", "\\", "tab\t", "𝄞")
ROUNDS = 3


def plan_of(dice: random.Random, *, weeks: int) -> dict[str, Any]:
    """Returns a random plan, always the same for the same `dice`."""
    return {
        "title": _words(dice, 5),
        "monthly_summary": _words(dice, 40),
        "weeks": [_week(dice) for _ in range(weeks)],
        "risks": [_words(dice, 8) for _ in range(dice.randint(0, 3))],
        "is_gentle": dice.random() < 0.5,
        "nothing": None,
    }


def measure(say: Callable[[str], None]) -> Verdict:
    """Measures the cost of a small and of a large plan."""
    say(f"{'characters':>10} {'ms':>8} {'ms, tick by tick':>18}")
    small, large = (_figures(size, say) for size in (SMALL, LARGE))
    times = f"a plan of {LARGE / SMALL:.1f} times the length, in times of the small one"
    bars = [
        Bar(f"a plan of {SMALL // 1000} 000 characters", small, MOST_MS, " ms", is_timed=True),
        Bar(times, large / small, MOST_TIMES, is_timed=True),
    ]
    doubt = drift(small, _plain(_text(SMALL)))
    return Verdict(bars, [doubt] if doubt else [])


def _figures(size: int, say: Callable[[str], None]) -> float:
    text = _text(size)
    plain = _plain(text)
    paced = min(_milliseconds(text, _paced()) for _ in range(ROUNDS))
    say(f"{len(text):>10} {plain:>8.1f} {paced:>18.1f}")
    return plain


def _plain(text: str) -> float:
    return min(_milliseconds(text, time.monotonic) for _ in range(ROUNDS))


def _milliseconds(text: str, now: Callable[[], float]) -> float:
    parser, began = StreamingJSONParser(now=now), time.process_time()
    for at in range(0, len(text), PIECE):
        parser.add_chunk(text[at : at + PIECE])
    parser.flush()
    spent = (time.process_time() - began) * 1000
    if parser.value != json.loads(text):
        raise AssertionError("the plan was not read as it was written")
    return spent


def _paced() -> Callable[[], float]:
    """Returns a clock by which a piece arrives every fiftieth of a second, the speed of models."""
    at = 0.0

    def now() -> float:
        nonlocal at
        at += PACE_SECONDS
        return at

    return now


def _text(size: int) -> str:
    dice = random.Random(size)
    plan, chars = plan_of(dice, weeks=0), 0
    while chars < size:
        plan["weeks"].append(_week(dice))
        chars += len(json.dumps(plan["weeks"][-1], ensure_ascii=False))
    return json.dumps(plan, ensure_ascii=False)


def _week(dice: random.Random) -> dict[str, Any]:
    tasks = [
        {"title": _words(dice, 6), "minutes": dice.randint(5, 90), "why": _words(dice, 9)} for _ in range(dice.randint(1, 6))
    ]
    return {"focus": _words(dice, 4), "share": round(dice.random(), 3), "tasks": tasks, "milestone": _words(dice, 7)}


def _words(dice: random.Random, most: int) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(0, most)))
