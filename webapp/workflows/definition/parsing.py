"""Parses YAML to a definition, or to a list of all its faults, each with its line and a hint. Pure."""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from webapp.base import yaml_text
from webapp.base.untrusted_json import JsonObject
from webapp.base.yaml_text import Path, YamlDocument
from webapp.workflows.definition import conditions
from webapp.workflows.definition.definition import CHAT_TOOLS, END, Definition, Step, Transition, flow_faults, slot_in
from webapp.workflows.definition.slots import OF_A_PERSON, TYPES, Slot, UnfitAnswer, is_sound, names_in, text_of

SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_STEPS, MOST_SLOTS, MOST_OPTIONS, MOST_FAULTS = 100, 60, 30, 50
MOST_TEXT, MOST_INPUTS, MOST_COLLECTIONS = 4_000, 30, 10
# Of a tool's arguments, all values and their nesting are counted.
MOST_TOOLS, MOST_KEY, MOST_VALUES, DEEPEST = 20, 200, 200, 8
# Finding a name similar to a wrong one takes up to ten milliseconds.
MOST_LIKE, MOST_KNOWN = 10, 20
KNOWN = ("workflow", "title", "about", "minutes", "model", "knowledge", "slots", "steps")
OF_A_SLOT = ("type", "ask", "options", "min", "max", "optional", "example")
OPTIONS, NONE_YET = "options: [good, mixed, low]", "There are none yet: add it under “slots”."
WITH_OPTIONS = ("choice", "multi")
OF_A_STEP = {
    "say": (),
    "collect": (),
    "chat": ("guidelines", "max_sentences", "max_tokens", "turns", "knowledge", "retrieve", "personalize", "tools"),
    "generate": ("with",),
    "tool": ("arguments", "into", "on_failure"),
    "set": (),
    "branch": (),
    "end": (),
}
BESIDE_A_VERB = frozenset(name for names in OF_A_STEP.values() for name in names)


@dataclass(frozen=True, slots=True)
class WorkflowFault:
    """A sentence for the person and, if known, a hint how to fix it: the word at this position, and the one probably meant."""

    line: int
    column: int
    message: str
    hint: str = ""
    wrong: str = ""
    meant: str = ""


class BrokenWorkflow(ValueError):
    """Raised for a text that is not a valid workflow; `faults` has the reasons."""

    def __init__(self, faults: list[WorkflowFault]) -> None:
        super().__init__(faults[0].message)
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column))[:MOST_FAULTS])


def read(source: str) -> Definition:
    """Returns the definition; raises `BrokenWorkflow`."""
    return _DefinitionReader(source, _document(source)).definition()


def read_new(source: str) -> Definition:
    """Returns the definition of a text that was just written, in which no name can be given twice; raises `BrokenWorkflow`."""
    document = _document(source)
    reader = _DefinitionReader(source, document)
    for name, line, column in document.repeated:
        message = f"“{name[:40]}” is given twice, and only the last counts."
        reader.faults.append(WorkflowFault(line, column, message, "Remove one of them.", name))
    return reader.definition()


def _document(source: str) -> YamlDocument:
    try:
        return yaml_text.read(source, "workflow")
    except yaml_text.UnreadableYaml as error:
        raise BrokenWorkflow([WorkflowFault(error.line, error.column, str(error), error.hint)]) from error


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_KEY and not re.search(r"\s", value)


def _count(value: Any, depth: int) -> int:
    """Returns how many values are in one; too many if they are nested too deep."""
    if depth > DEEPEST:
        return MOST_VALUES + 1
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_count(part, depth + 1) for part in parts)


@dataclass(slots=True)
class _DefinitionReader:
    source: str
    document: YamlDocument
    faults: list[WorkflowFault] = field(default_factory=list)
    looked_for: int = 0

    def definition(self) -> Definition:
        about = self._mapping((), self.document.value, KNOWN)
        slots = self._slots({} if about.get("slots") is None else about["slots"])
        steps = self._steps(about.get("steps"), slots)
        definition = Definition(
            slug=self._slug(about),
            title=self._text(("title",), about.get("title"), most=80, is_needed=True),
            about=self._text(("about",), about.get("about"), most=300),
            minutes=int(self._number(("minutes",), about.get("minutes"), 0, 600) or 0),
            model=self._text(("model",), about.get("model"), most=200),
            knowledge=self._names(("knowledge",), about.get("knowledge")),
            slots=slots,
            steps=steps,
            by_id={step.id: step for step in steps},
        )
        if not self.faults:
            self.faults += [self._at(("steps", index), *words) for index, *words in flow_faults(definition)]
        if self.faults:
            raise BrokenWorkflow(self.faults)
        return definition

    def _slug(self, about: JsonObject) -> str:
        slug = about.get("workflow")
        if not isinstance(slug, str) or not SLUG.fullmatch(slug):
            self._fault(("workflow",), "A workflow needs a short name.", "For example: workflow: weekly-checkin")
            return ""
        return slug

    def _slots(self, value: Any) -> dict[str, Slot]:
        if not isinstance(value, dict) or len(value) > MOST_SLOTS:
            self._fault(("slots",), f"“slots” must be a mapping of at most {MOST_SLOTS} names.", "slots: {mood: {type: text}}")
            return {}
        return {str(name): self._slot(str(name), slot) for name, slot in value.items()}

    def _slot(self, name: str, value: Any) -> Slot:
        path = ("slots", name)
        if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in (*conditions.WORDS, "steps", "user"):
            self._fault(path, f"A slot can't be named “{name[:40]}”.", "Use lowercase letters, digits and underscores.")
        about = self._mapping(path, value, OF_A_SLOT)
        type = about.get("type", "text")
        is_known = isinstance(type, str) and type in TYPES
        if not is_known:
            self._unknown((*path, "type"), f"“{str(type)[:40]}” isn't a slot type.", str(type), TYPES)
            type = "text"
        least, most = (self._number((*path, word), about.get(word), -1e12, 1e12) for word in ("min", "max"))
        if None not in (least, most) and (least or 0) > (most or 0):
            self._fault((*path, "min"), "“min” is greater than “max”.", "Swap them, or leave one out.")
        ask = self._text((*path, "ask"), about.get("ask"), most=1_000) or f"{name.replace('_', ' ').capitalize()}?"
        example = str(about.get("example", ""))[:200]
        # With a mistyped name or type, it isn't known whether options belong there.
        is_clear = "type" in about or not set(map(str, about)) - set(OF_A_SLOT)
        options = self._options(path, type, about.get("options")) if is_clear and is_known else ()
        return Slot(name, type, ask, options, least, most, self._is_true((*path, "optional"), about.get("optional")), example)

    def _options(self, path: Path, type: str, value: Any) -> tuple[str, ...]:
        if type not in WITH_OPTIONS:
            if value is not None:
                self._fault((*path, "options"), "Only a choice or multi slot has options.", "type: choice")
            return ()
        if not isinstance(value, list) or not 2 <= len(value) <= MOST_OPTIONS:
            self._fault((*path, "options"), f"A {type} slot needs 2 to {MOST_OPTIONS} options.", OPTIONS)
            return ()
        for index, option in enumerate(value):
            if isinstance(option, bool):
                self._fault((*path, "options", index), "YAML reads this option as true or false.", 'Put it in quotes: "yes"')
            elif not isinstance(option, str | int | float) or not 0 < len(str(option).strip()) <= 100 or "\n" in str(option):
                self._fault((*path, "options", index), "An option must be a text of at most 100 characters.", OPTIONS)
        options = tuple(str(option).strip() for option in value)
        if len({option.casefold() for option in options}) < len(options):
            self._fault((*path, "options"), "Two options are the same.", "Capital letters make no difference: remove one.")
        return options

    def _steps(self, value: Any, slots: dict[str, Slot]) -> tuple[Step, ...]:
        if not isinstance(value, list) or not 0 < len(value) <= MOST_STEPS:
            self._fault(("steps",), f"“steps” must be a list of 1 to {MOST_STEPS} steps.", "steps:\n  - say: Hello!")
            return ()
        ids = [self._id(index, step) for index, step in enumerate(value)]
        for index in (index for index, id in enumerate(ids) if id in ids[:index]):
            self._fault(("steps", index), f"Two steps are named “{ids[index]}”.", "Give this one another: id: another_name")
        answers = {f"steps.{id}" for id in ids if id}
        names = {*slots, *answers}
        read = [self._step(index, step, slots, ids, names) for index, step in enumerate(value)]
        afters = [*ids[1:], END]
        return tuple(replace(step, id=id, after=after) for step, id, after in zip(read, ids, afters, strict=True))

    def _id(self, index: int, value: Any) -> str:
        """Returns a step's id: the one it declares, or that of its slot, or its verb and number."""
        about = value if isinstance(value, dict) else {}
        verb = next((name for name in about if name in OF_A_STEP), "step")
        # A mistyped “collect” has the name of its slot, so that the ways to it aren't wrong, too.
        mistyped = next((value for name, value in about.items() if name not in ("id", "next")), None) if verb == "step" else None
        fallback = mistyped if isinstance(mistyped, str) and NAME.fullmatch(mistyped) else f"{verb}_{index + 1}"
        id = about.get("id", about.get("collect") if verb == "collect" else fallback)
        if not isinstance(id, str) or not NAME.fullmatch(id) or id == END or keyword.iskeyword(id):
            self._fault(
                ("steps", index, "id"),
                f"A step can't be named “{str(id)[:40]}”.",
                "Use lowercase letters, digits and underscores.",
            )
            return f"step_{index + 1}"
        return id

    def _step(self, index: int, raw_step: Any, slots: dict[str, Slot], ids: list[str], names: set[str]) -> Step:
        path = ("steps", index)
        verbs = [name for name in raw_step if name in OF_A_STEP] if isinstance(raw_step, dict) else []
        if len(verbs) != 1:
            self._refuse_verbs(path, raw_step, verbs)
            return Step("", "say")
        (verb,) = verbs
        about = self._mapping(path, raw_step, ("id", verb, *OF_A_STEP[verb], *(() if verb in ("branch", "end") else ("next",))))
        value, ways = about.get(verb), self._ways((*path, "branch" if verb == "branch" else "next"), about, ids, names)
        step = Step("", verb, transitions=ways, line=self.document.position(path)[0])
        if verb == "collect":
            if not isinstance(value, str) or value not in slots:
                self._unknown((*path, verb), f"There is no slot named “{str(value)[:40]}”.", str(value), slots)
                return step
            return replace(step, slot=value, text=slots[value].ask)
        if verb == "branch":
            return step
        if verb == "set":
            return replace(step, sets=self._sets((*path, verb), value, slots))
        if verb == "end" and isinstance(value, dict):
            return self._hand_over((*path, verb), value, step, names)
        if verb == "generate":
            return self._generate(path, about, step, slots, names)
        if verb == "tool":
            failures = self._ways((*path, "on_failure"), about, ids, names)
            return self._tool(path, about, replace(step, failures=failures), slots, names)
        text = self._filled((*path, verb), value, names, is_needed=verb != "end")
        return self._chat(path, about, replace(step, text=text), names) if verb == "chat" else replace(step, text=text)

    def _chat(self, path: Path, about: JsonObject, step: Step, names: set[str]) -> Step:
        sentences = self._number((*path, "max_sentences"), about.get("max_sentences", 2), 1, 50)
        tokens = self._number((*path, "max_tokens"), about.get("max_tokens"), 1, 100_000)
        turns = self._number((*path, "turns"), about.get("turns", 0), 0, 20)
        retrieves, is_personal = (self._is_true((*path, name), about.get(name, True)) for name in ("retrieve", "personalize"))
        knowledge = self._names((*path, "knowledge"), about.get("knowledge"))
        return replace(
            step,
            tools=self._tools((*path, "tools"), about.get("tools")),
            knowledge=knowledge if retrieves else (),
            retrieves=retrieves,
            is_personal=is_personal,
            guidelines=self._filled((*path, "guidelines"), about.get("guidelines"), names),
            max_sentences=int(sentences or 2),
            max_tokens=int(tokens) if tokens else None,
            turns=int(turns or 0),
        )

    def _sets(self, path: Path, raw_sets: Any, slots: dict[str, Slot]) -> JsonObject:
        if not isinstance(raw_sets, dict) or not raw_sets:
            self._fault(path, "“set” must be a mapping of slots and values.", "set: {mood: good}")
            return {}
        values: JsonObject = {}
        for name, value in ((str(name), value) for name, value in raw_sets.items()):
            if name not in slots:
                self._unknown((*path, name), f"There is no slot named “{name[:40]}”.", name, slots, is_key=True)
                continue
            try:
                values[name] = None if value is None else slots[name].value(text_of(value))
            except UnfitAnswer as error:
                self._fault((*path, name), f"This doesn't fit the slot “{name}”.", str(error))
        return values

    def _hand_over(self, path: Path, value: JsonObject, step: Step, names: set[str]) -> Step:
        about = self._mapping(path, value, ("say", "hand_over"))
        group = self._text((*path, "hand_over"), about.get("hand_over"), most=100, is_needed=True)
        return replace(step, text=self._filled((*path, "say"), about.get("say"), names), group=group)

    def _generate(self, path: Path, about: JsonObject, step: Step, slots: dict[str, Slot], names: set[str]) -> Step:
        """Reads a `generate` step: its plan type and its inputs; without `with`, slots fill the fields of the same name."""
        type = about.get("generate")
        if not isinstance(type, str) or not SLUG.fullmatch(type.replace("_", "-")):
            self._fault((*path, "generate"), "This must be the name of a plan type.", "generate: weekly-card")
            return step
        arguments = about.get("with")
        if arguments is None:
            return replace(step, text=type.replace("_", "-"), inputs={name: f"{{{{{name}}}}}" for name in slots})
        if not isinstance(arguments, dict) or len(arguments) > MOST_INPUTS:
            self._fault((*path, "with"), f"“with” must be a mapping of at most {MOST_INPUTS} fields.", 'with: {win: "{{win}}"}')
            return step
        inputs = {str(name): self._filled((*path, "with", str(name)), str(text), names) for name, text in arguments.items()}
        return replace(step, text=type.replace("_", "-"), inputs=inputs)

    def _tool(self, path: Path, about: JsonObject, step: Step, slots: dict[str, Slot], names: set[str]) -> Step:
        """Reads a `tool` step; whether there is such a tool, and what it takes, is checked where it is saved and used."""
        key, into = about.get("tool"), about.get("into")
        if not _is_key(key):
            self._fault((*path, "tool"), "This must be the key of a tool.", "tool: search_web")
            key = ""
        if into is not None and (not isinstance(into, str) or into not in slots):
            self._unknown((*path, "into"), f"There is no slot named “{str(into)[:40]}”.", str(into), slots)
        elif into and slots[into].type == "file":
            self._fault((*path, "into"), "A file is given by a person, and can't be a tool's result.", "Use a text slot.")
        arguments = {} if about.get("arguments") is None else about["arguments"]
        if not isinstance(arguments, dict) or len(arguments) > MOST_INPUTS or _count(arguments, 0) > MOST_VALUES:
            words = f"“arguments” must be a mapping of at most {MOST_INPUTS} arguments, with {MOST_VALUES} values in all."
            self._fault((*path, "arguments"), words, 'arguments: {query: "{{topic}}"}')
            return replace(step, text=str(key))
        values = {str(name): self._argument((*path, "arguments", name), value, slots, names) for name, value in arguments.items()}
        return replace(step, text=str(key), arguments=values, into=into if isinstance(into, str) else "")

    def _argument(self, path: Path, value: Any, slots: dict[str, Slot], names: set[str]) -> Any:
        if name := slot_in(value):
            if name not in slots:
                self._unknown((*path, "slot"), f"There is no slot named “{name[:40]}”.", name, slots)
            return {"slot": name}
        if isinstance(value, dict):
            return {str(key): self._argument((*path, key), part, slots, names) for key, part in value.items()}
        if isinstance(value, list):
            return [self._argument((*path, index), part, slots, names) for index, part in enumerate(value)]
        return self._filled(path, value, names) if isinstance(value, str) else value

    def _tools(self, path: Path, value: Any) -> tuple[str, ...]:
        keys = [value] if value == CHAT_TOOLS else [] if value is None else value
        if not isinstance(keys, list) or len(keys) > MOST_TOOLS or not all(map(_is_key, keys)):
            words = f"“tools” must be a list of at most {MOST_TOOLS} tools, by key, or “{CHAT_TOOLS}” for those of the chat."
            self._fault(path, words, "tools: [search_web]")
            return ()
        return tuple(dict.fromkeys(keys))

    def _ways(self, path: Path, about: JsonObject, ids: list[str], names: set[str]) -> tuple[Transition, ...]:
        value = about.get(str(path[-1]))
        if value is None and path[-1] != "branch":
            return ()
        if isinstance(value, str):
            return (Transition(self._target(path, value, ids)),)
        if not isinstance(value, list) or not 0 < len(value) <= MOST_OPTIONS:
            self._fault(
                path, "This must be the name of a step, or a list of ways.", 'next: [{if: mood == "low", go: support}, {go: win}]'
            )
            return ()
        return tuple(self._way((*path, index), way, ids, names) for index, way in enumerate(value))

    def _way(self, path: Path, value: Any, ids: list[str], names: set[str]) -> Transition:
        about = self._mapping(path, value, ("if", "go"))
        go = self._target((*path, "go"), about.get("go"), ids)
        if "if" not in about:
            return Transition(go)
        written = str(about["if"]).lower() if isinstance(about["if"], bool) else str(about["if"])
        try:
            conditions.parsed(written, names)
        except conditions.BadCondition as error:
            if "named" in str(error):
                self._unknown((*path, "if"), str(error), str(error).partition("“")[2].rstrip("”."), sorted(names))
            else:
                self._fault((*path, "if"), str(error), conditions.HINT)
        return Transition(go, written)

    def _target(self, path: Path, value: Any, ids: list[str]) -> str:
        if value not in (*ids, END):
            self._unknown(path, f"There is no step named “{str(value)[:40]}”.", str(value), ids)
            return END
        return str(value)

    def _filled(self, path: Path, value: Any, names: set[str], *, is_needed: bool = False) -> str:
        text = self._text(path, value, is_needed=is_needed)
        if not is_sound(text):
            words = "A place for an answer is written {{name}}, with one name in it and nothing else."
            self._fault(path, words, "Remove the other braces.")
        for name in names_in(text):
            if name not in names and name not in OF_A_PERSON:
                self._unknown(path, f"There is no answer named “{name}”.", name, sorted({*names, *OF_A_PERSON}))
        return text

    def _text(self, path: Path, value: Any, *, most: int = MOST_TEXT, is_needed: bool = False) -> str:
        if value is None and not is_needed:
            return ""
        if not isinstance(value, str) or len(value) > most or (is_needed and not value.strip()):
            self._fault(
                path, f"“{path[-1]}” must be text of at most {most} characters.", 'Put it in quotes if it holds a colon: "…"'
            )
            return ""
        return value.strip()

    def _names(self, path: Path, value: Any) -> tuple[str, ...]:
        """Reads names of collections; whether they exist depends on who runs the workflow."""
        if value is None:
            return ()
        is_list = isinstance(value, list) and 0 < len(value) <= MOST_COLLECTIONS
        if not is_list or not all(isinstance(name, str) and 0 < len(name.strip()) <= 200 for name in value):
            self._fault(
                path, f"“knowledge” must be a list of 1 to {MOST_COLLECTIONS} collections, by name.", "knowledge: [handbook]"
            )
            return ()
        return tuple(name.strip() for name in value)

    def _number(self, path: Path, value: Any, least: float, most: float) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self._fault(path, f"“{path[-1]}” must be a number from {least:g} to {most:g}.", f"{path[-1]}: {max(least, 1):g}")
            return None
        return value

    def _is_true(self, path: Path, value: Any) -> bool:
        if value is not None and not isinstance(value, bool):
            self._fault(path, f"“{path[-1]}” must be true or false.", f"{path[-1]}: true")
        return value is True

    def _refuse_verbs(self, path: Path, value: Any, verbs: list[str]) -> None:
        """Adds the fault of a step that has no verb or several."""
        if verbs:
            words = f"A step does one thing, not both “{verbs[0]}” and “{verbs[1]}”."
            return self._fault((*path, verbs[1]), words, "Make it two steps.")
        is_mapping = isinstance(value, dict)
        names = [str(name) for name in value if name not in ("id", "next")] if is_mapping else [str(value or "")]
        if not any(names):
            return self._fault(path, "This step does nothing yet.", f"Begin it with one of: {', '.join(OF_A_STEP)}")
        # A name that belongs beside a verb isn't the mistyped one.
        name = next((name for name in names if name not in BESIDE_A_VERB), names[0])
        place = (*path, name) if is_mapping else path
        return self._unknown(place, f"Unknown step “{name[:40]}”.", name, OF_A_STEP, is_key=is_mapping)

    def _mapping(self, path: Path, value: Any, allowed_keys: tuple[str, ...]) -> JsonObject:
        if not isinstance(value, dict):
            self._fault(path, "This must be a mapping.", f"With: {', '.join(allowed_keys)}")
            return {}
        for name in [key for key in map(str, value) if key not in allowed_keys]:
            self._unknown((*path, name), f"“{name[:40]}” isn't known here.", name, allowed_keys, is_key=True)
        return value

    def _fault(self, path: Path, message: str, hint: str = "") -> None:
        self.faults.append(self._at(path, message, hint))

    def _at(self, path: Path, message: str, hint: str = "") -> WorkflowFault:
        return WorkflowFault(*self.document.position(path), message, hint)

    def _unknown(self, path: Path, message: str, name: str, names: Iterable[str], *, is_key: bool = False) -> None:
        """Adds the fault of a wrong name, at the name itself, with a similar one if the search for it isn't too costly by now."""
        self.looked_for += 1
        known = list(names)
        matches = get_close_matches(name[:80], known, 1) if self.looked_for <= MOST_LIKE else []
        hint = f"Did you mean “{matches[0]}”?" if matches else f"Known: {', '.join(known[:MOST_KNOWN])}" if known else NONE_YET
        line, column = self.document.position(path)
        span = self.document.spans.get(path)
        # A name that is written with escapes or over several lines can't be pointed at.
        match = (
            re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])").search(self.source, span.key if is_key else span.start, span.end)
            if span and name
            else None
        )
        if match:
            line = self.source.count("\n", 0, match.start()) + 1
            column = match.start() - self.source.rfind("\n", 0, match.start())
        right = matches[0] if match and matches else ""
        self.faults.append(WorkflowFault(line, column, message, hint, name if match else "", right))
