"""The state of a run, the events it handles and the effects they have. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["running", "waiting", "paused", "completed", "cancelled", "failed"]
ENDED = ("completed", "cancelled", "failed")
DONE, SKIPPED = "done", "skipped"
# The kinds of a model's events. They are stored with every run, so the values stay as they were.
MODEL_ANSWERED, MODEL_FAILED = "spoke", "fell"
# What a tool returns is a model's answer to the step; a failure is not, as the run can go on elsewhere.
TOOL_FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of a run, from which its next step follows.

    - `outcomes`: how each passed step ended; `said`: the models' answers by step.
    - `kept`: outcomes of steps that need not be done again when the run reaches them.
    - `trail`: the steps at which the person was asked, the current one last.
    - `tries`: invalid answers so far; `turns_left`: replies the person still has to a model.
    - `due`: it is a model's turn; `is_aside`: it answers a question of the person's, after which the step's question is repeated.
    - `handed_to`: the group that the chat was handed over to.
    - `proposed`: a model's interpretation of an invalid answer, until the person confirms or rejects it.
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
        """The names and values that conditions compare."""
        return {**self.slots, **{f"steps.{id}": outcome for id, outcome in self.outcomes.items()}}

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> "RunState":
        return cls(**{**stored, "trail": tuple(stored.get("trail", ()))})


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a run.

    A person causes `answer`, `ask`, `skip`, `back`, `pause`, `resume`, `cancel` and `change`; a model `MODEL_ANSWERED`,
    `MODEL_FAILED` and `guess`; a tool `MODEL_ANSWERED` and `TOOL_FAILED`; `begin` occurs once, and can name the step where
    a trial begins, with earlier answers as JSON. The value of a guess is the interpretation and, after an empty line, the answer
    as typed.
    """

    kind: str
    value: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """An effect: posts a message of the workflow. `PostReply` posts one of the person, `CallModel` calls a model."""

    text: str
    step: str


@dataclass(frozen=True, slots=True)
class PostReply:
    text: str
    step: str


@dataclass(frozen=True, slots=True)
class CallModel:
    step: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """An effect: the run is handed over to a group, with a summary of the answers."""

    group: str
    summary: str
    step: str


Effect = Say | PostReply | CallModel | HandOver


@dataclass(frozen=True, slots=True)
class StepResult:
    """The next state and the effects; with a `refusal`, only the number of tries can have changed."""

    state: RunState
    effects: tuple[Effect, ...] = ()
    refusal: str = ""
