"""/admin/audit: the log of changes to people, keys and settings, with actor and address."""

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.audit import AuditEntry
from webapp.people import audit_words
from webapp.people.accounts import directory, queries
from webapp.people.accounts.guards import admin_only
from webapp.web.downloads import csv_download
from webapp.web.htmx import render
from webapp.web.pagination import cut
from webapp.web.pick_field import MOST_SHOWN

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")
PAGE = 50
MOST_EXPORTED = 20_000
HEAD = ("when (UTC)", "who", "address", "what", "kind", "id", "detail", "result")


@bp.get("")
@admin_only
def index() -> Response:
    choice = _chosen()
    page = cut(list(queries.audit_entries(**choice, before=request.args.get("before", ""), limit=PAGE + 1)), PAGE)
    return render(
        "people/audit.html",
        entries=[(entry, audit_words.words_of(entry)) for entry in page.rows],
        chosen=choice,
        people=directory.addresses(choice["person"], MOST_SHOWN),
        actions=audit_words.actions_by_label(queries.audit_actions()),
        next_url=_address("audit.index", **choice, before=page.next_cursor) if page.next_cursor else "",
        export_url=_address("audit.export", **choice),
    )


@bp.get("/export.csv")
@admin_only
def export() -> Response:
    rows = queries.audit_entries(**_chosen(), limit=MOST_EXPORTED)
    return csv_download(HEAD, _cells(rows), "millrace-audit.csv")


def _chosen() -> dict[str, str]:
    return {name: request.args.get(name, "").strip() for name in ("person", "action")}


def _address(endpoint: str, **chosen: Any) -> str:
    """Returns the URL of the list or its export with the chosen filters."""
    return url_for(endpoint, **{name: value for name, value in chosen.items() if value})


def _cells(entries: Iterable[AuditEntry]) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        when = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        what = entry.action, entry.object_kind, entry.object_id, entry.detail
        yield when, entry.actor, entry.address, *what, "refused" if entry.is_refused else "done"
