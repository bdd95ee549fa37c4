"""The prompt of a plan as it is recorded with its generation, from which its requests are built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.chat.prompt.recorded_prompt import parameters_in, section_records, sections_in
from webapp.models.prompt_sections import Section
from webapp.models.providers.base import RequestParameters
from webapp.plans.types.schema import Schema
from webapp.prompts.active_prompts import PromptVersions


@dataclass(frozen=True, slots=True)
class PlanPrompt:
    """A question with the sections before it, and the schema of what is wanted.

    If only the parts at `paths` are to be written, `there` is the plan as it is before. `is_whole` requests the answer without
    streaming; `chars_before` is what the model has written of the plan in earlier generations.
    """

    asked: str = ""
    sections: tuple[Section, ...] = ()
    versions: PromptVersions = field(default_factory=PromptVersions)
    schema: Schema = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    there: JsonObject = field(default_factory=dict)
    is_whole: bool = False
    parameters: RequestParameters = field(default_factory=RequestParameters)
    chars_before: int = 0

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "PlanPrompt":
        """Restores a prompt from what is stored with its generation."""
        return cls(
            asked=record.get("asked", ""),
            sections=sections_in(record.get("sections", ())),
            versions=PromptVersions.from_record(record),
            schema=record.get("schema", {}),
            paths=tuple(record.get("places", ())),
            there=record.get("there", {}),
            is_whole=record.get("is_whole", False),
            parameters=parameters_in(record),
            chars_before=record.get("chars_before", 0),
        )

    def as_record(self) -> JsonObject:
        """Returns what is stored with the generation."""
        return {
            "sections": section_records(self.sections),
            "asked": self.asked,
            **self.versions.as_record(),
            "schema": self.schema,
            **({"places": list(self.paths), "there": self.there} if self.paths else {}),
            "is_whole": self.is_whole,
            "parameters": self.parameters,
            "chars_before": self.chars_before,
        }
