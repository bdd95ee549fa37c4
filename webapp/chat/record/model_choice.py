"""Decides which model answers in a chat: the one chosen for it, never silently another."""

from collections.abc import Sequence

from webapp.base.errors import Conflict, Invalid
from webapp.chat.record.tables import Chat
from webapp.models.connections.effective import is_own
from webapp.models.connections.models import DEMO, providers
from webapp.models.providers.base import Model

VISITORS_MODEL = "demo/quick"
LEAST_BESIDE, MOST_BESIDE = 2, 4
OF_ANOTHER = "is of another person's own connection, so it answers only them. Choose another model for your message."


def model_to_ask(chat: Chat, wanted: str = "", *, by: str = "") -> str:
    """Returns the model that answers a person, by default the chat's owner; a visitor can't choose it.

    Raises `Invalid` if the chat's model is gone, or is of another person's own connection.
    """
    person = by or chat.owner_id or ""
    model = VISITORS_MODEL if chat.visitor_hash else current_model(chat) if wanted in ("", chat.model) else wanted
    if is_own(model) and model == missing_model(chat, person) != missing_model(chat):
        raise Invalid(f"{providers().display_name(model)[:80]} {OF_ANOTHER}", field="model")
    if model == missing_model(chat, person):
        raise Invalid(f"{providers().display_name(model)[:80]} is no longer available. Choose another model.", field="model")
    providers().for_model(model, person=person, for_visitor=bool(chat.visitor_hash))
    return model


def models_to_ask(models: Sequence[str], chat: Chat | None = None, *, by: str = "") -> list[str]:
    """Returns the models that answer a person side by side, if any, by default the chat's owner; refuses those that can't."""
    if not models:
        return []
    if chat and chat.is_group:
        raise Conflict("In a group the characters take turns, so models can't answer side by side.")
    if chat and chat.visitor_hash:
        raise Conflict("Models answer side by side only for people with an account.")
    if not LEAST_BESIDE <= len(set(models)) == len(models) <= MOST_BESIDE:
        raise Invalid("Choose two to four different models.", field="models")
    for model in models:
        providers().for_model(model, person=by or (chat.owner_id if chat else None) or "")
    return list(models)


def current_model(chat: Chat) -> str:
    """Returns the chat's model; if the demo stood in until there was a real one, the model that new chats start with."""
    catalogue = providers()
    has_stepped_aside = chat.model.startswith(DEMO) and not chat.visitor_hash and not catalogue.is_demo_allowed()
    return (has_stepped_aside and catalogue.default(person=chat.owner_id or "")) or chat.model


def model_named(model: str) -> Model:
    """Returns what is known about a model."""
    catalog = providers()
    return catalog.choice(model) or Model(model, catalog.display_name(model))


def supports(model: Model, ability: str) -> bool | None:
    """Returns whether a model has an ability; None if unknown."""
    if not ability or (ability == "reasoning" and model.efforts):
        return True
    return None if model.abilities is None else ability in model.abilities


def missing_model(chat: Chat, person: str = "") -> str:
    """Returns the chat's model if it is not offered to a person, by default its owner, and others are; else an empty string."""
    catalogue = providers()
    model = current_model(chat)
    person = person or chat.owner_id or ""
    is_gone = not chat.visitor_hash and not catalogue.is_choosable(model, person) and catalogue.offered(person)
    return model if is_gone else ""
