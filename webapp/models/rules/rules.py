"""Rules that choose the model of an answer before the ladder begins: what one is, when it fits, and how it reads."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import Field

from webapp.base.errors import Invalid
from webapp.base.inputs import Input, Line, OneLine
from webapp.base.words import number

# What models are asked for, by the kind of its generation.
KINDS: Mapping[str, str] = {
    "chat": "chats",
    "workflow": "workflows",
    "plan": "plans",
    "workflow_plan": "plans that workflows make",
    "door": "the OpenAI-compatible API",
    "title": "titles of chats",
    "fold": "folds of chats",
    "facts": "proposed facts",
    "suggestion": "suggested messages",
    "tryout": "prompts that are tried out",
    "workflow_answer": "answers that workflows read",
}
Pictures = Literal["any", "with", "without"]
MOST_RULES, MOST_CHARS = 50, 10_000_000


class ModelRuleInput(Input):
    """What is entered for a rule; a condition that is left out holds for everything."""

    model: Annotated[Line, OneLine("Choose the model.", 200, 1)]
    kind: Annotated[Line, Field(description=f"What it is for: {', '.join(KINDS)}; empty for everything.")] = ""
    least_chars: Annotated[
        int, Field(ge=0, le=MOST_CHARS, description="Of the message, or of all texts where there is none.")
    ] = 0
    most_chars: Annotated[int, Field(ge=0, le=MOST_CHARS, description="0 for no limit.")] = 0
    pictures: Pictures = "any"
    group_id: Annotated[Line, OneLine("Choose a group.", 26)] = ""
    from_hour: Annotated[int, Field(ge=0, le=23, description="In the team's time zone.")] = 0
    to_hour: Annotated[int, Field(ge=0, le=24, description="The same as `from_hour` for all day; less for over midnight.")] = 0
    overrules: Annotated[bool, Field(description="Whether it also holds where a person has chosen another model.")] = False


@dataclass(frozen=True, slots=True)
class ModelRule:
    """A rule, with the fields of its input."""

    id: str
    model: str
    kind: str = ""
    least_chars: int = 0
    most_chars: int = 0
    pictures: Pictures = "any"
    group_id: str = ""
    from_hour: int = 0
    to_hour: int = 0
    overrules: bool = False

    @classmethod
    def from_input(cls, id: str, entered: ModelRuleInput) -> "ModelRule":
        if entered.kind and entered.kind not in KINDS:
            raise Invalid(f"Choose one of: {', '.join(KINDS)}.", field="kind")
        if entered.most_chars and entered.most_chars < entered.least_chars:
            raise Invalid("At most must not be less than at least.", field="most_chars")
        return cls(id, **entered.model_dump())

    @property
    def is_all_day(self) -> bool:
        return self.from_hour == self.to_hour % 24

    def as_text(self) -> str:
        """Returns it as it is stored: an entry of a list of texts without blanks and commas."""
        usual = ModelRule("", "")
        changed = {name: value for name, value in asdict(self).items() if value != getattr(usual, name)}
        return urlencode({name: int(value) if isinstance(value, bool) else value for name, value in changed.items()})


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a model is to be asked for, as far as rules look at it; `is_chosen` if a person has chosen the model."""

    kind: str
    chars: int = 0
    has_pictures: bool = False
    is_chosen: bool = False
    hour: int = 0
    groups: frozenset[str] = frozenset()


@lru_cache(maxsize=4)
def rules_in(texts: tuple[str, ...]) -> tuple[ModelRule, ...]:
    """Returns the rules as they are stored, in their order, without those that this version doesn't know."""
    stored = list[ModelRule]()
    for text in texts:
        with suppress(Invalid):
            stored.append(rule_from(text))
    return tuple(stored)


def rule_from(text: str) -> ModelRule:
    """Returns a stored rule; raises `Invalid` for a text that is none."""
    values: dict[str, Any] = dict(parse_qsl(text, keep_blank_values=True))
    if not (id := values.pop("id", "")):
        raise Invalid("That isn't a rule. Change rules on their page, or by the API.", field="value")
    return ModelRule.from_input(id, ModelRuleInput.entered(values))


def fits(rule: ModelRule, occasion: Occasion) -> bool:
    """Returns whether a rule's conditions hold; its model may be another matter."""
    return (
        (not occasion.is_chosen or rule.overrules)
        and rule.kind in ("", occasion.kind)
        and occasion.chars >= rule.least_chars
        and (not rule.most_chars or occasion.chars <= rule.most_chars)
        and (rule.pictures == "any" or (rule.pictures == "with") == occasion.has_pictures)
        and (not rule.group_id or rule.group_id in occasion.groups)
        and (rule.is_all_day or _is_between(rule.from_hour, rule.to_hour, occasion.hour))
    )


def sentence(rule: ModelRule, model_name: str, group_name: str) -> str:
    """Reads a rule back, beginning with what it is for."""
    what = f"For {KINDS.get(rule.kind, rule.kind)}" if rule.kind else "For everything"
    least, most = number(rule.least_chars), number(rule.most_chars)
    if rule.least_chars and rule.most_chars:
        what += f" of {least} to {most} characters"
    elif rule.least_chars or rule.most_chars:
        what += f" of at least {least} characters" if rule.least_chars else f" of at most {most} characters"
    what += {"any": "", "with": ", with pictures", "without": ", without pictures"}[rule.pictures]
    what += f", for people in {group_name}" if rule.group_id else ""
    what += "" if rule.is_all_day else f", from {rule.from_hour}:00 to {rule.to_hour}:00"
    return f"{what}: {model_name}{', also where a person has chosen another model' if rule.overrules else ''}."


def _is_between(first: int, last: int, hour: int) -> bool:
    return first <= hour < last if first < last else hour >= first or hour < last
