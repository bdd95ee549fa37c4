"""Decides which model answers in a chat: the one chosen for it, never silently another."""

from collections.abc import Sequence

from webapp.base.errors import Conflict, Invalid
from webapp.chat.record.tables import Chat
from webapp.models.connections.models import DEMO, providers
from webapp.models.providers.base import Model

VISITORS_MODEL = "demo/quick"
LEAST_BESIDE, MOST_BESIDE = 2, 4


def model_to_ask(chat: Chat, wanted: str = "") -> str:
    """Returns the model that answers; a visitor can't choose it. Raises `Invalid` if the chat's model is gone."""
    model = VISITORS_MODEL if chat.visitor_hash else current_model(chat) if wanted in ("", chat.model) else wanted
    if model == missing_model(chat):
        raise Invalid(f"{providers().display_name(model)[:80]} is no longer available. Choose another model.", field="model")
    providers().for_model(model, for_visitor=bool(chat.visitor_hash))
    return model


def models_to_ask(models: Sequence[str], chat: Chat | None = None) -> list[str]:
    """Returns the models that answer a message side by side, if any; raises an error for those that can't."""
    if not models:
        return []
    if chat and chat.is_group:
        raise Conflict("In a group the characters take turns, so models can't answer side by side.")
    if chat and chat.visitor_hash:
        raise Conflict("Models answer side by side only for people with an account.")
    if not LEAST_BESIDE <= len(set(models)) == len(models) <= MOST_BESIDE:
        raise Invalid("Choose two to four different models.", field="models")
    for model in models:
        providers().for_model(model)
    return list(models)


def current_model(chat: Chat) -> str:
    """Returns the chat's model; if the demo stood in until there was a real one, the model that new chats start with."""
    catalogue = providers()
    has_stepped_aside = chat.model.startswith(DEMO) and not chat.visitor_hash and not catalogue.is_demo_allowed()
    return (has_stepped_aside and catalogue.default()) or chat.model


def model_named(model: str) -> Model:
    """Returns what is known about a model."""
    catalog = providers()
    return catalog.choice(model) or Model(model, catalog.display_name(model))


def supports(model: Model, ability: str) -> bool | None:
    """Returns whether a model has an ability; None if unknown."""
    if not ability or (ability == "reasoning" and model.efforts):
        return True
    return None if model.abilities is None else ability in model.abilities


def missing_model(chat: Chat) -> str:
    """Returns the chat's model if it is no longer offered and other models are; else an empty string."""
    catalogue = providers()
    model = current_model(chat)
    is_gone = not chat.visitor_hash and not catalogue.is_choosable(model) and catalogue.offered()
    return model if is_gone else ""
