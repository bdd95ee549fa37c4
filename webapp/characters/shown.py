"""Characters and personas as pages show them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask import Response, url_for
from markupsafe import Markup

from webapp.accounts.tables import User
from webapp.characters import queries
from webapp.characters.macros import Names
from webapp.characters.queries import Named
from webapp.characters.tables import Avatar, Character, Persona
from webapp.rendering import markdown
from webapp.rendering.text import plain
from webapp.web.guards import found

COLOURS = 8
LINE_CHARS = 180
DONE = {"saved": "Saved.", "copied": "This copy is yours: change it as you like.", "restored": "It is back."}
# The address of a picture changes with it.
PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=604800, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
}


@dataclass(frozen=True, slots=True)
class Face:
    """A name with its picture or, without one, its first letter on a colour of its own."""

    name: str
    url: str = ""

    @property
    def letter(self) -> str:
        return next((each for each in self.name if each.isalnum()), "?")

    @property
    def colour(self) -> int:
        return sum(self.name.encode()) % COLOURS


@dataclass(frozen=True, slots=True)
class Listed:
    """A character or a persona in a list."""

    id: str
    face: Face
    line: str
    tags: Sequence[str] = ()
    is_teams: bool = False
    is_own: bool = False
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class ShownCharacter:
    """A character on its page; its texts as they are sent, and its greeting as a chat would show it."""

    id: str
    name: str
    face: Face
    tags: Sequence[str]
    parts: Sequence[tuple[str, str]]
    greeting: Markup
    whose: str
    may_change: bool


def faces(user: User, ids: Iterable[str]) -> dict[str, Face]:
    """The faces of those of the characters that the person may see."""
    return {each.id: character_face(each) for each in queries.named(user, sorted(set(ids)))}


def character_face(character: Character | Named) -> Face:
    return Face(character.name, _url("characters.avatar", character))


def persona_face(persona: Persona) -> Face:
    return Face(persona.name, _url("personas.avatar", persona))


def characters(rows: Sequence[Character], user: User) -> list[Listed]:
    persona = queries.default_persona(user)
    return [
        Listed(
            each.id,
            character_face(each),
            _line(queries.names_of(each, persona, user).fill(each.description or each.greeting)),
            each.tags,
            is_teams=not each.owner_id,
            is_own=each.owner_id == user.id,
        )
        for each in rows
    ]


def personas(rows: Sequence[Persona], user: User) -> list[Listed]:
    return [
        Listed(
            each.id,
            persona_face(each),
            _line(Names(user=each.name).fill(each.description)),
            is_teams=not each.user_id,
            is_own=each.user_id == user.id,
            is_default=each.is_default,
        )
        for each in rows
    ]


def character(row: Character, user: User) -> ShownCharacter:
    names = queries.names_of(row, queries.default_persona(user), user)
    texts = (
        ("Character", row.description),
        ("System prompt", row.system_prompt),
        ("After the history", row.post_history_prompt),
    )
    return ShownCharacter(
        row.id,
        row.name,
        character_face(row),
        row.tags,
        [(title, names.fill(text)) for title, text in texts if text],
        Markup(markdown.render(names.fill(row.greeting))),
        _whose(row, user),
        queries.may_change(row, user),
    )


def tags_of(rows: Sequence[Character]) -> list[str]:
    """The tags of these characters, the commonest first."""
    counts = Counter(tag for each in rows for tag in each.tags)
    return sorted(counts, key=lambda tag: (-counts[tag], tag))


def picture(avatar: Avatar | None) -> Response:
    """The bytes of a picture, as what they were found to be and nothing else."""
    shown = found(avatar)
    return Response(shown.content, mimetype=shown.media_type, headers=PICTURE_HEADERS)


def _url(endpoint: str, whose: Character | Named | Persona) -> str:
    return url_for(endpoint, id=whose.id, v=whose.avatar_id) if whose.avatar_id else ""


def _whose(row: Character, user: User) -> str:
    if not row.owner_id:
        return "The team's"
    if row.owner_id != user.id:
        return "Shared with you"
    return "Yours, and everybody in the team may chat with it" if queries.is_shared(row) else "Yours alone"


def _line(text: str) -> str:
    words = " ".join(plain(text[: 4 * LINE_CHARS]).split())
    return words if len(words) <= LINE_CHARS else words[:LINE_CHARS].rpartition(" ")[0].rstrip(",;:–—-. ") + "…"
