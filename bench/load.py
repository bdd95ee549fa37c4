"""The load of a run, and what the model answers: prose or a plan, in tokens with placeholders for timestamps. Pure."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

# The placeholder that the model replaces with the token's number and the time of sending.
STAMP = "¤"
# The question that is answered with one word.
BRIEFLY = "Briefly."
# Tokens per paragraph.
PARAGRAPH = 40
SUMMARY_STAMPS, STEP_STAMPS = 36, 12
# The part of an answer's duration during which the later requests arrive, once all others have begun.
LATER = 0.5
# Multiples of the golden ratio, modulo 1, are evenly distributed without a period.
GOLDEN = 0.618034
DAYS = ("Tuesday", "Wednesday", "Sunday")


@dataclass(frozen=True)
class Load:
    """How many answers of which length and speed are requested, and within how many seconds.

    `in_vain` more are requested with them, and the same number must be rejected. `later` people request answers one after
    another while all those are being written. Every answer has this many `watchers`; where answers are not shared, each watcher
    requests one.
    """

    answers: int
    tokens: int
    rate: float
    within: float = 1.0
    later: int = 0
    in_vain: int = 0
    watchers: int = 1
    is_plan: bool = False
    has_blocks: bool = False

    @classmethod
    def of_plans(cls, answers: int, rate: float, in_vain: int) -> "Load":
        return cls(answers, "".join(plan()).count(STAMP), rate, in_vain=in_vain, is_plan=True)

    @classmethod
    def read(cls, words: str) -> "Load":
        return cls(**json.loads(words))

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    @property
    def pieces(self) -> list[str]:
        return plan() if self.is_plan else blocks(self.tokens) if self.has_blocks else prose(self.tokens)

    @property
    def crowd(self) -> int:
        """How many requests come at the start."""
        return self.answers * self.watchers + self.in_vain

    @property
    def people(self) -> int:
        return self.crowd + self.later

    @property
    def expected(self) -> int:
        return (self.people - self.in_vain) * self.tokens

    @property
    def answer_seconds(self) -> float:
        return len(self.pieces) / self.rate

    def at(self, number: int) -> float:
        """Returns when this request of the crowd comes: evenly distributed, but not in step with anything periodic."""
        return self.within * (number * GOLDEN % 1)

    def later_at(self, number: int) -> float:
        """Returns how long this later request waits after all others have begun: none of those may have ended.

        The later requests are not in step with anything periodic either, so that each sees a different distance to the next
        beat.
        """
        return self.answer_seconds * LATER * (number + number * GOLDEN % 1 / 2) / self.later


@dataclass(frozen=True)
class Sitting:
    """Open pages on several chats, some of which get a new turn every `pace` seconds.

    Those have `fill` messages before the measurement begins, and every answer has this many `tokens`. Results are reported
    `every` so many seconds.
    """

    watchers: int
    chats: int
    busy: int
    seconds: float
    every: float
    pace: float
    tokens: int
    rate: float
    fill: int = 2

    @classmethod
    def read(cls, words: str) -> "Sitting":
        return cls(**json.loads(words))

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def prose(tokens: int) -> list[str]:
    # Models put the blank before the word.
    return [("" if not number else " " if number % PARAGRAPH else "\n\n") + STAMP for number in range(tokens)]


def blocks(count: int) -> list[str]:
    """Returns as many pieces of about a hundred characters: small blocks of every kind, without timestamps."""
    words = "The wheel turns as long as the water comes, and the water comes as long as the gate is open."
    kinds = (words, f"- {words}\n- *Oil* the **bearing**", f"### The gate\n\n{words}", f"```py\nturn({len(words)})  # wheel\n```")
    return [f"{kinds[number % len(kinds)]}\n\n" for number in range(count)]


def plan() -> list[str]:
    """Returns the pieces of a monthly plan, with timestamps only where a page can show them immediately.

    Those places are texts that grow, and ends of elements.
    """
    whole = {
        "title": "A month at the mill",
        "monthly_summary": _stamps(SUMMARY_STAMPS),
        "weeks": [_week(number) for number in range(1, 5)],
        "risks": ["A wet weekend, or a dry one.", f"Guests. {STAMP}"],
        "first_step": _stamps(STEP_STAMPS),
    }
    return re.findall(r"\s*\S+", json.dumps(whole, ensure_ascii=False))


def _week(number: int) -> dict[str, Any]:
    tasks = [
        {"title": f"Oil gate {number} and look after its wheel", "day": day, "minutes": 40, "why": "What turns, stays."}
        for day in DAYS
    ]
    return {"focus": f"Gate {number} of four", "tasks": tasks, "milestone": f"The gate opens with one hand. {STAMP}"}


def _stamps(count: int) -> str:
    return " ".join([STAMP] * count)
