"""How much of a chat a prompt holds, and the story so far in place of what has no room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from webapp.chat.pack import has_history
from webapp.chat.prompt.builder import OF_A_CHAT, Fitted, PromptBuilder, exchanges_between
from webapp.chat.queries import Said
from webapp.chat.story import told
from webapp.chat.story.told import Told
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.sections import Section

HERE = "This chat"


@dataclass(frozen=True, slots=True)
class Filled:
    """A prompt that fits: which messages are sent, how many before them the story tells, and what nobody tells."""

    builder: PromptBuilder
    fitted: Fitted
    told: int = 0
    left_out: int = 0
    beyond: int = 0

    @property
    def kept(self) -> PromptBuilder:
        return self.builder.without(self.fitted.dropped)

    @property
    def counts(self) -> dict[str, int]:
        return {"left_out": self.left_out, "beyond": self.beyond, **({"told": self.told} if self.told else {})}


def filled(chat: Chat, builder: PromptBuilder, path: Sequence[Said], earlier: Sequence[Said], **limits: Any) -> Filled:
    """`earlier` are those of a path that say something, as they are sent. The story is sent where any of them isn't."""
    said = [(each.role, each.told) for each in earlier]
    fitted = builder.fit(said, **limits)
    found = told.of_path(db.session(), chat.id, [each.id for each in path]) if fitted.start and told.is_told(chat) else None
    if not found:
        return Filled(builder, fitted, left_out=fitted.left_out, beyond=fitted.beyond)
    builder = PromptBuilder((*builder.sections, _section(found)))
    fitted = builder.fit(said, **limits)
    known = {each.id for each in path[: found.count]}
    count = sum(each.id in known for each in earlier)
    left_out = exchanges_between(said, fitted.beyond, count, fitted.start)
    return Filled(builder, fitted, min(count, fitted.start), left_out, max(0, fitted.beyond - count))


def story_of(chat: Chat, path: Sequence[Said]) -> Callable[[], str]:
    """The story of a path for texts that ask for it, read once."""

    @cache
    def story() -> str:
        found = told.of_path(db.session(), chat.id, [each.id for each in path]) if has_history(chat) else None
        return found.text if found else ""

    return story


def _section(found: Told) -> Section:
    return replace(OF_A_CHAT["story"], text=found.section, origin=HERE if found.is_edited else found.model)
