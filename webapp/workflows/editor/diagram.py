"""The diagram of a workflow: a box for each step, and lines for the ways between them; and these ways in words. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from webapp.base.languages import gettext as _
from webapp.rendering.text import first_words
from webapp.workflows.definition.definition import END, Definition, Step
from webapp.workflows.definition.sentences import MOST_TITLE, VERBS

# As narrow as a phone, so that it is read there as it is.
BOX, GAP, LANE, FIRST_LANE, MARGIN, ROW = 256, 30, 14, 16, 12, 20
# A sentence takes two lines of a box, or three.
HEIGHTS, TWO_LINES = (54, 72), 52
# With more parallel lines, several share a lane.
MOST_LANES = 10
LEFT = MARGIN + FIRST_LANE + LANE * MOST_LANES
# Where the line to the next step is, and where lines from elsewhere come in.
DOWN, IN = 24, 16
MOST_CHARS = 34
# A comparison of one answer.
COMPARISON = re.compile(r"(not )?(\w+)|(\w+) (==|!=|>=|<=|>|<) (?:'([^'\\]*)'|\"([^\"\\]*)\"|(-?[\w.]+))")
SIGNS = {
    "==": "%(value)s",
    "!=": "not %(value)s",
    ">": "more than %(value)s",
    ">=": "at least %(value)s",
    "<": "less than %(value)s",
    "<=": "at most %(value)s",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A step: what it does, and where its lines begin that have a condition."""

    y: int
    kind: str
    sentence: str
    words_height: int
    height: int

    x: int = LEFT
    width: int = BOX


@dataclass(frozen=True, slots=True)
class Connector:
    """A line between boxes: straight down to the next, on the right to later ones, on the left to earlier ones.

    Its condition stands in the box where it begins, or beside the line down, which nothing else passes.
    """

    path: str
    label: str
    x: int
    y: int
    side: str
    # How far it reaches to its side.
    edge: int = LEFT


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a step leads: under which condition, and to which step; `number` is 0 for the end."""

    condition: str
    number: int
    sentence: str
    is_next: bool


@dataclass(frozen=True, slots=True)
class Diagram:
    """`left` is where the drawing begins, as far left as its lines to earlier steps reach; `exits` has those of each step."""

    left: int
    width: int
    height: int
    boxes: tuple[Box, ...]
    connectors: tuple[Connector, ...]
    exits: tuple[tuple[Exit, ...], ...]


@dataclass(frozen=True, slots=True)
class _Arrow:
    start: int
    end: int
    label: str

    @property
    def span(self) -> range:
        return range(min(self.start, self.end), max(self.start, self.end) + 1)

    @property
    def is_down(self) -> bool:
        return self.end == self.start + 1


def diagram_of(definition: Definition, sentences: Sequence[str] = ()) -> Diagram:
    """Returns the drawing; `sentences` has what each step does, and a step without one is called by its verb."""
    said = [*sentences, *(_(VERBS[step.verb]) for step in definition.steps[len(sentences) :])]
    index_by_id = {step.id: index for index, step in enumerate(definition.steps)} | {END: len(definition.steps)}
    arrows = [
        _Arrow(index_by_id[step.id], index_by_id[target], label)
        for step in definition.steps
        for target, label in _targets(definition, step).items()
    ]
    boxes = tuple(_boxes(definition, said, arrows))
    connectors = tuple(_connectors(arrows, boxes))
    left = min([LEFT, *(connector.edge for connector in connectors)]) - MARGIN
    right = max([LEFT + BOX, *(connector.edge for connector in connectors)]) + MARGIN
    exits = [tuple(_exit(arrow, said) for arrow in arrows if arrow.start == index) for index in range(len(said))]
    return Diagram(left, right - left, boxes[-1].y + boxes[-1].height + MARGIN, boxes, connectors, tuple(exits))


def _boxes(definition: Definition, sentences: Sequence[str], arrows: Sequence[_Arrow]) -> Iterator[Box]:
    y = MARGIN
    kinds = [step.verb for step in definition.steps]
    said = [f"{number}. {words}" for number, words in enumerate(sentences, 1)]
    if any(arrow.end == len(kinds) for arrow in arrows):
        kinds, said = [*kinds, "end"], [*said, _("End")]
    for index, (kind, words) in enumerate(zip(kinds, said, strict=True)):
        words_height = HEIGHTS[len(words) > TWO_LINES]
        rows = sum(1 for arrow in arrows if arrow.start == index and arrow.label and not arrow.is_down)
        yield Box(y, kind, words, words_height, words_height + ROW * rows)
        y += words_height + ROW * rows + GAP


def _targets(definition: Definition, step: Step) -> dict[str, str]:
    """Returns where a step leads, each with its conditions in words."""
    if step.verb == "end":
        return {}
    ways = [(way.target, _way(definition, step, way.condition, len(step.transitions) > 1)) for way in step.transitions]
    if all(way.condition is not None for way in step.transitions):
        ways.append((step.after, _("else") if ways else ""))
    for way in step.failures:
        condition = way.condition and _("failed, %(condition)s", condition=_condition(definition, step, way.condition))
        ways.append((way.target, condition or _("if it fails")))
    conditions: dict[str, list[str]] = {}
    for target, words in ways:
        conditions.setdefault(target, []).append(words)
    return {target: ", ".join(filter(None, words)) for target, words in conditions.items()}


def _way(definition: Definition, step: Step, condition: str | None, is_one_of_several: bool) -> str:
    if condition is not None:
        return _("if %(condition)s", condition=_condition(definition, step, condition))
    return _("else") if is_one_of_several else ""


def _condition(definition: Definition, step: Step, condition: str) -> str:
    """Returns a condition in words, if it compares answers to questions, and all of them hold."""
    parts = [_compared(definition, step, part.strip()) for part in condition.split(" and ")]
    return _(" and ").join(parts) if all(parts) else condition


def _compared(definition: Definition, step: Step, part: str) -> str:
    match = COMPARISON.fullmatch(part)
    no, bare, compared, sign, *values = match.groups() if match else ("", "", "", "")
    slot = definition.slots.get(bare or compared or "")
    if not slot:
        return ""
    if bare and slot.type == "yes/no":
        words = _("no") if no else _("yes")
    elif bare:
        words = _("skipped") if no else _("answered")
    else:
        value = next(value for value in values if value is not None)
        quoted = value if slot.type == "number" else _("“%(words)s”", words=value)
        words = _(SIGNS[sign or "=="], value=quoted)
    if slot.name == step.slot:
        return words
    # What differs comes first, as the end can be cut.
    return _("%(words)s (‘%(question)s’)", question=first_words(slot.ask, MOST_TITLE), words=words)


def _connectors(arrows: Sequence[_Arrow], boxes: Sequence[Box]) -> Iterator[Connector]:
    lanes = _lanes(arrows)
    rows: dict[int, int] = {}
    for arrow in arrows:
        start, end, label = boxes[arrow.start], boxes[arrow.end], first_words(arrow.label, MOST_CHARS)
        if arrow.is_down:
            bottom = start.y + start.height
            yield Connector(f"M{LEFT + DOWN} {bottom} V{end.y - 2}", label, LEFT + DOWN + 8, bottom + GAP // 2 + 3, "down")
            continue
        y = start.y + start.words_height - IN
        if label:
            row = rows[arrow.start] = rows.get(arrow.start, 0) + 1
            y = start.y + start.words_height + ROW * row - ROW + 4
        far = FIRST_LANE + LANE * lanes[arrow]
        side, edge, way = ("right", LEFT + BOX, 1) if arrow.end > arrow.start else ("left", LEFT, -1)
        path = f"M{edge} {y} H{edge + way * far} V{end.y + IN} H{edge + way * 2}"
        yield Connector(path, label, edge - way * 10, y + 4, side, edge + way * far)


def _lanes(arrows: Sequence[_Arrow]) -> dict[_Arrow, int]:
    """Returns the lane of each line beside the boxes: the innermost that is free there, for short ones first."""
    taken: dict[bool, list[list[range]]] = {True: [], False: []}
    beside = [arrow for arrow in arrows if not arrow.is_down]
    return {arrow: _lane(taken[arrow.end > arrow.start], arrow.span) for arrow in sorted(beside, key=lambda way: len(way.span))}


def _lane(taken: list[list[range]], span: range) -> int:
    """Returns the first lane in which no other line passes these boxes."""
    for number, lane in enumerate(taken):
        if all(other.stop <= span.start or span.stop <= other.start for other in lane):
            lane.append(span)
            return number
    if len(taken) < MOST_LANES:
        taken.append([span])
    return len(taken) - 1


def _exit(arrow: _Arrow, sentences: Sequence[str]) -> Exit:
    is_end = arrow.end == len(sentences)
    sentence = "" if is_end else first_words(sentences[arrow.end], MOST_TITLE)
    return Exit(arrow.label, 0 if is_end else arrow.end + 1, sentence, arrow.is_down)
