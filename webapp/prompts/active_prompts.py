"""Renders the built-in prompts in their version in use, from a cache; falls back to an older text rather than failing."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import RowMapping

from webapp.base.current import the_config
from webapp.base.database.recent import Recent
from webapp.models.prompt_sections import Section
from webapp.models.providers.base import RequestParameters
from webapp.prompts import arm_choice, queries
from webapp.prompts.template import PromptPart, Unfilled, filled
from webapp.streaming.events import Notice

# How long the cache hides changes by other processes; this process's own changes are visible immediately.
FRESH_SECONDS = 30.0
# The same with several workers.
SHARED_SECONDS = 1.0
# The longest description of an answer's prompts.
LABEL_CHARS = 200
# The columns of an arm that count its answers.
COUNTS = ("exposures", "good", "judged")
# How `PromptVersions.label` names each prompt.
KEYS = re.compile(r"version \d+ of ([^,;]+)")
log = logging.getLogger("prompts")


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt ready to be sent; `problems` are sentences about versions that could not be used."""

    key: str
    version: queries.Version
    parts: tuple[PromptPart, ...]
    problems: tuple[str, ...] = ()
    arm: arm_choice.ChosenArm | None = None

    @property
    def text(self) -> str:
        return "\n\n".join(part.text for part in self.parts)

    @property
    def sections(self) -> list[Section]:
        """The sections of the request to the model, in order."""
        origin = f"Prompt {self.key}, version {self.version.number}"
        return [Section(part.name, part.text, origin=origin, rank=100 + place) for place, part in enumerate(self.parts)]

    @property
    def parameters(self) -> RequestParameters:
        """The parameters that the version sets."""
        parameters: RequestParameters = {}
        if self.version.temperature is not None:
            parameters["temperature"] = self.version.temperature
        if self.version.max_tokens is not None:
            parameters["max_tokens"] = self.version.max_tokens
        return parameters


@dataclass(frozen=True, slots=True)
class PromptVersions:
    """The versions that a request was made of, by key, with the arms of experiments; a generation records it.

    `problems` are sentences about versions that could not be used.
    """

    numbers: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    arms: tuple[arm_choice.ChosenArm, ...] = ()

    @classmethod
    def from_rendered(cls, *prompts: RenderedPrompt) -> "PromptVersions":
        numbers = {prompt.key: prompt.version.number for prompt in prompts}
        problems = tuple(words for prompt in prompts for words in prompt.problems)
        return cls(numbers, problems, tuple(prompt.arm for prompt in prompts if prompt.arm))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "PromptVersions":
        arms = tuple(map(arm_choice.ChosenArm.from_record, record.get("arms", ())))
        return cls(record.get("prompts", {}), tuple(record.get("fell_back", ())), arms)

    def as_record(self) -> dict[str, Any]:
        """Returns what is stored with a generation; empty without versions."""
        arms = [arm.as_record() for arm in self.arms]
        record = {"prompts": dict(self.numbers), "fell_back": list(self.problems), **({"arms": arms} if arms else {})}
        return record if self.numbers else {}

    @property
    def letters(self) -> dict[str, str]:
        """The letters of the arms, by key."""
        return {arm.key: arm.letter for arm in self.arms}

    @property
    def notices(self) -> list[Notice]:
        """Notices about versions that could not be used."""
        return [Notice("prompt", words) for words in self.problems]

    @property
    def label(self) -> str:
        """A description such as *version 3 of quick, arm B*."""
        arms = {key: f", arm {letter}" for key, letter in self.letters.items()}
        used = (f"version {number} of {key}{arms.get(key, '')}" for key, number in self.numbers.items())
        return "; ".join(used)[:LABEL_CHARS]


@dataclass(frozen=True, slots=True)
class PromptState:
    """The cached state of a key: the version in use and the one before it, those in an experiment, collection ids and tools."""

    versions: tuple[queries.Version, ...] = ()
    trial: arm_choice.Trial | None = None
    arms: Mapping[int, queries.Version] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


UNUSED = PromptState()


def render(key: str, unit: arm_choice.ExperimentUnit | None = None, /, **values: str) -> RenderedPrompt:
    """Renders the version in use of a prompt; if that can't be filled in, the one before, then the built-in text.

    During an experiment, chooses a version for `unit`, with one statement; without a `unit`, uses the control.
    """
    built_in, problems, prompt_state = queries.built_ins()[key], list[str](), STATES.get().get(key, UNUSED)
    arm = arm_choice.arm_for(prompt_state.trial, unit) if prompt_state.trial and unit else None
    tried = [prompt_state.arms[arm.version]] if arm else []
    for version in (*tried, *prompt_state.versions[:2], queries.first_version(built_in)):
        try:
            parts = tuple(filled(version.parts, values)) if version.parts or not built_in.is_optional else ()
            is_tried = arm if arm and arm.version == version.number else None
            return RenderedPrompt(key, version, parts, tuple(problems), is_tried)
        except Unfilled as error:
            problems.append(
                f"Version {version.number} of the prompt “{key}” can't be used ({error}), so an earlier text was used."
            )
            log.warning("prompt_fell_back", extra={"fields": {"key": key, "version": version.number, "reason": str(error)}})
    raise ValueError(f"the built-in text of {key} has nothing for these values")


def collections_of(key: str) -> tuple[str, ...]:
    """Returns the ids of the collections that answers led by this prompt read from, as far as the asker can see them."""
    return STATES.get().get(key, UNUSED).reads


def tools_of(key: str) -> tuple[str, ...]:
    """Returns the keys of the tools that are on for answers led by this prompt, as far as the asker can use them."""
    return STATES.get().get(key, UNUSED).tools


def keys_in(words: str) -> list[str]:
    """Returns the keys of the prompts whose versions are described."""
    return KEYS.findall(words)


def forget() -> None:
    """Expires the cache after a change in this process."""
    STATES.read_again()


def _read() -> dict[str, PromptState]:
    rows = queries.used_rows(queries.built_ins())
    return {key: _used(key, list(group)) for key, group in groupby(rows, key=lambda row: row["key"])}


def _used(key: str, rows: Sequence[RowMapping]) -> PromptState:
    reads, tools = tuple(rows[0]["collection_ids"]), tuple(rows[0]["tools"])
    versions = {row["number"]: queries.used_version(row) for row in rows if row["number"] is not None}
    in_use = tuple(versions[row["number"]] for row in rows if row["is_used"])
    compared = sorted((row for row in rows if row["place"] is not None), key=lambda row: row["place"])
    if not compared:
        return PromptState(in_use, reads=reads, tools=tools)
    first = compared[0]
    arms = tuple(
        arm_choice.TrialArm(
            row["number"],
            arm_choice.LETTERS[row["place"]],
            row["weight"],
            row["paused_at"] is not None,
            *(row[name] for name in COUNTS),
        )
        for row in compared
    )
    trial = arm_choice.Trial(first["experiment_id"], key, first["method"], first["min_samples"], arms)
    return PromptState(in_use, trial, {arm.version: versions[arm.version] for arm in arms}, reads, tools)


STATES = Recent(
    _read,
    dict[str, PromptState](),
    unreadable="prompts_not_readable",
    fresh_seconds=lambda: SHARED_SECONDS if the_config().redis_url else FRESH_SECONDS,
)
