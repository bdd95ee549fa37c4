"""The page of a preview, of a message or of a text beside its chat, and what the panel shows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import user_or_none
from webapp.rendering.previews import PreviewSource
from webapp.web.htmx import is_htmx, render
from webapp.workspace.previews import frame_views, shown
from webapp.workspace.previews.shown import ArtifactHead, ArtifactView, PreviewRequest

# A form of the panel fills the panel, and isn't another page.
IN_PANEL = {"hx-boost": "true", "hx-target": "#panel", "hx-swap": "innerMorph", "hx-push-url": "false"}

# The views that aren't the first ones of their kinds.
IN_ADDRESS = (shown.SOURCE, shown.TABLE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a preview is: the blueprint of its pages, what their addresses have, and the page that it is from."""

    blueprint: str
    values: dict[str, Any]
    back_url: str
    back_words: str

    def url(self, page: str, **values: Any) -> str:
        return url_for(f"{self.blueprint}.{page}", **self.values, **values)

    @property
    def ticket(self) -> list[Any]:
        """What a ticket for a frame is for, besides the number of the block."""
        return [*self.values.values()]


def stays() -> dict[str, str]:
    """Returns the attributes by which a form stays in the panel, if it is there."""
    return IN_PANEL if is_htmx() else {}


def frame_values(entry: PreviewSource, asked: PreviewRequest, place: Place) -> dict[str, Any]:
    """Returns the addresses of the frame and of the form that runs its scripts, as far as there is one."""
    can_run = entry.kind == "html" and asked.view == shown.DRAWN and not asked.is_run
    values = frame_views.address_values(place.ticket, asked, entry.kind, user_or_none())
    return {"frame_url": place.url("frame", **values), "run_url": place.url("run", block=asked.number) if can_run else ""}


def preview_page(
    entry: PreviewSource,
    asked: PreviewRequest,
    place: Place,
    *,
    steps: Mapping[str, str | int],
    edit: ArtifactView | None = None,
    publish_url: str = "",
    edited_url: str = "",
    origin: str = "",
) -> Response:
    preview = shown.preview(entry, asked.view)
    asked, block = replace(asked, view=preview.view), asked.number
    urls = {view: place.url("show", block=block, view=view) for view in preview.views}
    views = [ArtifactView(preview.views[view], url, view == asked.view) for view, url in urls.items()]
    views += [edit] if edit and preview.kind else []
    file_url = place.url("save", block=block, view=shown.PLOT if asked.view == shown.PLOT else None)
    files = [(_("Download"), file_url)] if preview.kind else []
    return render(
        "workspace/previews/_preview.html" if is_htmx() else "workspace/previews/preview.html",
        preview=preview,
        head=ArtifactHead(preview.title, views, steps, files, publish_url if preview.kind else "", origin),
        page_url=place.url("show", block=block, view=asked.view if edited_url or asked.view in IN_ADDRESS else None),
        edited_url=edited_url,
        place=place,
        in_panel=is_htmx(),
        stays=stays(),
        **frame_values(entry, asked, place),
    )
