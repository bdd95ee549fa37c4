"""The pages of what a link shows of an answer besides its text, and of links that are closed."""

import time
from dataclasses import dataclass
from math import ceil
from typing import Any

from flask import Response, make_response, render_template, url_for

from webapp.base.current import BUCKETS, PerApp
from webapp.base.errors import TooMany
from webapp.base.throttle import Throttle, network
from webapp.people.accounts.guards import client_address
from webapp.rendering.previews import PreviewSource, link_kind
from webapp.workspace.links.service import OpenLink
from webapp.workspace.previews import frame_views, shown
from webapp.workspace.previews.shown import PreviewRequest

# Addresses that open nothing, by network; a token can't be guessed, and a right one is never refused.
UNKNOWN = PerApp(lambda: Throttle(burst=30, seconds=2.0, now=time.monotonic, name="links"))
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        # Of drawings, whose own frames have another policy.
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# Of a page with a preview: a form runs its scripts.
PREVIEW_POLICY = POLICY.replace("form-action 'none'", "form-action 'self'")
# Of a drawing in a message: only the frame that draws it, and only on our page.
DRAWING_POLICY = POLICY.replace("script-src 'self'", "script-src 'none'").replace("ancestors 'none'", "ancestors 'self'")
HEADERS = {
    "Content-Security-Policy": POLICY,
    # The address of the page is what opens it: the sites that it leads to don't learn it.
    "Referrer-Policy": "no-referrer",
    # What is kept is asked for again each time, so that a page whose link was revoked isn't shown again.
    "Cache-Control": "private, no-cache",
}


@dataclass(frozen=True, slots=True)
class SharedBlock:
    """What has a preview in a message, and is shown by a link: alone or, with a place and a number, as part of a message there.

    Its pages have the same names in both blueprints.
    """

    link: OpenLink
    token: str
    source: PreviewSource
    place: int | None = None
    number: int | None = None

    @property
    def ticketed(self) -> list[str | int]:
        """What a ticket for its frame is for."""
        return [self.token] if self.place is None or self.number is None else [self.token, self.place, self.number]

    def url(self, page: str, **values: Any) -> str:
        return url_for(page, token=self.token, place=self.place, number=self.number, **values)

    def frame_url(self, asked: PreviewRequest, kind: str) -> str:
        return self.url(".frame", **frame_views.address_values(self.ticketed, asked, kind))


def preview_page(block: SharedBlock | None, *, is_run: bool = False) -> Response:
    """Returns the page of a block in the view that is asked for."""
    if not block:
        return closed()
    asked = shown.requested(is_run=is_run)
    preview = shown.preview(block.source, asked.view)
    asked = PreviewRequest(asked.number, preview.view, asked.is_run)
    page = render_template(
        "workspace/links/preview.html",
        link=block.link,
        token=block.token,
        heading=(block.link.title if block.place is None else "") or preview.title,
        chat_url="" if block.place is None else url_for("shared.show", token=block.token, _anchor=f"m{block.place}"),
        preview=preview,
        plot_sizes=shown.plot_sizes(block.source) if preview.view == shown.PLOT else None,
        height=link_kind(preview.kind, block.source.content) if preview.is_framed else None,
        view_urls={view: block.url(".show", view=view) for view in preview.views},
        frame_url=block.frame_url(asked, preview.kind),
        run_url=block.url(".run") if preview.can_run and not asked.is_run else "",
        file_url=block.url(".save", view=shown.PLOT if asked.view == shown.PLOT else None),
    )
    # With `no-referrer`, browsers would not say where its form comes from.
    headers = HEADERS | {"Content-Security-Policy": PREVIEW_POLICY, "Referrer-Policy": "same-origin"}
    return make_response(page, headers)


def frame(block: SharedBlock | None) -> Response:
    """Returns what the frame of a block holds, for its ticket."""
    asked = shown.framed()
    if not block:
        return closed()
    return frame_views.refusal(block.ticketed, asked, block.url(".show")) or frame_views.response(block.source, asked)


def file(block: SharedBlock | None) -> Response:
    """Returns a block as a file."""
    return shown.file(block.source, shown.requested(is_run=False).view) if block else closed()


def drawing(block: SharedBlock | None) -> Response:
    """Returns the page in the frame of a message: the page of the messages is the same for all, this one has a ticket."""
    if not block:
        return closed()
    preview = shown.preview(block.source, shown.DRAWN)
    asked = PreviewRequest(shown.requested(is_run=False).number, preview.view)
    frame_url = f"{block.frame_url(asked, preview.kind)}&fit"
    page = render_template("workspace/links/drawing.html", preview=preview, frame_url=frame_url)
    return make_response(page, HEADERS | {"Content-Security-Policy": DRAWING_POLICY, "X-Frame-Options": "SAMEORIGIN"})


def closed() -> Response:
    """Answers the same for a link that is unknown, has ended or was revoked."""
    if wait_seconds := ceil(UNKNOWN.get().take(network(client_address()), BUCKETS.get())):
        raise TooMany("Too many addresses that lead nowhere. Please wait.", retry_after=wait_seconds)
    return make_response(render_template("workspace/links/closed.html"), 404, HEADERS)


def unlisted(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response
