"""Which model a rule chooses for an answer in a chat."""

from collections.abc import Sequence

from webapp.chat.files.reference import parted
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat
from webapp.models.rules import service as model_rules
from webapp.models.rules.rules import Occasion
from webapp.models.rules.service import RuleChoice


def choice_by_rule(chat: Chat, path: Sequence[PathMessage], model: str, person: str, is_chosen: bool) -> RuleChoice:
    """Returns the model that a rule chooses for the last message of a path, judged by the one that it answers; else the same.

    `is_chosen` means that the person has chosen the model for this answer; in a chat with a preset, or
    whose model isn't the usual one, they have.
    """
    if chat.visitor_hash or not model_rules.rules():
        return RuleChoice(model)
    asked = next((message.content for message in reversed(path[:-1]) if message.role == "user"), "")
    text, references = parted(asked)
    has_pictures = any(reference.is_picture for reference in references)
    is_chosen = is_chosen or bool(chat.preset_id) or not model_rules.is_usual(model)
    return model_rules.chosen(
        model, Occasion(chat.kind, len(text), has_pictures, is_chosen), person=person or chat.owner_id or ""
    )
