"""Reads the flows of a Rasa assistant: each becomes the draft of a workflow, with a report of what has no counterpart."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.base import yaml_text
from webapp.base.heavy.threads import offload_expecting
from webapp.base.untrusted_json import JsonObject, list_of
from webapp.workflows.definition.conditions import MOST_CHARS, BadCondition, parsed
from webapp.workflows.definition.parsing import MOST_OPTIONS, MOST_STEPS, NAME
from webapp.workflows.foreign import ForeignFlow

TYPES = {"categorical": "choice", "bool": "yes/no", "float": "number", "text": "text", "any": "text", "list": "text"}
VERBS = ("collect", "action", "set_slots", "noop", "link", "call")
END, DEEPEST, MOST_FLOWS = "end", 5, 100
# More steps are read than a workflow can have, because some are left out. `MOST_VISITED` limits the values that are searched for
# slots.
MOST_READ, MOST_VISITED = 2 * MOST_STEPS, 5_000
TOO_LONG = f"everything after the first {MOST_READ} steps"
# A flow that is called a hundred times is converted a hundred times, so the ways of a step are limited; one of the options is
# left for `else`.
MOST_WAYS = MOST_OPTIONS - 1
TOO_MANY_WAYS = f"the ways of a step after its first {MOST_WAYS}"
# These keys control when Rasa starts a flow or repeats a question. Here a person starts a run, and it asks every time.
OF_A_FLOW = ("if", "nlu_trigger", "always_include_in_prompt", "persisted_slots", "file_path", "run_pattern_completed")
OF_A_COLLECT = ("rejections", "force_slot_filling")
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
TEXT = r"\"[^\"]*\"|'[^']*'"
WORDS = re.compile(
    rf"(?P<text>{TEXT})|(?P<more>\bis\s+not\b)|(?P<same>\bis\b|(?<![=!<>])=(?!=))"
    r"|(?P<slot>\bslots\.)|(?P<nothing>\b(?:null|None|undefined)\b)"
)
# Rasa writes `slots.` before each name, so its conditions are longer. The pattern takes quadratic time, so there is a limit.
MOST_WRITTEN = 3 * MOST_CHARS
CONTAINS = re.compile(rf"([A-Za-z_][\w.]*)\s+contains\s+({TEXT}|[\w.]+)")


@dataclass(frozen=True, slots=True)
class Domain:
    """The flows, slots and responses of a Rasa assistant by name, merged from all its files."""

    flows: dict[str, JsonObject] = field(default_factory=dict)
    slots: dict[str, JsonObject] = field(default_factory=dict)
    responses: dict[str, list[Any]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Returns the text of a response; empty if there is no such response or it has no text."""
        first = next(iter(self.responses.get(name) or ()), None)
        return str(first.get("text") or "").strip() if isinstance(first, dict) else ""


def is_rasa(source: str) -> bool:
    """Returns whether a text is part of a Rasa assistant and not a workflow of Millrace; one that can't be parsed isn't."""
    try:
        value = value_of(source)
    except yaml_text.UnreadableYaml:
        return False
    return "workflow" not in value and any(isinstance(value.get(name), dict) for name in ("flows", "responses", "slots"))


def imported(sources: Iterable[str], *, read: Callable[[str], JsonObject] | None = None) -> Iterator[ForeignFlow]:
    """Yields a workflow for each flow in these texts; raises `yaml_text.Unreadable`."""
    domain = Domain()
    for value in map(read or value_of, sources):
        for name, section in (("flows", domain.flows), ("slots", domain.slots), ("responses", domain.responses)):
            value_of_section = value.get(name)
            section.update(
                {str(key): part for key, part in value_of_section.items() if part} if isinstance(value_of_section, dict) else {}
            )
    names = [name for name, flow in domain.flows.items() if isinstance(flow, dict)]
    return (_Flow(domain, name).imported() for name in names[:MOST_FLOWS])


def value_of(source: str) -> JsonObject:
    """Parses a text; returns an empty dict if it is not a mapping. Raises `yaml_text.Unreadable`."""
    value = yaml_text.read(source, "flow").value
    return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class _Flow:
    """Converts one flow to a workflow; flows that it calls are inlined."""

    domain: Domain
    name: str
    steps: list[JsonObject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    slots: dict[str, JsonObject] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    count: int = 0
    mapped: int = 0

    def imported(self) -> ForeignFlow:
        about = self.domain.flows[self.name]
        self.notes += [f"“{name}” of the flow" for name in OF_A_FLOW if name in about]
        self._slots(about)
        self._list(list_of(about.get("steps")), {}, END, depth=0)
        title = str(about.get("name") or self.name).strip().capitalize()[:80]
        steps = _reached(self.steps) or [{"end": "This flow has no steps."}]
        head = {"workflow": _slug(self.name), "title": title, "about": str(about.get("description") or "").strip()[:300]}
        written = set(re.findall(r"\w+", json.dumps(steps)))
        used = {name: slot for name, slot in self.slots.items() if name in written}
        source = yaml_text.written(head | {"slots": used, "steps": steps})
        return ForeignFlow(_slug(self.name), title, source, self.count, self.mapped, tuple(dict.fromkeys(self.notes)))

    def _slots(self, about: Any) -> None:
        """Adds every slot that the flow can use."""
        for name in _slots_of(about, self.domain):
            if NAME.fullmatch(name):
                self.slots[name] = self._slot(name, self.domain.slots.get(name) or {})
            else:
                self.notes.append(f"the slot “{name}”, whose name can't be used here")

    def _slot(self, name: str, slot: JsonObject) -> JsonObject:
        options = [str(option) for option in list_of(slot.get("values"))]
        type = TYPES.get(str(slot.get("type", "text")), "text")
        if type == "choice" and len(options) < 2:
            type = "text"
        ask = self._response(f"utter_ask_{name}") or f"{name.replace('_', ' ').capitalize()}?"
        return {"type": type, "ask": ask, **({"options": options} if type == "choice" else {})}

    def _list(self, steps: list[Any], ids: dict[str, str], after: str, *, depth: int) -> str:
        """Converts a list of steps, the last of which leads to `after`; returns the first one's id."""
        steps = self._within([step for step in steps if isinstance(step, dict)])
        own = dict(ids)
        mine = []
        for index, step in enumerate(steps):
            mine.append(self._id(str(step.get("id") or _verb(step) or f"step_{index + 1}")))
            if "id" in step:
                own[str(step["id"])] = mine[-1]
        for index, step in enumerate(steps):
            self._step(step, mine[index], own, mine[index + 1] if index + 1 < len(mine) else after, after, depth=depth)
        return mine[0] if mine else after

    def _within(self, steps: list[JsonObject]) -> list[JsonObject]:
        """Returns as many of these steps as the limit leaves room for."""
        room = max(0, MOST_READ - len(self.taken))
        if len(steps) > room:
            self.notes.append(TOO_LONG)
        return steps[:room]

    def _step(self, rasa_step: JsonObject, id: str, ids: dict[str, str], after: str, end: str, *, depth: int) -> None:
        self.count += 1
        verb = next((verb for verb in VERBS if verb in rasa_step), "")
        fields: JsonObject | None = None
        if verb in ("link", "call"):
            self._other(rasa_step, id, ids, after, end, depth=depth)
            return
        if verb:
            fields = getattr(self, f"_{verb}")(rasa_step)
        if fields is None:
            self.notes.append(_named(rasa_step))
        else:
            self.mapped += 1
        self.steps.append({"id": id, **(fields or {})})
        step = self.steps[-1]
        ways = self._ways(rasa_step.get("next"), ids, after, end, depth=depth)
        if fields and "branch" not in fields and not isinstance(ways, list) and ways == after and after == END:
            step["next"] = END
        elif not fields or "branch" in fields:
            step["branch"] = ways if isinstance(ways, list) else [{"go": ways}]
        else:
            step["next"] = ways

    def _collect(self, step: JsonObject) -> JsonObject | None:
        name = str(step["collect"])
        if name not in self.slots:
            return None
        self.notes += [f"“{key}” of collect {name}" for key in OF_A_COLLECT if key in step]
        if ask := self._response(str(step.get("utter", ""))):
            self.slots[name]["ask"] = ask
        return {"collect": name}

    def _action(self, step: JsonObject) -> JsonObject | None:
        name = str(step["action"])
        if not name.startswith("utter_"):
            return None
        text = self._response(name)
        if not text:
            self.notes.append(f"the text of {name}")
        return {"say": text or name.removeprefix("utter_").replace("_", " ").capitalize() + "."}

    def _set_slots(self, step: JsonObject) -> JsonObject | None:
        pairs = [pair for slots in list_of(step["set_slots"]) if isinstance(slots, dict) for pair in slots.items()]
        values = {str(name): value for name, value in pairs if str(name) in self.slots}
        return {"set": values} if values else None

    def _noop(self, step: JsonObject) -> JsonObject:
        return {"branch": []}

    def _other(self, step: JsonObject, id: str, ids: dict[str, str], after: str, end: str, *, depth: int) -> None:
        """Inlines another flow: a call returns to the step after it, a link does not."""
        is_call = "call" in step
        name = str(step["call" if is_call else "link"])
        about = self.domain.flows.get(name)
        back = after
        if is_call and step.get("next") is not None:
            back = self._id(f"after_{name}")
        if not about or depth >= DEEPEST or len(self.steps) >= MOST_STEPS:
            self.notes.append(_named(step))
            first = back
        else:
            self.mapped += 1
            first = self._list(list_of(about.get("steps")), {}, back if is_call else end, depth=depth + 1)
        self.steps.append({"id": id, "branch": [{"go": first}]})
        if back != after:
            ways = self._ways(step.get("next"), ids, after, end, depth=depth)
            self.steps.append({"id": back, "branch": ways if isinstance(ways, list) else [{"go": ways}]})

    def _ways(self, value: Any, ids: dict[str, str], after: str, end: str, *, depth: int) -> Any:
        """Returns where a step leads: a step's id, or a list of ways."""
        if not isinstance(value, list):
            return after if value is None else self._target(value, ids, end, depth=depth)
        ways: list[JsonObject] = []
        if len(value) > MOST_WAYS:
            self.notes.append(TOO_MANY_WAYS)
        for way in (way for way in value[:MOST_WAYS] if isinstance(way, dict)):
            if "else" in way:
                return [*ways, {"go": self._target(way["else"], ids, end, depth=depth)}]
            go = self._target(way.get("then"), ids, end, depth=depth)
            try:
                ways.append({"if": translated(str(way.get("if")), self.slots), "go": go})
            except BadCondition:
                self.notes.append(f"the condition “{str(way.get('if'))[:80]}”")
        return [*ways, {"go": after}]

    def _target(self, value: Any, ids: dict[str, str], end: str, *, depth: int) -> str:
        if isinstance(value, list):
            return self._list(value, ids, end, depth=depth)
        if value == "END":
            return end
        if str(value) not in ids:
            self.notes.append(f"a way to “{str(value)[:40]}”")
        return ids.get(str(value), end)

    def _response(self, name: str) -> str:
        """Returns a response's text, with placeholders for the slots that the flow has."""
        text = self.domain.text(name).replace("{{", "{").replace("}}", "}")
        return PLACEHOLDER.sub(lambda match: f"{{{{{match.group(1)}}}}}" if match.group(1) in self.slots else "…", text)[:1_000]

    def _id(self, preferred: str) -> str:
        base = re.sub(r"[^a-z0-9_]+", "_", preferred.lower()).strip("_")[:34] or "step"
        base = base if base[0].isalpha() and base != END else f"s_{base}"
        id, number = f"{base}_", 1
        id = base
        while id in self.taken or not NAME.fullmatch(id):
            number += 1
            id = f"{base}_{number}"
        self.taken.add(id)
        return id


def _reached(steps: list[JsonObject]) -> list[JsonObject]:
    """Returns the steps that a run can reach; steps that only follow something not understood are left out."""
    by_id = {step["id"]: index for index, step in enumerate(steps)}
    seen, ahead = set[int](), [0] if steps else []
    while ahead:
        reached = ahead.pop()
        if reached in seen:
            continue
        seen.add(reached)
        ahead += [by_id[go] for go in _targets(steps[reached]) if go in by_id]
    return [step for index, step in enumerate(steps) if index in seen]


def _targets(step: Mapping[str, Any]) -> Iterator[str]:
    ways = step.get("branch", step.get("next"))
    yield from [ways] if isinstance(ways, str) else [way["go"] for way in ways or ()]


def _slots_of(about: Any, domain: Domain) -> dict[str, None]:
    """Returns slot names in the order in which a flow and the flows it calls mention them; each flow is visited once."""
    slots, seen = dict[str, None](), set[str]()
    ahead, visited = [about], 0
    while ahead and visited < MOST_VISITED:
        value = ahead.pop()
        visited += 1
        if isinstance(value, list):
            ahead += reversed(value)
        elif isinstance(value, dict):
            slots.update(dict.fromkeys(_slots_in(value)))
            called = value.get("call", value.get("link"))
            ahead += reversed(value.values())
            if isinstance(called, str) and called not in seen:
                seen.add(called)
                ahead.append(domain.flows.get(called))
    return slots


def _slots_in(value: JsonObject) -> Iterator[str]:
    if isinstance(value.get("collect"), str):
        yield value["collect"]
    for slots in list_of(value.get("set_slots")):
        yield from map(str, slots if isinstance(slots, dict) else ())
    yield from sorted(slots_in(str(value.get("if", ""))))


def _verb(step: Mapping[str, Any]) -> str:
    """Returns a name for a step without an id, made from its verb."""
    for verb in VERBS:
        if isinstance(step.get(verb), str):
            return str(step[verb]).removeprefix("utter_").removeprefix("action_")
    return next((verb for verb in VERBS if verb in step), "")


def _named(step: Mapping[str, Any]) -> str:
    verb = next((verb for verb in VERBS if verb in step), "")
    return f"{verb} {step[verb]}" if verb else f"a step with {', '.join(map(str, step)) or 'nothing'}"


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return slug if len(slug) > 1 and slug[0].isalpha() else f"flow-{slug}"[:40].strip("-")


def translated(written: str, names: Collection[str]) -> str:
    """Returns the same condition for a workflow; raises `BadCondition` if it has no counterpart."""
    if len(written) > MOST_WRITTEN:
        raise BadCondition("This condition is too long.")
    text = WORDS.sub(_word, CONTAINS.sub(r"\2 in \1", written))
    parsed(text, names)
    return text


def slots_in(written: str) -> set[str]:
    return set(re.findall(r"\bslots\.([A-Za-z_]\w*)", written))


def _word(match: re.Match[str]) -> str:
    kind = match.lastgroup
    return {"more": "!=", "same": "==", "slot": "", "nothing": "none"}.get(kind or "", match.group())


def in_threads(sources: Sequence[str]) -> Iterator[ForeignFlow]:
    """Yields the flows in these files, which can be flows and their domain; a large file is read in a thread."""
    return imported(sources, read=lambda source: offload_expecting(yaml_text.UnreadableYaml, value_of, source))
