"""What is asked for in a run, and what the model then says: prose or a plan, in tokens that hold a place for a stamp. Pure."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

# Where the model writes which token this is and when it was sent.
STAMP = "¤"
# What is answered with one word.
BRIEFLY = "Briefly."
# A paragraph now and then, as texts have them.
PARAGRAPH = 40
SUMMARY_STAMPS, STEP_STAMPS = 36, 12
# The part of an answer's time in which others come, when all have got in.
LATER = 0.5
# Multiples of it fall evenly between whole numbers, at no regular distance.
GOLDEN = 0.618034
DAYS = ("Tuesday", "Wednesday", "Sunday")


@dataclass(frozen=True)
class Load:
    """How many answers, how long, how fast, and within how many seconds they are asked for.

    `in_vain` more are asked for with them, and as many have to be refused. `later` people ask one after another while all
    those answers are being written. Every answer is watched by so many people, each of whom asks for one where nothing is shared.
    """

    answers: int
    tokens: int
    rate: float
    within: float = 1.0
    later: int = 0
    in_vain: int = 0
    watchers: int = 1
    is_plan: bool = False

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
        return plan() if self.is_plan else prose(self.tokens)

    @property
    def crowd(self) -> int:
        """How many come at the beginning."""
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
        """When this one of the crowd comes: evenly, but in step with nothing else that beats."""
        return self.within * (number * GOLDEN % 1)

    def later_at(self, number: int) -> float:
        """How long this one of the later ones waits when all others have begun: none of those must be at its end.

        They too are in step with nothing: what one waits for is as near or as far for the next.
        """
        return self.answer_seconds * LATER * (number + number * GOLDEN % 1 / 2) / self.later


@dataclass(frozen=True)
class Sitting:
    """So many open pages on so many chats, in some of which a turn is taken every `pace` seconds.

    These have `fill` messages before the time begins, and every answer has so many tokens. What has been seen is told
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


def plan() -> list[str]:
    """A monthly plan. It has stamps where a page can show them at once: in texts that grow, and where an element ends."""
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
