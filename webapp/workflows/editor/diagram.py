"""The diagram of a workflow: a column of boxes for the steps, and lines for the ways between them; and its text. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from webapp.base.languages import gettext as _
from webapp.workflows.definition.definition import END, Definition, Step
from webapp.workflows.editor.sentences import VERBS

BOX, HIGH, GAP, LEFT, LANE = 320, 70, 34, 130, 14
# With more parallel lines, several share a lane.
MOST_LANES = 10
MOST_CHARS, CHAR = 26, 7
# What a condition on the answer of its own step is called.
CONDITION = re.compile(r"(?P<no>not )?(?P<slot>\w+)|(?P<equal>\w+) == ['\"]?(?P<value>[^'\"\\]*)['\"]?")


@dataclass(frozen=True, slots=True)
class Box:
    """A step: what it does, and its name in the text."""

    x: int
    y: int
    kind: str
    sentence: str
    name: str

    width: int = BOX
    height: int = HIGH

    @property
    def middle(self) -> int:
        return self.x + BOX // 2


@dataclass(frozen=True, slots=True)
class Connector:
    """A line between boxes: straight down to the next, on the right to later ones, on the left to earlier ones."""

    path: str
    label: str
    x: int
    y: int
    side: str
    # How far it and its label reach to its side.
    edge: int


@dataclass(frozen=True, slots=True)
class DescribedStep:
    """A step in words, with the steps it leads to."""

    sentence: str
    exits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    """`left` is where the drawing begins, as far left as its lines to earlier steps reach."""

    left: int
    width: int
    height: int
    boxes: tuple[Box, ...]
    connectors: tuple[Connector, ...]
    steps: tuple[DescribedStep, ...]


@dataclass(frozen=True, slots=True)
class _Arrow:
    start: int
    end: int
    label: str

    @property
    def span(self) -> range:
        return range(min(self.start, self.end), max(self.start, self.end) + 1)


def diagram_of(definition: Definition, sentences: Sequence[str] = ()) -> Diagram:
    """Returns the drawing; `sentences` has what each step does, and a step without one is called by its verb."""
    said = [*sentences, *(_(VERBS[step.verb]) for step in definition.steps[len(sentences) :])]
    boxes = tuple(_boxes(definition, said))
    index_by_id = {step.id: index for index, step in enumerate(definition.steps)} | {END: len(definition.steps)}
    arrows = [_Arrow(index_by_id[step.id], index_by_id[go], label) for step in definition.steps for go, label in _targets(step)]
    connectors = tuple(_connectors(arrows, boxes))
    left = min([LEFT - 12, *(connector.edge - 12 for connector in connectors if connector.side == "left")])
    right = max([LEFT + BOX + 12, *(connector.edge + 12 for connector in connectors if connector.side == "right")])
    return Diagram(left, right - left, boxes[-1].y + HIGH + GAP, boxes, connectors, tuple(_described(definition, said)))


def _boxes(definition: Definition, sentences: Sequence[str]) -> Iterator[Box]:
    for index, (step, said) in enumerate(zip(definition.steps, sentences, strict=True)):
        yield Box(LEFT, GAP + index * (HIGH + GAP), step.verb, said, step.id)
    if any(END in step.exits for step in definition.steps):
        yield Box(LEFT, GAP + len(definition.steps) * (HIGH + GAP), "end", _("The workflow is over"), "")


def _targets(step: Step) -> Iterator[tuple[str, str]]:
    """Yields the targets of a step, each with its condition."""
    if step.verb == "end":
        return
    for transition in step.transitions:
        yield (
            transition.target,
            _("if %(condition)s", condition=_condition(step, transition.condition))
            if transition.condition is not None
            else (_("else") if len(step.transitions) > 1 else ""),
        )
    if all(transition.condition is not None for transition in step.transitions):
        yield step.after, _("else") if step.transitions else ""
    for transition in step.failures:
        is_conditional = transition.condition is not None
        yield (
            transition.target,
            _("failed, %(condition)s", condition=transition.condition) if is_conditional else _("if it fails"),
        )


def _condition(step: Step, condition: str) -> str:
    """Returns a condition in words, if it is one on the answer to the step's own question."""
    match = CONDITION.fullmatch(condition.strip()) if step.slot else None
    if match and match["slot"] == step.slot:
        return _("no") if match["no"] else _("yes")
    return _("“%(words)s”", words=match["value"]) if match and match["equal"] == step.slot else condition


def _connectors(ways: list[_Arrow], boxes: tuple[Box, ...]) -> Iterator[Connector]:
    taken: dict[str, list[list[range]]] = {"right": [], "left": []}
    labels: dict[int, int] = {}
    for way in ways:
        start, end = boxes[way.start], boxes[way.end]
        if way.end == way.start + 1:
            path = f"M{start.middle} {start.y + HIGH} V{end.y - 2}"
            yield Connector(path, _short(way.label), start.middle + 8, start.y + HIGH + GAP // 2 + 4, "down", 0)
            continue
        side = "right" if way.end > way.start else "left"
        lane = _lane(taken[side], way.span)
        # Several lines from one box start below each other.
        turn = labels[way.start] = labels.get(way.start, -1) + 1
        y = start.y + 18 + 18 * (turn % 3)
        edge, far = (LEFT + BOX, LEFT + BOX + 70 + LANE * lane) if side == "right" else (LEFT, max(6, LEFT - 60 - LANE * lane))
        path = f"M{edge} {y} H{far} V{end.y + HIGH // 2} H{edge + 2 if side == 'right' else edge - 2}"
        label_x = edge + 6 if side == "right" else edge - 6
        label = _short(way.label)
        reach = label_x + CHAR * len(label) * (1 if side == "right" else -1)
        yield Connector(path, label, label_x, y - 4, side, max(far, reach) if side == "right" else min(far, reach))


def _lane(taken: list[list[range]], span: range) -> int:
    """Returns the first lane in which no other line passes these boxes."""
    for number, lane in enumerate(taken):
        if all(other.stop <= span.start or span.stop <= other.start for other in lane):
            lane.append(span)
            return number
    if len(taken) < MOST_LANES:
        taken.append([span])
    return len(taken) - 1


def _described(definition: Definition, sentences: Sequence[str]) -> Iterator[DescribedStep]:
    numbers = {step.id: number for number, step in enumerate(definition.steps, 1)}
    for step, said in zip(definition.steps, sentences, strict=True):
        ways = ((_("the end") if go == END else _("step %(number)s", number=numbers[go]), label) for go, label in _targets(step))
        yield DescribedStep(said, tuple(f"{label}: {name}" if label else name for name, label in ways))


def _named(id: str) -> str:
    return id.replace("_", " ")


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 1]}…"
