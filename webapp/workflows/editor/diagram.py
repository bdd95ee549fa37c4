"""The diagram of a workflow: a column of boxes for the steps, and lines for the ways between them; and its text. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from webapp.base.languages import gettext as _
from webapp.workflows.definition.definition import END, Definition, Step

VERBS = {
    "say": "Says",
    "collect": "Asks",
    "chat": "Model",
    "generate": "Plan",
    "tool": "Tool",
    "set": "Sets",
    "branch": "Branch",
    "end": "End",
}
BOX, HIGH, GAP, LEFT, LANE = 250, 44, 30, 130, 14
# With more parallel lines, several share a lane.
MOST_LANES = 10
MOST_CHARS = {"box": 30, "way": 26}


@dataclass(frozen=True, slots=True)
class Box:
    """A step; `text` is its full name, which `name` can shorten."""

    x: int
    y: int
    verb: str
    kind: str
    name: str
    text: str

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


@dataclass(frozen=True, slots=True)
class DescribedStep:
    """A step in words, with the steps it leads to."""

    verb: str
    name: str
    exits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    """`left` is where the drawing begins: without lines to earlier steps, there is nothing to the left of the boxes."""

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


def diagram_of(definition: Definition) -> Diagram:
    boxes = tuple(_boxes(definition))
    index_by_id = {step.id: index for index, step in enumerate(definition.steps)} | {END: len(definition.steps)}
    arrows = [_Arrow(index_by_id[step.id], index_by_id[go], label) for step in definition.steps for go, label in _targets(step)]
    connectors = tuple(_connectors(arrows, boxes))
    margin = 0 if any(connector.side == "left" for connector in connectors) else LEFT - 12
    is_wide = any(connector.side == "right" for connector in connectors)
    width = LEFT + BOX + (LEFT + LANE * MOST_LANES if is_wide else 12) - margin
    return Diagram(margin, width, boxes[-1].y + HIGH + GAP, boxes, connectors, tuple(_described(definition)))


def _boxes(definition: Definition) -> Iterator[Box]:
    for index, step in enumerate(definition.steps):
        yield _box(index, step.verb, step.id)
    if any(END in step.exits for step in definition.steps):
        yield _box(len(definition.steps), "end", _("The workflow is over"))


def _box(index: int, verb: str, text: str) -> Box:
    return Box(LEFT, GAP + index * (HIGH + GAP), VERBS[verb], verb, _short(_named(text), "box"), text)


def _targets(step: Step) -> Iterator[tuple[str, str]]:
    """Yields the targets of a step, each with its condition."""
    if step.verb == "end":
        return
    for transition in step.transitions:
        yield (
            transition.target,
            _("if %(condition)s", condition=transition.condition)
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


def _connectors(ways: list[_Arrow], boxes: tuple[Box, ...]) -> Iterator[Connector]:
    taken: dict[str, list[list[range]]] = {"right": [], "left": []}
    labels: dict[int, int] = {}
    for way in ways:
        start, end = boxes[way.start], boxes[way.end]
        if way.end == way.start + 1:
            path = f"M{start.middle} {start.y + HIGH} V{end.y - 2}"
            yield Connector(path, _short(way.label, "way"), start.middle + 8, start.y + HIGH + GAP // 2 + 4, "down")
            continue
        side = "right" if way.end > way.start else "left"
        lane = _lane(taken[side], way.span)
        # Several lines from one box start below each other.
        turn = labels[way.start] = labels.get(way.start, -1) + 1
        y = start.y + 12 + 12 * (turn % 3)
        edge, far = (LEFT + BOX, LEFT + BOX + 70 + LANE * lane) if side == "right" else (LEFT, max(6, LEFT - 60 - LANE * lane))
        path = f"M{edge} {y} H{far} V{end.y + HIGH // 2} H{edge + 2 if side == 'right' else edge - 2}"
        label_x = edge + 6 if side == "right" else edge - 6
        yield Connector(path, _short(way.label, "way"), label_x, y - 3, side)


def _lane(taken: list[list[range]], span: range) -> int:
    """Returns the first lane in which no other line passes these boxes."""
    for number, lane in enumerate(taken):
        if all(other.stop <= span.start or span.stop <= other.start for other in lane):
            lane.append(span)
            return number
    if len(taken) < MOST_LANES:
        taken.append([span])
    return len(taken) - 1


def _described(definition: Definition) -> Iterator[DescribedStep]:
    for step in definition.steps:
        exits = tuple(f"{label}: {_name(go)}" if label else _name(go) for go, label in _targets(step))
        yield DescribedStep(VERBS[step.verb], _named(step.id), exits)


def _name(go: str) -> str:
    return _("the end") if go == END else _named(go)


def _named(id: str) -> str:
    return id.replace("_", " ")


def _short(text: str, kind: str) -> str:
    most = MOST_CHARS[kind]
    return text if len(text) <= most else f"{text[: most - 1]}…"
