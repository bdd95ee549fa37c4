"""The definition of a workflow: its slots, its steps, and checks of where these lead. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.workflows.definition.conditions import holds_now
from webapp.workflows.definition.slots import Slot

# The step id that ends a run.
END = "end"
# The outcome of a step whose tool failed, and the word for the tools of the run's chat.
FAILED, CHAT_TOOLS = "failed", "chat"
Found = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition to another step, always or under a condition.

    The condition is stored as text: the syntax trees of one workflow would take megabytes.
    """

    target: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step, with its verb and its text; `after` is the next step in the list."""

    id: str
    verb: str
    text: str = ""
    slot: str = ""
    transitions: tuple[Transition, ...] = ()
    after: str = END
    guidelines: str = ""
    max_sentences: int = 2
    max_tokens: int | None = None
    turns: int = 0
    # For an `end`: the group that the run is handed over to.
    group: str = ""
    # Slot values that this step sets without asking; None clears a slot.
    sets: Mapping[str, Any] = field(default_factory=dict)
    # The inputs of a plan, as templates by field name.
    inputs: Mapping[str, str] = field(default_factory=dict)
    # Names of collections that are searched for the model's answer, as far as the person may see them.
    knowledge: tuple[str, ...] = ()
    # Whether the step retrieves passages at all, from these collections and from files given in the run.
    retrieves: bool = True
    # The keys of the tools that the model can call.
    tools: tuple[str, ...] = ()
    # For a `tool`, whose key is the text: its arguments, with templates and `{slot: name}`, the slot that its result goes to, and
    # where it leads if the tool fails.
    arguments: Mapping[str, Any] = field(default_factory=dict)
    into: str = ""
    failures: tuple[Transition, ...] = ()
    is_personal: bool = True
    line: int = 1

    @property
    def waits(self) -> bool:
        """Whether the step waits for a person's answer."""
        return self.verb == "collect" or self.turns > 0

    @property
    def is_automatic(self) -> bool:
        """Whether a run passes the step without waiting for a person or a model."""
        return self.verb in ("say", "set", "branch")

    @property
    def exits(self) -> list[str]:
        """Returns every step that can come next."""
        if self.verb == "end":
            return []
        both = (self.transitions, self.failures) if self.failures else (self.transitions,)
        is_closed = all(any(transition.condition is None for transition in ways) for ways in both)
        targets = (transition.target for ways in both for transition in ways)
        return [*dict.fromkeys([*targets, *(() if is_closed else (self.after,))])]

    def exit(self, values: Mapping[str, Any]) -> str:
        """Returns the next step for these values."""
        if self.verb == "end":
            return END
        has_failed = bool(self.failures) and values.get(f"steps.{self.id}") == FAILED
        open_now = (
            transition
            for transition in (self.failures if has_failed else self.transitions)
            if transition.condition is None or holds_now(transition.condition, values)
        )
        return next((transition.target for transition in open_now), self.after)

    @property
    def texts(self) -> str:
        return "\n".join((self.text, self.guidelines, *self.inputs.values(), *_texts(self.arguments)))

    @property
    def filled_slots(self) -> tuple[str, ...]:
        """Returns the slots that the step fills, by asking or without."""
        return (self.slot, self.into, *self.sets)

    @property
    def named_tools(self) -> tuple[str, ...]:
        """Returns the keys of the tools that the step names."""
        return (self.text,) if self.verb == "tool" else tuple(key for key in self.tools if key != CHAT_TOOLS)


def slot_in(argument: Any) -> str:
    """Returns the slot that an argument is the value of, written as `{slot: name}`; empty for any other argument."""
    return str(argument["slot"]) if isinstance(argument, Mapping) and [*argument] == ["slot"] else ""


def _texts(argument: Any) -> Iterator[str]:
    """Yields the texts of an argument; a slot as the placeholder of its value."""
    if name := slot_in(argument):
        yield f"{{{{{name}}}}}"
    elif isinstance(argument, str):
        yield argument
    elif isinstance(argument, Mapping | list):
        for part in argument.values() if isinstance(argument, Mapping) else argument:
            yield from _texts(part)


@dataclass(frozen=True, slots=True)
class Definition:
    slug: str
    title: str
    about: str = ""
    minutes: int = 0
    # The model that answers, if the person can choose it.
    model: str = ""
    knowledge: tuple[str, ...] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    by_id: Mapping[str, Step] = field(default_factory=dict)

    @property
    def all_knowledge(self) -> tuple[str, ...]:
        """Returns the collections for side questions: those the definition names, or else those of its steps."""
        return self.knowledge or tuple(dict.fromkeys(name for step in self.steps for name in step.knowledge))

    def reachable(self, *starts: str) -> Iterator[str]:
        """Yields every step that a run can reach from these, including these."""
        seen, ahead = set(starts), list(starts)
        while ahead:
            if step := self.by_id.get(ahead.pop()):
                yield step.id
                ahead += [exit for exit in step.exits if exit not in seen]
                seen.update(step.exits)


def flow_faults(definition: Definition) -> Iterator[Found]:
    """Yields the index of each step with an error, the error, and a hint."""
    reachable = set(definition.reachable(definition.steps[0].id))
    ending = _ending(definition)
    for index, step in enumerate(definition.steps):
        if step.id not in reachable:
            yield index, f"No step leads to “{step.id}”.", "Name it in a “next” or a “branch”, or remove it."
        elif step.id not in ending:
            yield index, f"From “{step.id}” no run can end.", "Give one of the steps in this loop a way out."
        elif step.id in _automatic_circle(definition, step):
            yield index, f"“{step.id}” leads back to itself without a question.", "Add a question to the loop."


def _ending(definition: Definition) -> set[str]:
    """Returns every step from which a run can end, searching backwards from the ends."""
    ids: set[str] = {step.id for step in definition.steps if step.verb == "end" or END in step.exits}
    before: dict[str, list[str]] = {}
    for step in definition.steps:
        for other in step.exits:
            before.setdefault(other, []).append(step.id)
    ahead = list(ids)
    while ahead:
        fresh = set(before.get(ahead.pop(), ())) - ids
        ids |= fresh
        ahead += fresh
    return ids


def _automatic_circle(definition: Definition, start: Step) -> set[str]:
    """Returns the steps that a run can reach from this one without a question; none if this step waits for a person itself."""
    seen: set[str] = set()
    ahead = [] if start.waits else list(start.exits)
    while ahead:
        step = definition.by_id.get(ahead.pop())
        if step and not step.waits and step.id not in seen:
            seen.add(step.id)
            ahead += step.exits
    return seen
