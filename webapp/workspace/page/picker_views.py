"""/models: choosing a preset or a model, and marking favorites.

Presets come first, then favorite and recent models, then all models by connection.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from flask import Blueprint, Response, request, url_for
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from webapp.base.db import db, utc_now
from webapp.base.errors import Invalid
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.chat.messages.forms import choices_in
from webapp.chat.record import queries
from webapp.chat.record.model_choice import choice_in, model_named
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.models.connections import model_marks
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.models import DEMO_GROUP, matching, the_models
from webapp.models.connections.shown import NO_MODEL, abilities, context, exact, price_words
from webapp.models.makers import ORDER, Maker, maker_named
from webapp.models.presets import queries as preset_queries
from webapp.models.presets.choice import choice_of
from webapp.models.providers.base import Model
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.htmx import is_htmx, redirect, render
from webapp.workspace.page.pages import chat_page_url

bp = Blueprint("picker", __name__)
PAGE = 40
# The number of models that fit a menu.
MOST_IN_MENU = 8
# Answers that begin later than this, by the median of at least three in the last half hour, are said to.
SLOW_SECONDS, LEAST_TIMED, MOST_TIMED, RECENTLY = 10, 3, 200, timedelta(minutes=30)
MOST_QUERY_CHARS, MOST_SKIPPED = 100, 100_000


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A row of the list; `group` is its heading if it is the first of a group, and `name_in_group` doesn't repeat that.

    `facts` are what it can do and what it costs in words, `exact` the same in figures.
    """

    id: str
    name: str
    maker: Maker | None
    facts: str
    exact: Sequence[tuple[str, str]]
    is_favorite: bool
    group: str
    name_in_group: str


@dataclass(frozen=True, slots=True)
class ShownPreset:
    """A preset in the list, by the word that chooses it; `state` says why it can't answer."""

    choice: str
    name: str
    mark: Maker
    facts: str
    state: str


@dataclass(frozen=True, slots=True)
class ShownModels:
    """A page of the list, and the offset of the next one; 0 if there is none."""

    rows: tuple[ShownModel, ...]
    next: int


@bp.get("/models")
@signed_in
def index() -> Response:
    query, chat_id = request.args.get("q", "")[:MOST_QUERY_CHARS].strip(), request.args.get("chat", "")
    after = max(0, min(request.args.get("after", 0, type=int), MOST_SKIPPED))
    page = models(model_marks.for_person(current_user().id), query, after, person=current_user().id)
    template = "workspace/page/picker/_models.html" if is_htmx() else "workspace/page/picker/models.html"
    chat = queries.owned_chat(current_user().id, chat_id) if chat_id else None
    has_presets = request.args.get("presets") == "y" and (chat is not None or not chat_id)
    choices = {} if chat_id else _choices(request.args)
    return render(
        template,
        page=page,
        presets=list(_presets(query)) if has_presets and not after else (),
        with_presets=has_presets,
        no_model={} if query or after else NO_MODEL.get(request.args.get("field", ""), {}),
        states=_states(page.rows),
        query=query,
        chat_id=chat_id,
        choices=choices,
        after=after,
        current=choice_in(chat).word if chat else "",
        back_url=chat_page_url(chat_id) if chat_id else url_for("home.show", **choices),
    )


@bp.post("/models/star")
@signed_in
def star() -> Response:
    model, is_favorite = request.form.get("model", ""), request.form.get("is_favorite") == "y"
    if is_favorite and not the_models().is_choosable(model, current_user().id):
        raise Invalid("That model is no longer available.")
    model_marks.star(current_user().id, model, is_favorite=is_favorite)
    chat, query, after = (request.form.get(name) or None for name in ("chat", "q", "after"))
    if not is_htmx():
        return redirect(url_for(".index", chat=chat, q=query, after=after, **_choices(request.form)))
    return render(
        "workspace/page/picker/_star.html",
        model={"id": model, "name": model_named(model).name, "is_favorite": is_favorite},
        chat_id=chat,
        choices={},
        query=query,
    )


def _choices(values: MultiDict[str, str]) -> dict[str, Any]:
    """Returns what was chosen for a new chat besides its model."""
    return {name: chosen for name, chosen in choices_in(values).items() if name not in ("model", "models")}


def models(
    marks: model_marks.Marks, query: str = "", after: int = 0, *, person: str = "", without: Iterable[str] | None = None
) -> ShownModels:
    """Returns the models of this page; with a query, each matching model appears once, and `without` some also without one."""
    every = _listed(marks, query, person)
    every = every if without is None else _each_once(every, without)
    # One more than the page, to know whether there is a next one.
    listed = list(islice(every, after + PAGE + 1))
    rows, before = list[ShownModel](), listed[after - 1][0] if 0 < after <= len(listed) else ""
    for group, model in listed[after : after + PAGE]:
        rows.append(_row(model, marks, group, is_first=group != before))
        before = group
    return ShownModels(tuple(rows), after + PAGE if len(listed) > after + PAGE else 0)


def first_models(marks: model_marks.Marks, person: str) -> list[ShownModel]:
    """Returns the first models of the list without duplicates: favorites, recent ones, then others."""
    return list(models(marks, person=person, without=()).rows[:MOST_IN_MENU])


def _presets(query: str) -> Iterator[ShownPreset]:
    """Yields the person's presets that have all words of the query in their names, descriptions or models."""
    words, me = query.casefold().split(), current_user()
    for row in by_turns(preset_queries.SEEN_PRESETS.all(me)):
        model = the_models().display_name(row.model)
        if all(word in f"{row.name} {row.about} {model}".casefold() for word in words):
            is_gone = bool(row.model) and not the_models().is_available(row.model, me.id)
            yield ShownPreset(
                choice_of(row.id),
                row.name,
                preset_queries.mark_of(row.name, row.icon),
                " · ".join(filter(None, (row.about, model))),
                _("its model is no longer available") if is_gone else "",
            )


def facts(model: Model, server: LiveConnection | None) -> str:
    """Summarizes what a model can do, how much it reads and what it costs, as far as its server reports them."""
    reads = [_("%(num)s context", num=context(model.context_length))] if model.context_length else []
    whose = _("yours") if server and server.owner_id else ""
    return " · ".join(filter(None, [whose, *abilities(model), *reads, price_words(model, server)]))


def _listed(marks: model_marks.Marks, query: str, person: str) -> Iterator[tuple[str, Model]]:
    offered = the_models().offered(person)
    if not query:
        by_id = {model.id: model for model in offered}
        yield from ((_("Favorites"), by_id[id]) for id in marks.favorites if id in by_id)
        yield from ((_("Recent"), by_id[id]) for id in marks.recent if id in by_id)
    # Makers divide a long list; above a few models, the connection says more.
    group = the_models().group if len(offered) > MOST_IN_MENU else the_models().connection_name
    grouped = [(group(model.id), model) for model in by_turns(matching(offered, query))]
    yield from sorted(grouped, key=_rank)


def _each_once(listed: Iterable[tuple[str, Model]], without: Iterable[str]) -> Iterator[tuple[str, Model]]:
    seen = set(without)
    for group, model in listed:
        if model.id not in seen:
            seen.add(model.id)
            yield group, model


def _rank(row: tuple[str, Model]) -> tuple[bool, int, str]:
    """Puts servers of one's own first, then makers, those people look for most before the others by name; the demo is last."""
    group, model = row
    if group != model.maker:
        return group == DEMO_GROUP, -1, ""
    return False, ORDER.get(group, len(ORDER)), group.lower()


def _row(model: Model, marks: model_marks.Marks, group: str, *, is_first: bool) -> ShownModel:
    server = the_connections().of_model(model.id)
    own = model.name.removeprefix(f"{group}: ").removesuffix(f" · {group}")
    return ShownModel(
        id=model.id,
        name=model.name,
        maker=maker_named(model.maker),
        facts=facts(model, server),
        exact=exact(model, server),
        is_favorite=model.id in marks.favorites,
        group=group if is_first else "",
        name_in_group=own if own == model.name else own[:1].upper() + own[1:],
    )


def _states(rows: Sequence[ShownModel]) -> dict[str, str]:
    """Returns why models might not answer soon, by their ids; empty for those that should."""
    waits = _waits()
    return {row.id: _state(row.id, waits) for row in rows}


def _state(model: str, waits: Mapping[str, float]) -> str:
    if pause := the_engine().circuits.pause(model):
        return _("paused for %(num)s s after errors", num=max(1, round(pause.seconds)))
    seconds = waits.get(model, 0)
    return _("slow now: answers start after about %(num)s s", num=round(seconds)) if seconds >= SLOW_SECONDS else ""


def _waits() -> dict[str, float]:
    """Returns how long each model's recent answers took to begin, in the median."""
    one = Generation
    recent = select(one.model_asked, one.created_at, one.first_text_at).where(
        one.created_at > utc_now() - RECENTLY, one.first_text_at.is_not(None)
    )
    seconds = defaultdict[str, list[float]](list)
    for row in db.session.execute(recent.order_by(one.created_at.desc()).limit(MOST_TIMED)):
        seconds[row.model_asked].append((row.first_text_at - row.created_at).total_seconds())
    # The lower one of the two in the middle; `statistics` would take a megabyte of modules.
    return {model: sorted(times)[(len(times) - 1) // 2] for model, times in seconds.items() if len(times) >= LEAST_TIMED}
