"""Fits a chat into a prompt: how many messages are sent, and the story so far in place of those that don't fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from webapp.base.db import db
from webapp.chat.prompt import path_story
from webapp.chat.prompt.assistant_context import has_history
from webapp.chat.prompt.builder import OF_A_CHAT, Fitted, PromptBuilder, exchanges_between
from webapp.chat.prompt.path_story import PathStory
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat
from webapp.models.prompt_sections import Section

HERE = "This chat"


@dataclass(frozen=True, slots=True)
class Filled:
    """A prompt that fits. `covered` messages before those sent are covered by the story; `left_out` exchanges are not."""

    builder: PromptBuilder
    fitted: Fitted
    covered: int = 0
    left_out: int = 0
    beyond: int = 0

    @property
    def kept(self) -> PromptBuilder:
        return self.builder.without(self.fitted.dropped)

    @property
    def counts(self) -> dict[str, int]:
        return {"left_out": self.left_out, "beyond": self.beyond, **({"told": self.covered} if self.covered else {})}


def filled(
    chat: Chat, builder: PromptBuilder, path: Sequence[PathMessage], earlier: Sequence[PathMessage], **limits: Any
) -> Filled:
    """Fits the prompt, adding the story if a message is left out; `earlier` are the messages that can be sent."""
    turns = [(each.role, each.sent_text) for each in earlier]
    fitted = builder.fit(turns, **limits)
    is_needed = fitted.start and path_story.is_sent(chat)
    found = path_story.of_path(db.session(), chat.id, [each.id for each in path]) if is_needed else None
    if not found:
        return Filled(builder, fitted, left_out=fitted.left_out, beyond=fitted.beyond)
    builder = PromptBuilder((*builder.sections, _section(found)))
    fitted = builder.fit(turns, **limits)
    known = {each.id for each in path[: found.count]}
    count = sum(each.id in known for each in earlier)
    left_out = exchanges_between(turns, fitted.beyond, count, fitted.start)
    return Filled(builder, fitted, min(count, fitted.start), left_out, max(0, fitted.beyond - count))


def story_of(chat: Chat, path: Sequence[PathMessage]) -> Callable[[], str]:
    """Returns a function that loads a path's story once, for macros in the prompt."""

    @cache
    def story() -> str:
        found = path_story.of_path(db.session(), chat.id, [each.id for each in path]) if has_history(chat) else None
        return found.text if found else ""

    return story


def _section(found: PathStory) -> Section:
    return replace(OF_A_CHAT["story"], text=found.section, origin=HERE if found.is_edited else found.model)
