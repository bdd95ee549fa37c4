"""What a workflow is: its slots and its steps, in order. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.workflows.answers import Slot
from webapp.workflows.conditions import holds_now

# Where a run goes when there is no step to go to.
END = "end"


@dataclass(frozen=True, slots=True)
class Way:
    """Where to go, always or when something holds.

    The condition is kept as its text: as trees, those of one workflow would take megabytes.
    """

    go: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One verb with its text; `after` is the next step of the list."""

    id: str
    verb: str
    text: str = ""
    slot: str = ""
    ways: tuple[Way, ...] = ()
    after: str = END
    guidelines: str = ""
    max_sentences: int = 2
    max_tokens: int | None = None
    turns: int = 0
    # The people that an end hands over to.
    group: str = ""
    # Answers that are given here without asking; of None nothing is known any more.
    sets: Mapping[str, Any] = field(default_factory=dict)
    # What a plan is made from, by the name of its field.
    inputs: Mapping[str, str] = field(default_factory=dict)
    # Collections by their names; what a model says is looked up in them, as far as the person may see them.
    knowledge: tuple[str, ...] = ()
    # Whether it reads from documents at all: these, and the files that were given in the run.
    retrieves: bool = True
    is_personal: bool = True
    line: int = 1

    @property
    def waits(self) -> bool:
        """Whether a person is asked here."""
        return self.verb == "collect" or self.turns > 0

    @property
    def is_automatic(self) -> bool:
        """Whether a run passes it without waiting for anybody."""
        return self.verb in ("say", "set", "branch")

    @property
    def exits(self) -> list[str]:
        """Every step that may be next."""
        if self.verb == "end":
            return []
        is_closed = any(way.condition is None for way in self.ways)
        return [*dict.fromkeys([*(way.go for way in self.ways), *(() if is_closed else (self.after,))])]

    def exit(self, values: Mapping[str, Any]) -> str:
        """The one that is next."""
        if self.verb == "end":
            return END
        return next((way.go for way in self.ways if way.condition is None or holds_now(way.condition, values)), self.after)

    @property
    def texts(self) -> str:
        return "\n".join((self.text, self.guidelines, *self.inputs.values()))


@dataclass(frozen=True, slots=True)
class Definition:
    slug: str
    title: str
    about: str = ""
    minutes: int = 0
    knowledge: tuple[str, ...] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    by_id: Mapping[str, Step] = field(default_factory=dict)

    @property
    def all_knowledge(self) -> tuple[str, ...]:
        """What side questions are answered from: what the definition names, else what its steps do."""
        return self.knowledge or tuple(dict.fromkeys(name for step in self.steps for name in step.knowledge))

    def reachable(self, *starts: str) -> Iterator[str]:
        """Every step that a run may come to from these, these included."""
        seen, ahead = set(starts), list(starts)
        while ahead:
            if step := self.by_id.get(ahead.pop()):
                yield step.id
                ahead += [each for each in step.exits if each not in seen]
                seen.update(step.exits)
