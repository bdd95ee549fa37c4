"""Presets as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from webapp.base.languages import gettext as _, ngettext
from webapp.chat.prompt.section_order import MOVABLE
from webapp.knowledge import queries as knowledge_queries
from webapp.models.connections.models import the_models
from webapp.models.makers import Maker
from webapp.models.presets import queries
from webapp.models.presets.choice import choice_of
from webapp.models.presets.tables import Preset
from webapp.people.accounts.tables import User
from webapp.tools.named import named_tools
from webapp.workspace.presets.service import OF_PRESETS, TEXTS

DONE = {
    "saved": "Saved. Chats use it from the next answer.",
    "copied": "This is your own copy. Change it as you like.",
    "restored": "Restored.",
    "default": "New chats now start with this preset.",
    "no_default": "New chats now start with a model again.",
}


@dataclass(frozen=True, slots=True)
class ListedPreset:
    """A preset in a list; `trouble` says why it can't answer."""

    id: str
    name: str
    mark: Maker
    about: str
    model: str
    trouble: str
    is_shared: bool
    is_default: bool


def listed(rows: Sequence[Preset], me: User) -> list[ListedPreset]:
    """Returns presets as their list shows them."""
    shared = queries.SEEN_PRESETS.shared_among([row.id for row in rows])
    return [
        ListedPreset(
            row.id,
            row.name,
            queries.mark_of(row.name, row.icon),
            row.about,
            the_models().display_name(row.model),
            trouble(row, me),
            row.id in shared,
            row.id == me.default_preset_id,
        )
        for row in rows
    ]


def trouble(row: Preset, me: User) -> str:
    """Returns why a preset can't answer this person; empty if it can."""
    is_gone = bool(row.model) and not the_models().is_available(row.model, me.id)
    return "Its model is no longer available." if is_gone else ""


def page(row: Preset, me: User) -> dict[str, Any]:
    """Returns what the page of a preset shows besides its name."""
    tools = named_tools(me, row.tools)
    collections = knowledge_queries.collections_among(me, row.collection_ids) if row.collection_ids else ()
    hidden = len(row.collection_ids) - len(collections)
    return {
        "preset": row,
        "mark": queries.mark_of(row.name, row.icon),
        "model_name": the_models().display_name(row.model),
        "trouble": trouble(row, me),
        "prompts": [(_(OF_PRESETS[name].label), row.settings[name]) for name in TEXTS if row.settings.get(name)],
        "parameters": [(_(field.label), _words(row, name)) for name, field in OF_PRESETS.items() if _words(row, name)],
        "collections": collections,
        "tools": tools.usable,
        "left_out": _left_out(hidden, len(tools.others)),
        "sections": [_(MOVABLE[name][0]) for name in row.section_order if name in MOVABLE],
        "begin_url": url_for("home.show", model=choice_of(row.id)),
        "is_default": row.id == me.default_preset_id,
        "is_own": row.owner_id == me.id,
    }


def _left_out(collections: int, tools: int) -> str:
    if collections and tools:
        counts = {
            "collections": ngettext("%(num)s collection", "%(num)s collections", collections),
            "tools": ngettext("%(num)s tool", "%(num)s tools", tools),
        }
        return _("%(collections)s and %(tools)s that you can't use are left out.", **counts)
    if collections:
        return ngettext(
            "%(num)s collection that you can't use is left out.",
            "%(num)s collections that you can't use are left out.",
            collections,
        )
    if tools:
        return ngettext("%(num)s tool that you can't use is left out.", "%(num)s tools that you can't use are left out.", tools)
    return ""


def _words(row: Preset, name: str) -> str:
    """Returns the value of a parameter as people read it; empty for a text, and without one."""
    field, value = OF_PRESETS[name], row.settings.get(name)
    if name in TEXTS or value in (None, ""):
        return ""
    if field.choices:
        return _(str(field.choices.get(value, value)))
    return ", ".join(filter(None, map(str.strip, value.splitlines()))) if isinstance(value, str) else f"{value:g}"
