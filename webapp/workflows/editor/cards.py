"""The steps of a text as cards, and what their buttons and forms change in it, line by line. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from webapp.base import yaml_text
from webapp.base.languages import gettext as _
from webapp.base.yaml_text import Path, UnreadableYaml, YamlDocument
from webapp.rendering.text import first_words
from webapp.workflows.definition.definition import END
from webapp.workflows.definition.parsing import MOST_STEPS, OF_A_STEP, WITH_OPTIONS
from webapp.workflows.definition.sentences import MOST_TITLE, VERBS, Piece, answers_of, ask_of, sentence, words_of
from webapp.workflows.definition.slots import TYPES
from webapp.workflows.editor import ways
from webapp.workflows.editor.text import PlacedFault, in_utf16
from webapp.workflows.editor.yaml_edits import UneditableYaml, YamlEdits, scalar

KINDS = {
    "collect": ("Ask the person", "Asks a question, and keeps the answer for the next steps."),
    "chat": ("Ask a model", "A model answers in a few sentences, as you describe."),
    "search": ("Search documents", "Searches the documents that the person can see."),
    "tool": ("Use a tool", "Calls a tool and keeps what it returns."),
    "say": ("Say something", "Shows a text and continues."),
    "generate": ("Write a plan", "A model writes one of your types of plans."),
    "branch": ("Branch", "Continues with another step, depending on the answers."),
    "end": ("End", "Says goodbye. The run is complete."),
}
# The types of answers, as a form offers them.
ANSWERS = {
    "text": "Any text",
    "number": "A number",
    "yes/no": "Yes or no",
    "choice": "One of several options",
    "multi": "Any of several options",
    "date": "A date",
    "email": "An email address",
    "file": "A file",
}
# Kinds of steps that have a verb of another name.
VERB_OF = {"search": "tool"}
# A new text has this name until it is saved, and then one made from its title.
NEW_NAME = "new-workflow"
# Where a form's fields are in a step; those of a question are in its slot.
FIELDS: dict[str, dict[str, Path]] = {
    "say": {"text": ("say",)},
    "collect": {"text": ("ask",), "type": ("type",), "options": ("options",), "optional": ("optional",)},
    "chat": {"text": ("chat",), "guidelines": ("guidelines",), "max_sentences": ("max_sentences",), "tools": ("tools",)},
    "generate": {"text": ("generate",)},
    "tool": {"text": ("tool",), "arguments": ("arguments",), "into": ("into",), "on_failure": ("on_failure",)},
    "branch": {},
    "end": {"text": ("end",)},
}
HAND_OVER = {"text": ("end", "say"), "group": ("end", "hand_over")}
WITH_NEXT = ("say", "collect", "chat", "generate", "tool")
# Values that are lists, each on a line of its own in the form.
LISTS = ("options", "tools")
BRANCHES = "The next step depends on the answers."
NO_FORM = {
    "set": "It fills in answers without asking.",
    "": "This step does nothing yet.",
}
NO_ARGUMENTS = "The arguments must be one per line, with their names: query: {{topic}}"
HOLDS_MORE = "It holds something that a form can't show."
UNKNOWN_SLOT = "Its slot is missing or has an error."
UNCHANGEABLE = "This can't be changed here without touching other lines. Change it in the text."
IN_BRACKETS = "The steps are written in brackets, so they can only be added, moved and removed in the text."
# Kept from one request to the next: the parsed text is needed to show its cards, and to change it.
MOST_KNOWN = 16
LINE = "\n"
HEAD, SEARCH = ("title", "about"), "search_documents"
# The line and column of the start of something in the text, and of its end.
Place = tuple[tuple[int, int], tuple[int, int]]
NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}")
# An argument that begins with an answer.
FILLED_IN = re.compile(r"^(\s*[\w.-]+:\s*)(\{\{.*\S)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NewCall:
    """What a new step calls: the key of a tool, and the names of the arguments that it needs."""

    key: str = ""
    arguments: Sequence[str] = ()


NO_CALL = NewCall()


class CardRefused(ValueError):
    """Raised for a change that can't be made; the message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Card:
    """A step: its lines in the text, what it does, and what its form shows; `why_not` says why it has none."""

    index: int
    line: int
    last_line: int
    # In UTF-16, as browsers count.
    start: int
    end: int
    verb: str
    text: str
    values: Mapping[str, str]
    why_not: str = ""
    # Why its form doesn't show where it leads to.
    ways: str = ""
    # Where its fields are in the text, and for a question its slot: from and to which line and column.
    places: Mapping[str, Place] = field(default_factory=dict)
    # What the answers are called that its text can use.
    answers: Mapping[str, str] = field(default_factory=dict)
    # What other steps call it by.
    id: str = ""

    @property
    def label(self) -> str:
        return _(VERBS.get(self.verb, "Step"))

    def sentence(self, names: Mapping[str, str]) -> str:
        return sentence(self.verb, self.values.get("text") or self.text, names)

    @property
    def placeholder(self) -> str:
        """Returns the placeholder of its answer for the texts of other steps; empty if it has no answer."""
        name = {"collect": self.id, "chat": f"steps.{self.id}"}.get(self.verb) if self.id else ""
        return f"{{{{{name}}}}}" if name else ""

    @property
    def prompt(self) -> list[Piece]:
        return list(words_of(self.values.get("text", ""), self.answers)) if self.verb == "chat" else []

    @property
    def rows(self) -> range:
        """Returns the numbers of the rows that say where it leads under a condition, and of an empty one."""
        return range(sum(name.startswith("if_") for name in self.values) + 1)

    def faults_of(self, faults: Iterable[PlacedFault]) -> list[tuple[str, PlacedFault]]:
        """Returns which of the faults are in this step or in its slot, each with its field; empty for one of the whole step."""
        own_faults = []
        for fault in faults:
            at = (fault.line, fault.column)
            names = [name for name, (start, end) in self.places.items() if start <= at <= end]
            if names or self.line <= fault.line <= self.last_line:
                own_faults.append((next((name for name in (fault.field, *names) if name in self.values), ""), fault))
        return own_faults

    @property
    def title(self) -> str:
        """Returns what it does and its text, in a few words."""
        words = first_words(self.text, MOST_TITLE)
        return f"{self.label}: {words}" if words else self.label

    @property
    def seen(self) -> str:
        """Returns what a form sends to tell its step from others, if lines were added above it since."""
        return f"{self.verb} {self.text}"

    @property
    def lines(self) -> str:
        if self.line == self.last_line:
            return _("line %(number)s", number=self.line)
        return _("lines %(first)s to %(last)s", first=self.line, last=self.last_line)


@dataclass(frozen=True, slots=True)
class Cards:
    """All steps of a text. `why_none` says why there are no cards, `why_fixed` why they can't be moved."""

    cards: tuple[Card, ...] = ()
    targets: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    # What the way to another step can depend on.
    comparisons: tuple[ways.Group, ...] = ()
    head: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    why_none: str = ""
    why_fixed: str = ""

    def told(self, names: Mapping[str, str]) -> dict[str, str]:
        """Returns what each step does that others can lead to, by its id, or by its place if it has none yet."""
        told = {
            card.id or f"#{card.index}": f"{card.index + 1}. {first_words(card.sentence(names), MOST_TITLE)}"
            for card in self.cards
        }
        return {**told, END: _("End")}

    @property
    def place_for_more(self) -> int:
        """Returns the index of the step behind which a new one usually belongs: the last that isn't an end."""
        return max((card.index for card in self.cards if card.verb != "end"), default=-1)


def cards_of(source: str) -> Cards:
    try:
        document = _document(source)
    except UnreadableYaml as error:
        return Cards(why_none=_("The steps appear here once the error in line %(number)s is corrected.", number=error.line))
    steps = _steps(document)
    ids = tuple(dict.fromkeys(id for id in (_id(step) for step in steps) if id))
    answers = answers_of({str(name): ask_of(slot) for name, slot in _slots(document).items()}, map(_id, steps))
    cards = tuple(replace(_card(source, document, index, step), answers=answers) for index, step in enumerate(steps))
    is_fixed = steps and not _regions(source, document)
    whole = document.value if isinstance(document.value, dict) else {}
    head = {name: value.strip() for name in HEAD if isinstance(value := whole.get(name, ""), str)}
    model = str(whole.get("model") or "")
    slots = _slots(document)
    compared = ways.comparisons(slots)
    return Cards(cards, ids, tuple(map(str, slots)), compared, head, model, why_fixed=IN_BRACKETS if is_fixed else "")


def headed(source: str, values: Mapping[str, str]) -> str:
    """Returns the text with these values at its top: its title, what it is about, its name."""
    edits = YamlEdits(source, _readable(source))
    try:
        for name, value in values.items():
            edits.put((name,), value)
        return edits.text()
    except UneditableYaml as error:
        raise CardRefused(UNCHANGEABLE) from error


def new_title(source: str) -> str:
    """Returns the title of a text that has no name of its own yet; empty for any other text."""
    try:
        value = _document(source).value
    except UnreadableYaml:
        return ""
    is_new = isinstance(value, dict) and value.get("workflow") == NEW_NAME
    return str(value.get("title") or "").strip() if is_new else ""


def edited(source: str, index: int, values: Mapping[str, str]) -> str:
    """Returns the text with what was entered in the form of a step; only values that differ are written."""
    document = _readable(source)
    steps = _steps(document)
    if not 0 <= index < len(steps):
        raise CardRefused("That step isn't in the text any more.")
    card = _card(source, document, index, steps[index])
    if card.why_not:
        raise CardRefused(card.why_not)
    entered = {name: values[name].replace("\r\n", "\n").strip() for name in card.values if name in values}
    if entered.get("type", "text") not in TYPES:
        del entered["type"]
    if card.verb == "collect" and entered.get("type", card.values["type"]) not in WITH_OPTIONS:
        entered["options"] = ""
    edits = YamlEdits(source, document)
    try:
        leads = {name: value.strip() for name, value in values.items() if ways.FIELD.fullmatch(name) and "next" in card.values}
        # Where the empty row leads to is nothing yet.
        if any(value != card.values.get(name, "" if "go_" not in name else value) for name, value in leads.items()):
            ways.put(edits, steps, index, {**card.values, **leads}, _slots(document))
        for name, value in entered.items():
            if value == card.values[name] or name in leads:
                continue
            if name == "arguments":
                _put_arguments(edits, ("steps", index, "arguments"), steps[index].get("arguments") or {}, value)
            else:
                edits.put(_path(steps[index], card.verb, index, name), _typed(name, value))
        return edits.text()
    except UneditableYaml as error:
        raise CardRefused(UNCHANGEABLE) from error


def moved(source: str, index: int, to: int) -> str:
    """Returns the text with a step, and the comments above it, before or behind others."""
    document, regions = _movable(source)
    if not (0 <= index < len(regions) and 0 <= to < len(regions)):
        return source
    texts = [source[start:end] for start, end in regions]
    order = [*texts[:index], *texts[index + 1 :]]
    order.insert(to, texts[index])
    # The last line of a text can lack its end. What is between two steps stays where it is.
    order = [text if text.endswith("\n") else f"{text}\n" for text in order]
    gaps = [source[end:start] for (_, end), (start, _) in pairwise(regions)]
    whole = "".join(part for pair in zip(order, [*gaps, ""], strict=True) for part in pair)
    whole = whole if texts[-1].endswith("\n") else whole.removesuffix("\n")
    text = source[: regions[0][0]] + whole + source[regions[-1][1] :]
    steps = _steps(document)
    expected = [*steps[:index], *steps[index + 1 :]]
    expected.insert(to, steps[index])
    return _confirmed(text, expected)


def removed(source: str, index: int) -> tuple[str, int, str]:
    """Returns the text without a step and the comments above it, the line where they were, and they themselves."""
    document, regions = _movable(source)
    if not 0 <= index < len(regions):
        return source, 0, ""
    start, end = regions[index]
    # With the empty lines below it.
    end = regions[index + 1][0] if index + 1 < len(regions) else end
    steps = _steps(document)
    text = _confirmed(source[:start] + source[end:], [*steps[:index], *steps[index + 1 :]] or None)
    return text, source.count("\n", 0, start) + 1, source[start:end]


def restored(source: str, line: int, text: str) -> str:
    """Returns the text with lines that were removed, at their line again."""
    lines = source.splitlines(keepends=True)
    above, below = "".join(lines[: line - 1]), "".join(lines[line - 1 :])
    return above + ("\n" if above and not above.endswith("\n") else "") + text + below


def added(source: str, verb: str, after: int, *, plan_type: str = "", tool: NewCall = NO_CALL) -> tuple[str, int]:
    """Returns the text with a new step behind one of the others, or first for -1, and its index.

    It has this type of plan, or calls this tool.
    """
    verb = VERB_OF.get(verb, verb)
    document = _readable(source)
    steps, regions = _steps(document), _regions(source, document)
    if steps and not regions:
        raise CardRefused(IN_BRACKETS)
    if len(steps) >= MOST_STEPS:
        raise CardRefused(f"A workflow can have at most {MOST_STEPS} steps.")
    index = max(0, min(after + 1, len(steps)))
    name = _free_name(document)
    first: dict[str, Any] = {"say": _("Hello!"), "collect": name, "chat": _task(document), "generate": plan_type}
    first |= {"tool": tool.key, "end": _("Thank you!"), "branch": [{"go": END}]}
    if compared := [group for group in ways.comparisons(_slots(document)) if not ways.OPEN_COMPARISON.fullmatch(group[1][0][0])]:
        first["branch"] = [{"if": compared[-1][1][0][0], "go": END}]
    content = scalar(first[verb])
    if verb == "tool" and tool.arguments:
        answer = next(reversed(_slots(document)), "")
        arguments = dict.fromkeys(tool.arguments, f"{{{{{answer}}}}}" if answer else "")
        content = f"{content}\n  arguments: {scalar(arguments)}"
    source = _with_lines(source, document, regions, index, f"- {verb}: {content}")
    return (_with_slot(source, name) if verb == "collect" else source), index


def _with_lines(source: str, document: YamlDocument, regions: Sequence[tuple[int, int]], index: int, words: str) -> str:
    if regions:
        place = regions[index][0] if index < len(regions) else regions[-1][1]
        step = document.spans["steps", 0].start
        indent = " " * (source.rfind("-", 0, step) - source.rfind("\n", 0, step) - 1)
        gap = "\n" if source[:place] and not source[:place].endswith("\n") else ""
        words = "\n".join(indent + line for line in words.split("\n"))
        return f"{source[:place]}{gap}{words}\n{source[place:]}"
    span = document.spans.get(("steps",))
    if not span:
        gap = "\n" if source and not source.endswith("\n") else ""
        return f"{source}{gap}steps:\n  {words.replace(LINE, LINE + '  ')}\n"
    # An empty list, or nothing yet.
    end = source.find("\n", span.end)
    rest = source[span.end : len(source) if end < 0 else end]
    return f"{source[: span.key]}steps:{rest}\n  {words.replace(LINE, LINE + '  ')}{source[span.end + len(rest) :]}"


def _with_slot(source: str, name: str) -> str:
    document = _readable(source)
    edits = YamlEdits(source, document)
    slots = document.spans.get(("slots",))
    words = f"{name}: {scalar({'type': 'text', 'ask': _('What would you like to know?')})}"
    if slots and isinstance(document.value.get("slots"), dict):
        return edits.with_item(("slots",), words)
    if slots:
        return f"{source[: slots.key]}slots:\n  {words}{source[slots.end :]}"
    steps = document.spans["steps",].key
    start = source.rfind("\n", 0, steps) + 1
    return f"{source[:start]}slots:\n  {words}\n{source[start:]}"


def _free_name(document: YamlDocument) -> str:
    names = {*_slots(document), *(_id(step) for step in _steps(document))}
    return next(name for number in range(1, 1_000) if (name := f"question_{number}") not in names)


def _task(document: YamlDocument) -> str:
    name = next(reversed(_slots(document)), "")
    answer = f"{{{{{name}}}}}"
    return _("Reply to this in a friendly way: %(answer)s", answer=answer) if name else _("Wish the person a good day.")


@lru_cache(maxsize=MOST_KNOWN)
def _document(source: str) -> YamlDocument:
    return yaml_text.read(source, "workflow")


def _readable(source: str) -> YamlDocument:
    try:
        document = _document(source)
    except UnreadableYaml as error:
        raise CardRefused(f"First correct the error in line {error.line}.") from error
    if document.value is not None and not isinstance(document.value, dict):
        raise CardRefused("This text isn't a workflow yet.")
    return document


def _steps(document: YamlDocument) -> list[Any]:
    steps = document.value.get("steps") if isinstance(document.value, dict) else None
    return steps[:MOST_STEPS] if isinstance(steps, list) else []


def _slots(document: YamlDocument) -> dict[Any, Any]:
    slots = document.value.get("slots") if isinstance(document.value, dict) else None
    return slots if isinstance(slots, dict) else {}


def _regions(source: str, document: YamlDocument) -> list[tuple[int, int]]:
    """Returns the lines of each step with the comments above it, without the empty lines between two of them.

    There are none if the list, or one of its steps, has no lines of its own.
    """
    spans = [document.spans["steps", index] for index in range(len(_steps(document)))]
    if not spans or document.spans["steps",].style:
        return []
    starts = []
    for span in spans:
        start = source.rfind("\n", 0, source.rfind("-", 0, span.start + 1)) + 1
        if not re.match(r" *-(?=\s)", source[start:]):
            return []
        column = source.index("-", start) - start
        # Comments that are indented deeper belong to the step above.
        while (above := source.rfind("\n", 0, start - 1) + 1) < start:
            line = source[above : start - 1]
            if not line.lstrip().startswith("#") or len(line) - len(line.lstrip()) > column or above == 0:
                break
            start = above
        starts.append(start)
    end = source.find("\n", spans[-1].end)
    ends = [*(len(source[:start].rstrip()) + 1 for start in starts[1:]), len(source) if end < 0 else end + 1]
    regions = list(zip(starts, ends, strict=True))
    return regions if all(start < end for start, end in regions) else []


def _movable(source: str) -> tuple[YamlDocument, list[tuple[int, int]]]:
    document = _readable(source)
    regions = _regions(source, document)
    if not regions:
        raise CardRefused(IN_BRACKETS)
    return document, regions


def _card(source: str, document: YamlDocument, index: int, step: Any) -> Card:
    span = document.spans["steps", index]
    line, last_line = (source.count("\n", 0, place) + 1 for place in (span.start, max(span.start, span.end - 1)))
    verbs = [name for name in step if name in OF_A_STEP] if isinstance(step, dict) else []
    verb = verbs[0] if len(verbs) == 1 else ""
    slot = _slot(document, step) if verb == "collect" else None
    why_not = UNKNOWN_SLOT if verb == "collect" and slot is None else NO_FORM.get(verb, "")
    values = {} if why_not else _values(step, verb, slot or {}, _slots(document))
    if any(value is None for value in values.values()):
        why_not = HOLDS_MORE
    next_step = step.get("next") if isinstance(step, dict) else None
    why_no_ways = BRANCHES if isinstance(next_step, list) and "next" not in values else ""
    text = values.get("text") or _text(step, verb)
    shown = {} if why_not else {name: value or "" for name, value in values.items()}
    start, end = in_utf16(source[: span.start]), in_utf16(source[: span.end])
    places = _places(source, document, step, verb, index, shown)
    return Card(index, line, last_line, start, end, verb, text[:200], shown, why_not, why_no_ways, places, id=_id(step))


def _text(step: Any, verb: str) -> str:
    """Returns what a step without a text of its own is shown with."""
    if verb in ("collect", "generate", "tool"):
        return str(step.get(verb) or "")
    return ", ".join(map(str, step[verb])) if verb == "set" and isinstance(step[verb], dict) else _id(step)


def _places(source: str, document: YamlDocument, step: Any, verb: str, index: int, names: Iterable[str]) -> dict[str, Place]:
    paths = {name: _path(step, verb, index, name) for name in names}
    if verb == "collect":
        # Behind its fields, as it has them all.
        paths["slot"] = ("slots", str(step["collect"]))
    spans = {name: document.spans[path] for name, path in paths.items() if path in document.spans}
    return {name: (_place(source, span.key), _place(source, max(span.key, span.end - 1))) for name, span in spans.items()}


def _place(source: str, index: int) -> tuple[int, int]:
    return source.count("\n", 0, index) + 1, index - source.rfind("\n", 0, index)


def _values(step: Mapping[str, Any], verb: str, slot: Mapping[str, Any], slots: ways.Slots) -> dict[str, str | None]:
    """Returns the values that a form shows; None for those that it can't show."""
    values: dict[str, str | None] = {}
    for name, path in _fields(step, verb).items():
        value: Any = slot if verb == "collect" else step
        for part in path:
            value = value.get(part)
        if name == "on_failure" and isinstance(value, list):
            # Ways with conditions are changed in the text, like those of `next`.
            continue
        values[name] = _shown(name, value)
    leads = step.get("branch" if verb == "branch" else "next")
    if isinstance(leads, list):
        values |= ways.values_of(leads, slots)
    elif verb in WITH_NEXT:
        values["next"] = _shown("next", leads)
    # A step that only branches has no other field.
    return values or {"next": None}


def _shown(name: str, value: Any) -> str | None:
    if value is None:
        return "text" if name == "type" else ""
    if name == "arguments":
        return _argument_lines(value)
    if name == "tools" and isinstance(value, str):
        return value
    if name in LISTS:
        is_simple = isinstance(value, list) and all(isinstance(part, str | int | float) for part in value)
        return "\n".join(map(str, value)) if is_simple and not any(isinstance(part, bool) for part in value) else None
    if isinstance(value, bool):
        return ("y" if value else "") if name == "optional" else None
    if name == "max_sentences":
        return str(value) if isinstance(value, int | str) else None
    return value.strip().replace("\r\n", "\n") if isinstance(value, str) and name != "optional" else None


def _typed(name: str, value: str) -> str | int | bool | list[str] | None:
    if name in LISTS:
        return [line.strip() for line in value.split("\n") if line.strip()] or None
    if name == "optional":
        return True if value else None
    if name == "max_sentences" and value.isascii() and value.isdecimal():
        return int(value[:9])
    # What a step says is never removed: an empty text is a fault that the editor names.
    return value if value or name == "text" else None


def _argument_lines(value: Any) -> str | None:
    """Returns arguments as the lines of a form, if each fits on one."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and NAME.fullmatch(name) for name in value):
        return None
    lines = [f"{name}: {part if _is_filled_in(part) else scalar(part)}" for name, part in value.items()]
    return None if any(LINE in line for line in lines) else LINE.join(lines)


def _is_filled_in(value: Any) -> bool:
    """Returns whether a value is a text with answers in it, which YAML takes for something else without quotation marks."""
    return isinstance(value, str) and value.startswith("{{") and value == value.strip() and LINE not in value


def _put_arguments(edits: YamlEdits, path: Path, before: Mapping[str, Any], entered: str) -> None:
    """Writes those arguments that differ from what the text has."""
    arguments = _arguments(entered)
    if not before or not arguments:
        edits.put(path, arguments or None)
        return
    for name in (name for name in before if name not in arguments):
        edits.put((*path, name), None)
    for name, value in arguments.items():
        if name not in before or before[name] != value:
            edits.put((*path, name), value)


def _arguments(entered: str) -> dict[str, Any]:
    quoted = FILLED_IN.sub(lambda match: match[1] + json.dumps(match[2], ensure_ascii=False), entered)
    try:
        value = yaml_text.read(quoted, "workflow", is_new=True).value if entered.strip() else {}
    except UnreadableYaml as error:
        raise CardRefused(NO_ARGUMENTS) from error
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise CardRefused(NO_ARGUMENTS)
    return value


def _path(step: Mapping[str, Any], verb: str, index: int, name: str) -> Path:
    if ways.FIELD.fullmatch(name):
        leads = "branch" if verb == "branch" else "next"
        return "steps", index, leads, *ways.paths_of(step.get(leads)).get(name, ())
    parents: Path = ("slots", str(step["collect"])) if verb == "collect" else ("steps", index)
    return *parents, *_fields(step, verb)[name]


def _fields(step: Mapping[str, Any], verb: str) -> Mapping[str, Path]:
    return HAND_OVER if verb == "end" and isinstance(step[verb], dict) else FIELDS[verb]


def _slot(document: YamlDocument, step: Mapping[str, Any]) -> Mapping[str, Any] | None:
    slot = _slots(document).get(step["collect"]) if isinstance(step["collect"], str) else None
    return slot if isinstance(slot, dict) and slot.get("type", "text") in TYPES else None


def _id(step: Any) -> str:
    id = (step.get("id") or step.get("collect")) if isinstance(step, dict) else ""
    return id if isinstance(id, str) else ""


def _confirmed(text: str, steps: Any) -> str:
    """Returns the text if it has these steps, as a move can break what is indented in an unusual way."""
    try:
        value = yaml_text.read(text, "workflow").value
    except UnreadableYaml as error:
        raise CardRefused("This can't be moved here. Move it in the text.") from error
    if value.get("steps") != steps:
        raise CardRefused("This can't be moved here. Move it in the text.")
    return text
