"""The demo's structured output: an object that follows a schema, built from the person's inputs. Pure."""

import json
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.models.providers.base import ModelRequest

Path = tuple[str | int, ...]
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LONGEST_GOAL = 60
NO_GOAL = "what you want"
TEXTS: dict[str, tuple[str, ...]] = {
    "title": ("{goal}, step by step", "A month for {goal}"),
    "monthly_summary": (
        "Four weeks for {goals}, with {hours} hours in each and {off} off. You begin with what is small and close at hand, "
        "finish one thing every week, and keep the last days free for whatever took longer than it should.",
    ),
    "summary": (
        "Thirty days towards {goals}, with {minutes} minutes in each. Every seventh day repeats what came before it, so that "
        "nothing is learned twice and nothing is lost.",
    ),
    "weeks.focus": ("Begin small", "Find your time", "Go further", "Keep it", "Look back"),
    "tasks.title": (
        "Write down what “{goal}” needs",
        "Half an hour for “{goal}”",
        "Clear the place for “{goal}”",
        "Show someone how far “{goal}” is",
        "Finish one piece of “{goal}”",
        "Take up what was left of “{goal}”",
    ),
    "tasks.why": (
        "What is written down need not be carried.",
        "A short beginning is still a beginning.",
        "What lies ready is taken up.",
    ),
    "weeks.milestone": (
        "“{goal}” has a first result that can be seen.",
        "“{goal}” has its fixed time in the week.",
        "The hardest part of “{goal}” is behind you.",
        "“{goal}” continues without the plan.",
    ),
    "risks": (
        "A full week at work. Drop the last task of that week without regret.",
        "“{goal}” may take longer than it looks. The last week has room for it.",
        "Too much at once. One task a day is enough.",
    ),
    "first_step": ("Put what you need for “{goal}” where you will see it tomorrow.",),
    "days.topic": (
        "First look at “{goal}”",
        "The ten words of “{goal}”",
        "One small thing, done slowly",
        "The same thing, twice as fast",
        "What you find hard",
        "Someone else's way",
        "Repeat the week",
    ),
    "days.exercise": (
        "Spend {minutes} minutes on it, then put everything away.",
        "Write five lines about it without looking anything up.",
        "Explain it aloud to an empty chair.",
        "Do yesterday's exercise again, and note what has become easier.",
    ),
    "days.question": (
        "Could you tell a friend what you did?",
        "What would you do differently tomorrow?",
        "Which part would you not find again?",
    ),
    "": ("The {name} for “{goal}”", "Another {name} for “{goal}”", "The {name} after that"),
}
BEFORE = ("Here is the plan as JSON:", "Sure! I have kept {every} week light.", "Of course. This should suit you:")
AFTER = ("Tell me if you want it gentler.", "Would you like to change anything?", "{Good luck}")


def text(request: ModelRequest) -> str:
    """Returns the whole answer, always the same for the same inputs; failing models fail only for a whole plan."""
    value = SchemaFiller(request).object(json.loads(request.schema))
    spoil = SPOILS.get(request.model) if not is_for_places(request) else None
    return spoil(value, _seed(request)) if spoil else _written(value)


def is_for_places(request: ModelRequest) -> bool:
    """Returns whether only some places of an existing plan are requested."""
    return len(_objects(request)) > 1


class SchemaFiller:
    """Fills a schema; a value depends only on the inputs and on its place, not on what else is requested."""

    def __init__(self, request: ModelRequest) -> None:
        objects = _objects(request)
        self._inputs = objects[0] if objects else {}
        goals = self._inputs.get("goals")
        self._goals = [str(goal)[:LONGEST_GOAL].strip() for goal in goals] if isinstance(goals, list) and goals else [NO_GOAL]
        self._taken = {str(choice) for value in self._inputs.values() if isinstance(value, list) for choice in value}

    def object(self, schema: JsonObject, above: Path = ()) -> JsonObject:
        return {name: self._value(property_, (*above, *_steps(name))) for name, property_ in schema.get("properties", {}).items()}

    def _value(self, schema: JsonObject, path: Path) -> Any:
        kinds = schema.get("type", "string")
        kind = kinds[0] if isinstance(kinds, list) else kinds
        if "null" in kinds and isinstance(kinds, list) and _number(path) % 4 == 3:
            return None
        if "enum" in schema:
            return self._choice([choice for choice in schema["enum"] if choice is not None], path)
        return self._of_kind(kind, schema, path)

    def _of_kind(self, kind: str, schema: JsonObject, path: Path) -> Any:
        if kind == "object":
            return self.object(schema, path)
        if kind == "array":
            count = max(schema.get("minItems", 0), min(schema.get("maxItems", 3), 2 + _number(path) % 2))
            return [self._value(schema.get("items", {}), (*path, index)) for index in range(count)]
        if kind in ("integer", "number"):
            least = schema.get("minimum", 0)
            span = max(1, min(schema.get("maximum", least + 40), least + 40) - least)
            return least + (5 * (3 + _number(path))) % span
        if kind == "boolean":
            return _number(path) % 2 == 0
        return self._day(path) if schema.get("format") == "date" else self._text(schema, path)

    def _text(self, schema: JsonObject, path: Path) -> str:
        names, number = [str(step) for step in path if isinstance(step, str)], _number(path)
        templates = TEXTS.get(".".join(names[-2:])) or TEXTS.get(names[-1]) or TEXTS[""]
        words = templates[number % len(templates)].format(
            goal=self._goals[number % len(self._goals)],
            goals=_listed(self._goals),
            name=names[-1].replace("_", " "),
            number=number + 1,
            hours=self._inputs.get("hours_per_week", "a few"),
            minutes=self._inputs.get("minutes_per_day", "a few"),
            off=_listed(self._inputs.get("days_off") or ["a day you choose"]),
        )
        return words[: schema.get("maxLength", len(words))].ljust(schema.get("minLength", 0), ".")

    def _choice(self, choices: list[Any], path: Path) -> Any:
        free = [choice for choice in choices if str(choice) not in self._taken] or choices
        index = path[-2] if len(path) > 1 and isinstance(path[-2], int) else _number(path)
        return free[(2 * index + 1) % len(free)]

    def _day(self, path: Path) -> str:
        day = next((value for value in self._inputs.values() if isinstance(value, str) and DAY.fullmatch(value)), "2026-01-05")
        return (date.fromisoformat(day) + timedelta(days=_number(path))).isoformat()


def _fenced(value: JsonObject, seed: int) -> str:
    written = json.dumps(value, indent=2, ensure_ascii=False)
    return f"{BEFORE[seed % len(BEFORE)]}\n\n```json\n{written}\n```\n\n{AFTER[seed % len(AFTER)]}\n"


def _malformed(value: JsonObject, seed: int) -> str:
    """Returns invalid JSON of one of the kinds that models write."""
    written = _written(value)
    half = max(1, written.find(", ", len(written) // 2))
    spoilt = (
        written.removesuffix("}"),
        written.replace("}]", "},]", 1).removesuffix("}") + ",}",
        written[:half] + written[half + 1 :],
        written.replace(". ", ".\n", 1).rstrip("]}"),
        written[:half] + " // and so on\n" + written[half:],
        written.replace('": "', '": ', 3)[: len(written) * 3 // 4],
    )
    return spoilt[seed % len(spoilt)]


def _wrong_types(value: JsonObject, seed: int) -> str:
    names = list(value)
    spoilt = _with_words_for_numbers(value)
    name = names[seed % len(names)]
    spoilt[name] = 4 if isinstance(value[name], str) else "Walk for ten minutes"
    return _written(spoilt)


def _with_words_for_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_words_for_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_words_for_numbers(part) for part in value]
    return f"{value} minutes" if isinstance(value, int) and not isinstance(value, bool) else value


SPOILS: dict[str, Callable[[JsonObject, int], str]] = {
    "demo/fenced": _fenced,
    "demo/malformed": _malformed,
    "demo/wrong-types": _wrong_types,
}


def _objects(request: ModelRequest) -> list[JsonObject]:
    """Returns the JSON objects in the question, one per line: the inputs, and the existing part of the plan."""
    text = next((turn.content for turn in reversed(request.turns) if turn.role == "user"), "")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _seed(request: ModelRequest) -> int:
    return zlib.crc32(json.dumps(_objects(request)[:1]).encode())


def _steps(name: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in name.split(".")]


def _number(path: Path) -> int:
    """Returns a number for a place; each next item of a list, or of the list around it, has the next number."""
    return sum(step for step in path if isinstance(step, int))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
