"""/characters: lists, shows, edits, imports and exports characters."""

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import MultipleFileField

from webapp.base import languages
from webapp.base.heavy.turns import YieldingStream
from webapp.base.languages import gettext as _, ngettext
from webapp.characters import exchange, profiles, queries, service, shown
from webapp.characters.forms import CharacterForm
from webapp.characters.personas import service as persona_service
from webapp.characters.tables import Character
from webapp.knowledge import queries as knowledge_queries
from webapp.models.presets import queries as preset_queries
from webapp.people.accounts.guards import audit_author, current_user, found, signed_in, user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.things.views import add_copy_page, add_trash_pages, own, seen
from webapp.tools.named import tools_to_name
from webapp.web.forms import Form
from webapp.web.htmx import done_message, is_htmx, redirect, render
from webapp.web.uploads import expect_picture

bp = Blueprint("characters", __name__, url_prefix="/characters")
cards_bp = Blueprint("cards", __name__, url_prefix="/characters/import")
MOST_BYTES = 64 * 1024 * 1024
# How many tags the list offers, and how many narrow it.
MOST_TAGS = 20
# The name of a field with the choice for one imported character, before its id.
CHOICE = "choice-"


class CardsForm(Form):
    file = MultipleFileField(
        "Card files",
        description="PNG pictures with a card in them, JSON files or CHARX (versions 1 to 3). "
        f"Up to {exchange.MOST_FILES} at once, 64 MB in all.",
    )


@dataclass(frozen=True, slots=True)
class CharacterFilter:
    """What the list of characters is narrowed to, and its order: the query of its URL."""

    words: str = ""
    tags: tuple[str, ...] = ()
    order: str = ""
    is_favorite: bool = False

    @classmethod
    def asked(cls) -> "CharacterFilter":
        order, tags = request.args.get("sort", ""), [tag for tag in request.args.getlist("tag")[:MOST_TAGS] if tag]
        return cls(
            request.args.get("q", "").strip(),
            tuple(dict.fromkeys(tags)),
            order if order in shown.ORDERS else "",
            request.args.get("favorites") == "y",
        )

    @property
    def is_narrow(self) -> bool:
        return bool(self.words or self.tags or self.is_favorite)

    @property
    def nothing(self) -> str:
        """That no character is in the list: a sentence for each combination of what it is narrowed to."""
        count, tags = len(self.tags), languages.current().formats.listed(self.tags)
        values = {"words": self.words, "tags": tags}
        if self.words and self.is_favorite and count:
            return ngettext(
                "No characters match “%(words)s” among your favorites with the tag %(tags)s.",
                "No characters match “%(words)s” among your favorites with the tags %(tags)s.",
                count,
                **values,
            )
        if self.words and count:
            return ngettext(
                "No characters match “%(words)s” with the tag %(tags)s.",
                "No characters match “%(words)s” with the tags %(tags)s.",
                count,
                **values,
            )
        if self.is_favorite and count:
            return ngettext(
                "No characters match among your favorites with the tag %(tags)s.",
                "No characters match among your favorites with the tags %(tags)s.",
                count,
                **values,
            )
        if count:
            return ngettext(
                "No characters match with the tag %(tags)s.", "No characters match with the tags %(tags)s.", count, **values
            )
        if self.is_favorite:
            return (
                _("No characters match “%(words)s” among your favorites.", words=self.words)
                if self.words
                else _("No characters match among your favorites.")
            )
        return _("No characters match “%(words)s”.", words=self.words)

    def url(self, endpoint: str = "characters.index", **values: Any) -> str:
        """Returns the URL of a view with this filter."""
        tags, favorites = list(self.tags), "y" if self.is_favorite else None
        return url_for(endpoint, q=self.words or None, tag=tags, sort=self.order or None, favorites=favorites, **values)

    def with_tag(self, tag: str) -> str:
        """Returns the URL of the list that is narrowed to this tag as well, or no longer."""
        tags = tuple(name for name in self.tags if name != tag) if tag in self.tags else (*self.tags, tag)
        return replace(self, tags=tags).url()

    @property
    def with_favorites(self) -> str:
        return replace(self, is_favorite=not self.is_favorite).url()


@bp.get("")
@signed_in
def index() -> Response:
    me, filter = current_user(), CharacterFilter.asked()
    everybody = queries.briefly(queries.characters(me))
    matching_ids = set(queries.characters(me, words=filter.words)) if filter.words else None
    listed = [
        character
        for character in everybody
        if (matching_ids is None or character.id in matching_ids) and set(filter.tags) <= set(character.tags)
    ]
    characters = shown.characters(listed, me, filter.order)
    return render(
        "characters/_cast.html" if is_htmx() else "characters/list.html",
        characters=[character for character in characters if character.is_favorite or not filter.is_favorite],
        tags=list(dict.fromkeys([*shown.tags_of(everybody)[:MOST_TAGS], *filter.tags])),
        filter=filter,
        orders=shown.ORDERS,
        has_favorites=any(character.is_favorite for character in characters) or filter.is_favorite,
        deleted=profiles.CHARACTERS.in_trash(me, request.args.get("deleted", "")),
    )


@bp.get("/new")
@signed_in
def new() -> Response:
    return _form(CharacterForm.fresh())


@bp.post("")
@signed_in
def create() -> Response:
    form = CharacterForm.opened()
    with form.attempt():
        return _to(service.create(form.entered, picture=form.picture, author=audit_author()).id)
    return _form(form)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    me = current_user()
    return render(
        "characters/show.html",
        character=shown.character(visible_character(id), me),
        personas=queries.SEEN_PERSONAS.all(me),
        chosen=queries.default_persona(me, id),
        kept=queries.persona_with(me, id),
        is_favorite=id in queries.favorites(me),
        star_url=url_for(".star", id=id, page="y"),
        done=done_message(shown.DONE),
    )


@bp.get("/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    character = own_character(id)
    return _form(CharacterForm.for_character(character), character)


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    form, character = CharacterForm.opened(), own_character(id)
    form.merge(CharacterForm.for_character(character))
    with form.attempt():
        service.change(own_character(id), form.entered, picture=form.picture, author=audit_author())
        return _to(id, done="saved")
    return _form(form, own_character(id))


@bp.post("/<id>/star")
@signed_in
def star(id: str) -> Response:
    is_favorite, me = request.form.get("is_favorite") == "y", current_user()
    service.star(visible_character(id), by=me, is_favorite=is_favorite)
    if not is_htmx():
        return _to(id) if request.args.get("page") else redirect(CharacterFilter.asked().url(_anchor=f"card-{id}"))
    character = visible_character(id)
    return render("characters/_star.html", id=id, name=character.name, is_favorite=is_favorite, star_url=request.full_path)


@bp.post("/<id>/persona")
@signed_in
def keep_persona(id: str) -> Response:
    me, persona_id = current_user(), request.form.get("persona", "")
    persona = found(queries.SEEN_PERSONAS.one(me, persona_id)) if persona_id else None
    persona_service.keep_with(visible_character(id).id, persona, by=me)
    return _to(id)


@bp.get("/<id>/export")
@signed_in
def export(id: str) -> Response:
    kind = request.args.get("format", "json")
    return shown.card_file(visible_character(id), found(kind if kind in exchange.MEDIA else None))


@bp.get("/<id>/avatar")
@signed_in
def avatar(id: str) -> Response:
    return shown.picture(queries.avatar(visible_character(id).avatar_id))


@bp.url_value_preprocessor
def allow_a_picture(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and these endpoints only."""
    if endpoint in ("characters.create", "characters.update") and user_or_none():
        expect_picture(profiles.PICTURE_BYTES)


@cards_bp.url_value_preprocessor
def allow_large_files(endpoint: str | None, _values: object) -> None:
    """Raises the limit on the body before the form is parsed, for signed-in users and this endpoint only."""
    if endpoint == "cards.upload" and user_or_none():
        request.max_content_length = MOST_BYTES
        request.environ["wsgi.input"] = YieldingStream(request.environ["wsgi.input"])


@cards_bp.get("")
@signed_in
def choose() -> Response:
    return render("characters/import.html", form=CardsForm.fresh())


@cards_bp.post("")
@signed_in
def upload() -> Response:
    form, result = CardsForm.opened(), None
    with form.attempt():
        files = [(storage.filename, storage.stream) for storage in request.files.getlist("file")]
        result = exchange.import_cards(files, by=current_user())
    return form.shown("characters/import.html", result=result)


@cards_bp.post("/existing")
@signed_in
def decide() -> Response:
    form, decided = CardsForm.opened(), list[exchange.DecidedImport]()
    choices = {name.removeprefix(CHOICE): value for name, value in request.form.items() if name.startswith(CHOICE)}
    with form.attempt():
        decided = exchange.decide(dict(list(choices.items())[: exchange.MOST_FILES]), by=current_user())
    return form.shown("characters/import.html", decided=decided)


def visible_character(id: str) -> Character:
    return seen(profiles.CHARACTERS, id)


def own_character(id: str) -> Character:
    """Returns the character to edit; raises Forbidden for someone who can only see it, with what they can do instead."""
    return own(profiles.CHARACTERS, id)


def _to(id: str, **more: Any) -> Response:
    return redirect(url_for("characters.show", id=id, **more))


def _form(form: CharacterForm, character: Character | None = None) -> Response:
    is_teams = bool(character and not character.owner_id)
    me = current_user()
    return form.among(knowledge_queries.to_choose(me), tools_to_name(me), preset_queries.SEEN_PRESETS.all(me)).shown(
        "characters/form.html",
        character=character,
        face=shown.character_face(character) if character and character.avatar_id else None,
        may_share=not is_teams and may(me, "see people"),
        action=url_for("characters.update", id=character.id) if character else url_for("characters.create"),
    )


add_trash_pages(bp, profiles.CHARACTERS, lambda id: _to(id, done="restored"))
add_copy_page(bp, profiles.CHARACTERS, lambda row: service.duplicate(row, by=current_user()))
