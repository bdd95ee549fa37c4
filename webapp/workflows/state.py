"""Where a run stands, what happens to it, and what it does then. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["running", "waiting", "paused", "completed", "cancelled", "failed"]
ENDED = ("completed", "cancelled", "failed")
DONE, SKIPPED = "done", "skipped"


@dataclass(frozen=True, slots=True)
class State:
    """`outcomes` says of every step that was passed how; `said` holds what models said in which step.

    `kept` has steps that need not be done again when the run comes to them, with their outcome; `trail` has those at which
    a person was asked, the present one last. `tries` counts answers that did not fit, `turns_left` replies to a model. While
    it is `due`, it is a model's turn: `is_aside` when it answers a question of the person's, after which the step is asked again.
    `handed_to` is the group of people that the chat was handed over to. `proposed` is what a model has read in an answer that
    did not fit, until the person says whether that is meant.
    """

    step: str = ""
    status: Status = "running"
    slots: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    trail: tuple[str, ...] = ()
    tries: int = 0
    turns_left: int = 0
    due: bool = False
    is_aside: bool = False
    handed_to: str = ""
    proposed: str = ""

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def values(self) -> dict[str, Any]:
        """What conditions compare."""
        return {**self.slots, **{f"steps.{id}": outcome for id, outcome in self.outcomes.items()}}

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "State":
        return cls(**{**stored, "trail": tuple(stored.get("trail", ()))})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a run: `answer`, `ask`, `skip`, `back`, `pause`, `resume`, `cancel`, `change` by a person;
    `spoke`, `fell` and `guess` by a model; `begin` once. A guess is what an answer may mean and, behind an
    empty line, the answer.
    """

    kind: str
    value: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """The workflow says something; `Hear` is a person, `Speak` has a model speak."""

    text: str
    step: str


@dataclass(frozen=True, slots=True)
class Hear:
    text: str
    step: str


@dataclass(frozen=True, slots=True)
class Speak:
    step: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """People of a group take over, who are told what has been answered so far."""

    group: str
    summary: str
    step: str


Effect = Say | Hear | Speak | HandOver


@dataclass(frozen=True, slots=True)
class Result:
    """The next state and what is to be done; with a `refusal`, nothing but the number of tries has changed."""

    state: State
    effects: tuple[Effect, ...] = ()
    refusal: str = ""
