"""View models of characters and personas for pages."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from flask import Response, request, url_for
from markupsafe import Markup

from webapp.base.db import db
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.characters import exchange, profiles, queries
from webapp.characters.cards.card_fields import preset_in, tools_in
from webapp.characters.cards.card_files import Version
from webapp.characters.cards.cards import group_greetings, notes_of, other_greetings
from webapp.characters.last_chats import LastChat, last_chats
from webapp.characters.lore.entries import LoreEntry
from webapp.characters.macros.macros import Names
from webapp.characters.prompt_parts import lore_of, names_of
from webapp.characters.scripts.card_scripts import listed_in, scripts_of
from webapp.characters.tables import Avatar, Character, CharacterPicture, Persona
from webapp.characters.text_scripts import TextScript, applied, named
from webapp.engine.watching.single_flight import SingleFlight
from webapp.knowledge import queries as knowledge_queries
from webapp.models.presets.queries import KnownPreset, known
from webapp.people.accounts.guards import found
from webapp.people.accounts.tables import User
from webapp.people.things.thing import decides
from webapp.rendering import markdown
from webapp.rendering.footnotes import scoped
from webapp.rendering.text import plain
from webapp.tools.named import NamedTools, named_tools
from webapp.web.downloads import download, file_name, written

COLOURS = 8
# How many text scripts a page lists.
MOST_SCRIPTS = 100
# The time limit for the scripts that change a greeting.
SCRIPT_SECONDS = 0.05
LINE_CHARS = 180
ORDERS = {"": "Name", "chat": "Last chat", "new": "Newest"}
# Notes of creators often have HTML, for websites that show cards.
HTML_TAG = re.compile(r"<(style|script)\b.*?</\1\s*>|<[^<>]{1,300}>", re.DOTALL | re.IGNORECASE)
DONE = {"saved": "Saved.", "copied": "This is your own copy. Change it as you like.", "restored": "Restored."}
# A greeting of a hundred thousand characters takes seconds to render.
_long_greetings = SingleFlight[str](len, most=64, seconds=3600.0)
# What is sent as it is, also where a small picture is enough.
LIGHT_BYTES = 6_000
_faces = SingleFlight[bytes](len, most=512, seconds=86_400.0)
# Pictures can be cached as immutable, because another picture gets another URL.
PICTURE_CACHED = "private, max-age=604800, immutable"


class Image(NamedTuple):
    """A stored picture: its media type and its bytes."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Face:
    """A name with its picture or, without one, its first letter on a colour derived from the name."""

    name: str
    url: str = ""

    @property
    def letter(self) -> str:
        return next((sign for sign in self.name if sign.isalnum()), "?")

    @property
    def colour(self) -> int:
        return sum(self.name.encode()) % COLOURS


@dataclass(frozen=True, slots=True)
class ListedProfile:
    """A character or a persona in a list."""

    id: str
    face: Face
    line: str
    tags: Sequence[str] = ()
    is_teams: bool = False
    is_own: bool = False
    is_default: bool = False
    is_favorite: bool = False
    last_chat: LastChat | None = None


@dataclass(frozen=True, slots=True)
class ShownCharacter:
    """A character on its page: its texts as they are sent to the model, and its greeting as a chat would show it.

    `knows` has the id and name of each of its collections that the viewer can see. `notes` are the creator's, for people.
    """

    id: str
    name: str
    face: Face
    tags: Sequence[str]
    notes: str
    creator: str
    parts: Sequence[tuple[str, str]]
    greeting: Markup
    other_greetings: Sequence[str]
    group_greetings: Sequence[str]
    knows: Sequence[tuple[str, str]]
    tools: NamedTools
    # The one of its new chats, if the viewer can use it.
    preset: KnownPreset | None
    lore: Sequence[LoreEntry]
    # Each with its index in the card.
    scripts: Sequence[tuple[int, TextScript]]
    more_scripts: int
    whose: str
    may_change: bool


def faces(user: User, ids: Iterable[str]) -> dict[str, Face]:
    """Returns the faces of those of these characters that the person can see."""
    return {character.id: character_face(character) for character in queries.named(user, sorted(set(ids)))}


def character_face(character: Character | queries.CharacterName | queries.CharacterSummary) -> Face:
    return Face(character.name, _url("characters.avatar", character))


def persona_face(persona: Persona) -> Face:
    return Face(persona.name, _url("personas.avatar", persona))


def characters(rows: Sequence[queries.CharacterSummary], user: User, order: str = "") -> list[ListedProfile]:
    """Returns the characters as their list shows them: favorites first, else in the order of `ORDERS` that is named."""
    persona, favorites, last = queries.default_persona(user), queries.favorites(user), last_chats(user)
    listed = [
        ListedProfile(
            row.id,
            character_face(row),
            _line(row.beginning, names_of(row, persona, user)),
            row.tags,
            is_teams=not row.owner_id,
            is_own=row.owner_id == user.id,
            is_favorite=row.id in favorites,
            last_chat=last.get(row.id),
        )
        for row in by_turns(rows)
    ]
    if order == "new":
        listed.sort(key=lambda character: character.id, reverse=True)
    elif order == "chat":
        listed.sort(key=lambda character: character.last_chat.at.timestamp() if character.last_chat else 0, reverse=True)
    return sorted(listed, key=lambda character: not character.is_favorite)


def personas(rows: Sequence[Persona], user: User) -> list[ListedProfile]:
    return [
        ListedProfile(
            row.id,
            persona_face(row),
            _line(row.description, Names(user=row.name)),
            is_teams=not row.owner_id,
            is_own=row.owner_id == user.id,
            is_default=row.is_default,
        )
        for row in by_turns(rows)
    ]


def character(row: Character, user: User) -> ShownCharacter:
    names = names_of(row, queries.default_persona(user, row.id), user)
    # One budget for all of the page, whose greetings can be many.
    fill = names.together()
    texts = (
        (_("Character"), row.description),
        (_("System prompt"), row.system_prompt),
        (_("Post-history instructions"), row.post_history_prompt),
    )
    notes, creator = notes_of(row.card)
    listed = listed_in(row.card)
    greeting = _scripted(row, fill(row.greeting), names)
    shown_character = ShownCharacter(
        row.id,
        row.name,
        character_face(row),
        row.tags,
        fill(notes),
        creator,
        [(title, fill(text)) for title, text in texts if text],
        Markup(),
        [fill(text) for text in by_turns(other_greetings(row.card))],
        [fill(text) for text in by_turns(group_greetings(row.card))],
        [(collection.id, collection.name) for collection in knowledge_queries.collections_among(user, row.collection_ids)]
        if row.collection_ids
        else [],
        named_tools(user, tools_in(row.card)),
        known(user.id, preset_in(row.card)),
        lore_of(row).book.entries,
        listed[:MOST_SCRIPTS],
        len(listed[MOST_SCRIPTS:]),
        _whose(row, user),
        decides(row, user),
    )
    return replace(shown_character, greeting=_rendered(greeting))


def tags_of(rows: Sequence[queries.CharacterSummary]) -> list[str]:
    """Returns the tags of these characters, the most common first."""
    counts = Counter(tag for row in rows for tag in row.tags)
    return sorted(counts, key=lambda tag: (-counts[tag], tag))


def picture(avatar: Avatar | CharacterPicture | None) -> Response:
    """Serves a picture with the media type that was detected from its bytes."""
    if isinstance(avatar, Avatar) and request.args.get("size") == "small":
        image = _small(avatar)
    else:
        image = found(Image(avatar.media_type, avatar.content) if avatar else None)
    response = written(image.content, image.media_type)
    response.headers["Cache-Control"] = PICTURE_CACHED
    return response


def _small(avatar: Avatar) -> Image:
    id, whole = avatar.id, Image(avatar.media_type, avatar.content)
    # Holds no connection while it waits for a child process.
    db.session.rollback()
    try:
        face = _faces.get((id,), lambda: profiles.face(whole.content)) if len(whole.content) > LIGHT_BYTES else b""
    except Unavailable:
        return whole
    return Image("image/webp", face) if face else whole


def card_file(character: Character, kind: exchange.Kind, version: Version | None = None) -> Response:
    """Serves the character as a file for other programs."""
    name = file_name(character.name, kind, otherwise="character")
    return download(exchange.file_of(character, kind, version), name, exchange.MEDIA[kind])


def _url(endpoint: str, whose: Character | queries.CharacterName | queries.CharacterSummary | Persona) -> str:
    return url_for(endpoint, id=whose.id, v=whose.avatar_id) if whose.avatar_id else ""


def _whose(row: Character, user: User) -> str:
    if not row.owner_id:
        return _("Team")
    if row.owner_id != user.id:
        return _("Shared with you")
    return _("Yours, shared with the team") if queries.is_shared(row) else _("Private")


def _scripted(row: Character, text: str, names: Names) -> str:
    """Returns the greeting as the character's text scripts change it in a new chat."""
    fitting = [script for script in scripts_of(row.id, row.changed_at).shown if script.fits("assistant", 0)]
    until = time.thread_time() + SCRIPT_SECONDS
    return applied(named(fitting, names), text, lambda: time.thread_time() > until) if fitting else text


def _rendered(text: str) -> Markup:
    """Renders a greeting as HTML; a long one, as macros can make it, once, in a real thread, so that other greenlets can run."""
    if len(text) <= markdown.PIECE_CHARS:
        return Markup(scoped(markdown.render(text), ""))
    # Releases the database connection while the text is rendered, here or for another page.
    db.session.rollback()
    key = (sha256(text.encode("utf-8", "replace")).digest(),)
    return Markup(_long_greetings.get(key, lambda: scoped(offload(markdown.render, text), "")))


def _line(text: str, names: Names) -> str:
    """Returns the first words of a text; limits the text before and after names are filled in, to bound the work."""
    text = HTML_TAG.sub(" ", text[: queries.BEGINNING_CHARS])
    words = " ".join(plain(names.fill(text)[: queries.BEGINNING_CHARS]).split())
    return words if len(words) <= LINE_CHARS else words[:LINE_CHARS].rpartition(" ")[0].rstrip(",;:–—-. ") + "…"
