"""Which model answers in a chat: the one that was chosen for it, and never another one in its place unasked."""

from webapp.chat.tables import Chat
from webapp.connections.models import providers
from webapp.errors import Invalid
from webapp.providers.base import Model

VISITORS_MODEL = "demo/quick"


def answerer(chat: Chat, wish: str = "") -> str:
    """Who is asked; a visitor's wish does not count, whichever way it comes."""
    model = VISITORS_MODEL if chat.visitor_hash else wish or chat.model
    if model == gone(chat):
        raise Invalid(f"{providers().display_name(model)[:80]} is no longer available. Choose another model.", field="model")
    providers().of(model, for_visitor=bool(chat.visitor_hash))
    return model


def named(model: str) -> Model:
    """What is known of a model."""
    known = providers()
    return known.choice(model) or Model(model, known.display_name(model))


def can(model: Model, ability: str) -> bool | None:
    """Whether a model has an ability, or None where nobody says."""
    if not ability or (ability == "reasoning" and model.efforts):
        return True
    return None if model.abilities is None else ability in model.abilities


def gone(chat: Chat) -> str:
    """The model of a chat, when it is not offered any more and others are; else nothing."""
    known = providers()
    is_gone = not chat.visitor_hash and not known.is_choosable(chat.model) and known.offered()
    return chat.model if is_gone else ""
