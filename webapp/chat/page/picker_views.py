"""/models: choosing a model and marking favorites, in a list with favorites and recent ones first, then all by connection."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Invalid
from webapp.base.heavy.turns import by_turns
from webapp.chat.page.pages import chat_page_url
from webapp.chat.record import queries
from webapp.chat.record.model_choice import model_named
from webapp.models.connections import model_marks
from webapp.models.connections.models import matching, providers
from webapp.models.connections.shown import price
from webapp.models.providers.base import Model
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.filters import number
from webapp.web.htmx import is_htmx, redirect, render

bp = Blueprint("picker", __name__)
PAGE = 40
# The number of models that fit a menu.
MOST_IN_MENU = 8
WORDS = {"vision": "vision", "tools": "tools", "reasoning": "reasoning", "json": "JSON"}
MOST_QUERY_CHARS, MOST_SKIPPED = 100, 100_000


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A row of the list; `group` is its heading if it is the first of a group, and `name_in_group` doesn't repeat that."""

    id: str
    name: str
    facts: str
    is_favorite: bool
    group: str
    name_in_group: str


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
    page = models(model_marks.for_person(current_user().id), query, after)
    template = "chat/page/picker/_models.html" if is_htmx() else "chat/page/picker/models.html"
    chat = queries.owned_chat(current_user().id, chat_id) if chat_id else None
    return render(
        template,
        page=page,
        query=query,
        chat_id=chat_id,
        after=after,
        current=chat.model if chat else "",
        back_url=chat_page_url(chat_id) if chat_id else "/",
    )


@bp.post("/models/star")
@signed_in
def star() -> Response:
    model, is_favorite = request.form.get("model", ""), request.form.get("is_favorite") == "y"
    if is_favorite and not providers().is_choosable(model):
        raise Invalid("That model is no longer available.")
    model_marks.star(current_user().id, model, is_favorite=is_favorite)
    chat, query, after = (request.form.get(name) or None for name in ("chat", "q", "after"))
    if not is_htmx():
        return redirect(url_for(".index", chat=chat, q=query, after=after))
    return render(
        "chat/page/picker/_star.html",
        model={"id": model, "name": model_named(model).name, "is_favorite": is_favorite},
        chat_id=chat,
        query=query,
    )


def models(marks: model_marks.Marks, query: str = "", after: int = 0) -> ShownModels:
    """Returns the models of this page; with a query, each matching model appears once."""
    # One more than the page, to know whether there is a next one.
    listed = list(islice(_listed(marks, query), after + PAGE + 1))
    rows, before = list[ShownModel](), listed[after - 1][0] if 0 < after <= len(listed) else ""
    for group, model in listed[after : after + PAGE]:
        rows.append(_row(model, marks, group, is_first=group != before))
        before = group
    return ShownModels(tuple(rows), after + PAGE if len(listed) > after + PAGE else 0)


def first_models(marks: model_marks.Marks) -> list[ShownModel]:
    """Returns the first models of the list without duplicates: favorites, recent ones, then others."""
    return list({row.id: row for row in models(marks).rows}.values())[:MOST_IN_MENU]


def facts(model: Model) -> str:
    """Summarizes a model's price, context length and abilities, as far as its provider reports them."""
    costs = (price(model.prompt_price), price(model.completion_price))
    facts = [f"{costs[0]} / {costs[1]}" if any(cost != "free" for cost in costs) else "free"] if all(costs) else []
    facts += [f"{_short(model.context_length)} context"] if model.context_length else []
    can = set(model.abilities or ()) | ({"reasoning"} if model.efforts else set())
    return " · ".join([*facts, *(word for ability, word in WORDS.items() if ability in can)])


def _listed(marks: model_marks.Marks, query: str) -> Iterator[tuple[str, Model]]:
    catalogue = providers()
    offered, names = catalogue.offered(), {connection.slug: connection.name for connection in catalogue.connections()}
    if not query:
        by_id = {model.id: model for model in offered}
        yield from (("Favorites", by_id[id]) for id in marks.favorites if id in by_id)
        yield from (("Recent", by_id[id]) for id in marks.recent if id in by_id)
    for model in by_turns(matching(offered, query)):
        yield names.get(catalogue.connection_of(model.id), "Demo"), model


def _row(model: Model, marks: model_marks.Marks, group: str, *, is_first: bool) -> ShownModel:
    own = model.name.removeprefix(f"{group}: ")
    short = own if own == model.name else own[:1].upper() + own[1:]
    return ShownModel(model.id, model.name, facts(model), model.id in marks.favorites, group if is_first else "", short)


def _short(tokens: int) -> str:
    if tokens < 1000:
        return number(tokens)
    return f"{round(tokens / 1000)}K" if tokens < 1_000_000 else f"{tokens / 1_000_000:.3g}M"
