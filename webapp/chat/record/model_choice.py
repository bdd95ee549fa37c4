"""Decides which model answers in a chat: the one chosen for it or by its preset, never silently another."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from webapp.base.errors import Conflict, Invalid
from webapp.chat.record.presets import preset_of
from webapp.chat.record.projects import project_of
from webapp.chat.record.tables import Chat, Project
from webapp.models.connections import model_marks
from webapp.models.connections.effective import is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.models.connections.providers import providers
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.models.presets import queries as preset_queries
from webapp.models.presets.choice import choice_of, id_in
from webapp.models.presets.queries import KnownPreset
from webapp.models.providers.base import Model
from webapp.people.accounts.tables import User

VISITORS_MODEL = "demo/quick"
LEAST_BESIDE, MOST_BESIDE = 2, 4
PICTURE_COMMAND = re.compile(r"\s*/picture(?:\s+|$)")
GONE = "This preset"
OF_ANOTHER = "is of another person's own connection, so it answers only them. Choose another model for your message."
IN_A_GROUP = "In a group the characters take turns, so models can't answer side by side."
FOR_A_CHAT = "A preset is chosen for a whole chat. Choose a model for a single answer."


class ChosenModel(NamedTuple):
    """A model, and the preset that chose it, if one did."""

    model: str
    preset_id: str | None = None

    @property
    def word(self) -> str:
        """The word that makes the choice where a model could be named."""
        return choice_of(self.preset_id) if self.preset_id else self.model


def without_command(text: str) -> tuple[str, str]:
    """Returns a message without `/picture` at its beginning, and the model that then answers it; without one, it is a word."""
    match, model = PICTURE_COMMAND.match(text), the_models().model_for(PICTURE_MODEL)
    return (text[match.end() :], model) if match and model else (text, "")


def choice_in(chat: Chat, among: Sequence[str] = ()) -> ChosenModel:
    """Returns what the chat has chosen, whether that is still there or not; `among` models, if any, at least the first."""
    return ChosenModel(chat.model if not among or chat.model in among else among[0], chat.preset_id)


def new_choice(person_id: str | None, wanted: str, *, otherwise: str = "") -> ChosenModel:
    """Returns what a new chat begins with: a model or, by its word, a preset, whose model is `otherwise` if it has none.

    Raises `Invalid` for a preset that the person can't use.
    """
    if not (id := id_in(wanted)):
        return ChosenModel(wanted or otherwise)
    if not (preset := preset_queries.known(person_id, id)):
        raise Invalid(_gone(GONE), field="model")
    return ChosenModel(preset.model or otherwise, id)


def refuse_unless_open(
    person: str, model: str, preset_id: str | None = None, project: Project | None = None, *, for_visitor: bool = False
) -> None:
    """Refuses a model that can't answer this person, or that neither they can choose nor others have chosen for them."""
    if for_visitor or model in _given(preset_queries.known(person, preset_id), project, person):
        providers().for_model(model, person=person, for_visitor=for_visitor)
    else:
        providers().refuse_unless_choosable(model, person=person)


def starting_choice(user: User) -> str:
    """Returns what a person's next chat begins with: a preset, by its word, or a model; their setting, else the last chosen."""
    if user.default_preset_id and preset_queries.known(user.id, user.default_preset_id):
        return choice_of(user.default_preset_id)
    preferred = model_marks.preferred_model(user)
    if preset_queries.known(user.id, id_in(preferred)):
        return preferred
    return the_models().default(preferred, user.id)


def choice_to_ask(chat: Chat, wanted: str = "", *, by: str = "") -> ChosenModel:
    """Returns the model that answers a person, by default the chat's owner, and its preset.

    A model that is wanted by its name leaves the chat's preset. A visitor can't choose. Raises `Invalid` if what the chat has
    chosen is gone, or is of another person's own connection.
    """
    person = by or chat.owner_id or ""
    if chat.visitor_hash:
        return ChosenModel(_open(VISITORS_MODEL, "", for_visitor=True))
    if wanted in ("", choice_in(chat).word):
        if gone := gone_choice(chat, person):
            is_of_another = is_own(current_model(chat)) and not gone_choice(chat)
            raise Invalid(f"{gone} {OF_ANOTHER}" if is_of_another else _gone(gone), field="model")
        return ChosenModel(_open(current_model(chat), person), chat.preset_id)
    choice = new_choice(chat.owner_id, wanted, otherwise=current_model(chat))
    if not _is_there(chat, choice.model, person, preset_queries.known(chat.owner_id, choice.preset_id)):
        providers().refuse_unless_choosable(choice.model, person=person)
    return choice._replace(model=_open(choice.model, person))


def model_to_ask(chat: Chat, wanted: str = "", *, by: str = "") -> str:
    """Returns the model that answers, as `choice_to_ask` does; a preset can't be chosen for one answer alone."""
    choice = choice_to_ask(chat, wanted, by=by)
    if choice.preset_id not in (None, chat.preset_id):
        raise Invalid(FOR_A_CHAT, field="model")
    return choice.model


def models_to_ask(models: Sequence[str], chat: Chat | None = None, *, by: str = "") -> list[str]:
    """Returns the models that answer a person side by side, if any, by default the chat's owner; refuses those that can't."""
    if not models:
        return []
    if chat and chat.is_group:
        raise Conflict(IN_A_GROUP)
    if chat and chat.visitor_hash:
        raise Conflict("Models answer side by side only for people with an account.")
    if not LEAST_BESIDE <= len(set(models)) == len(models) <= MOST_BESIDE:
        raise Invalid("Choose two to four different models.", field="models")
    for model in models:
        providers().refuse_unless_choosable(model, person=by or (chat.owner_id if chat else None) or "")
    return list(models)


def current_model(chat: Chat) -> str:
    """Returns the model of the chat's preset, else its own.

    If the demo stood in until there was a real one, that is the model that new chats start with.
    """
    preset = preset_of(chat)
    model = (preset.model if preset else "") or chat.model
    has_stepped_aside = model.startswith(DEMO) and not chat.visitor_hash and not the_models().is_demo_allowed()
    return (has_stepped_aside and the_models().default(person=chat.owner_id or "")) or model


def choice_name(person_id: str | None, word: str) -> str:
    """Returns the name that people read for a model or, by its word, a preset."""
    if not (id := id_in(word)):
        return the_models().display_name(word)
    preset = preset_queries.known(person_id, id)
    return preset.name if preset else GONE


def model_named(model: str) -> Model:
    """Returns what is known about a model."""
    known = the_models().choice(model)
    return known or Model(model, the_models().display_name(model), context_length=the_models().known(model).context_length)


def supports(model: Model, ability: str) -> bool | None:
    """Returns whether a model has an ability; None if unknown."""
    if not ability or (ability == "reasoning" and model.efforts):
        return True
    return None if model.abilities is None else ability in model.abilities


def gone_choice(chat: Chat, person: str = "") -> str:
    """Returns the name of what the chat has chosen if it is not there for a person, by default its owner, and others are."""
    person = person or chat.owner_id or ""
    preset, model = preset_of(chat), current_model(chat)
    is_preset_gone = bool(chat.preset_id) and not preset
    is_there = _is_there(chat, model, person, preset) and not is_preset_gone
    if chat.visitor_hash or is_there or not the_models().offered(person):
        return ""
    if is_preset_gone:
        return GONE
    name = the_models().display_name(model)[:80]
    return f"{name}, the model of {preset.name}," if preset and preset.model and person == chat.owner_id else name


def _is_there(chat: Chat, model: str, person: str, preset: KnownPreset | None) -> bool:
    """Returns whether a model can answer a person in a chat; what others have chosen is looked for only if they can't choose."""
    if the_models().is_choosable(model, person):
        return True
    return the_models().is_available(model, person) and model in _given_in(chat, person, preset)


def _given_in(chat: Chat, person: str, preset: KnownPreset | None) -> set[str]:
    """Returns the models that others have chosen for a person in this chat, which they may have without choosing."""
    of_owner = {current_model(chat)} if person != chat.owner_id else set()
    return of_owner | _given(preset, project_of(chat), person)


def _given(preset: KnownPreset | None, project: Project | None, person: str) -> set[str]:
    return {source.model for source in (preset, project) if source and source.owner_id != person}


def _gone(name: str) -> str:
    return f"{name} is no longer available. Choose another model."


def _open(model: str, person: str, *, for_visitor: bool = False) -> str:
    """Returns the model; raises `Invalid` if it can't answer this person."""
    providers().for_model(model, person=person, for_visitor=for_visitor)
    return model


def chosen_by(chat: Chat, model: str, answered_by: str, person: str, models: Sequence[str] = ()) -> tuple[ChosenModel, str]:
    """Returns the choice that becomes the chat's, and the model of this answer alone, if it has one."""
    is_chosen = not models and bool(model or not answered_by)
    choice = choice_to_ask(chat, model, by=person) if is_chosen else choice_in(chat, models)
    answered_by = answered_by and model_to_ask(chat, answered_by, by=person)
    if is_own(choice.model) and choice.model != chat.model and person != chat.owner_id:
        # The chat keeps a model that its owner can use.
        return choice_in(chat), answered_by or choice.model
    return choice, answered_by
