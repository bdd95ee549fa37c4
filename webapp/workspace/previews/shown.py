"""What the page of a preview shows: its title, the views of it, its source, and the file that it is saved as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import Response, request
from markupsafe import Markup

from webapp.base import languages
from webapp.base.languages import gettext as _
from webapp.base.words import fence_for
from webapp.chat.messages import renderings
from webapp.people.accounts.guards import found
from webapp.rendering import plots
from webapp.rendering.footnotes import scoped
from webapp.rendering.plots import Scheme
from webapp.rendering.preview_search import name_of
from webapp.rendering.previews import NAMES, SIZE, PreviewSource, svg_file
from webapp.rendering.tabular import Plot, Table, plot_of, records, table_of
from webapp.web.downloads import csv_text, download, file_name, harmless

SOURCE, PLOT, TABLE, DRAWN = "source", "plot", "table", "drawn"
# The views of a table besides its source.
OF_TABLE = {PLOT: "Plot", TABLE: "Table"}
FILES = {
    "html": ("html", "text/html"),
    "svg": ("svg", "image/svg+xml"),
    "mermaid": ("mmd", "text/plain"),
    "table": ("csv", "text/csv"),
}
# A block of CSV would be shown as a table.
LANGUAGES = {"html": "html", "svg": "svg", "mermaid": "mermaid", "table": "text"}


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """What is requested of a preview: its number in the message, a view of it, and whether its scripts run."""

    number: int
    view: str = ""
    is_run: bool = False


class ArtifactView(NamedTuple):
    """A view of an artifact by its name."""

    words: str
    url: str
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class ArtifactHead:
    """What is above every artifact, in the panel and on its page; `origin` says who made it."""

    title: str
    views: Sequence[ArtifactView]
    steps: Mapping[str, str | int]
    files: Sequence[tuple[str, str]] = ()
    publish_url: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview as its page shows it, in one of its views by name."""

    kind: str
    name: str
    title: str
    view: str
    views: dict[str, str]
    source: Markup
    table: Table | None

    @property
    def is_framed(self) -> bool:
        return self.view in (DRAWN, PLOT)

    @property
    def can_run(self) -> bool:
        return self.kind == "html" and self.view == DRAWN


def requested(*, is_run: bool) -> PreviewRequest:
    return PreviewRequest(request.args.get("block", -1, type=int), request.args.get("view", "")[:10], is_run)


def framed() -> PreviewRequest:
    return requested(is_run=request.args.get("scripts") == "run")


def preview(entry: PreviewSource, view: str) -> Shown:
    """Returns a preview in a view or, if it hasn't that one, in its first."""
    table, views = table_of(entry.content) if entry.kind == "table" else None, views_of(entry)
    chosen = view if view in views else next(iter(views))
    source = fenced(entry.content, LANGUAGES[entry.kind]) if chosen == SOURCE else Markup()
    return Shown(entry.kind, _name(entry), title(entry), chosen, views, source, table if chosen == TABLE else None)


def views_of(entry: PreviewSource) -> dict[str, str]:
    """Returns the names of the views of a preview."""
    views = {DRAWN: _("Preview")}
    if entry.kind == "table":
        has_plot = plot_of(table_of(entry.content))
        views = {key: _(words) for key, words in OF_TABLE.items() if key == TABLE or has_plot}
    return views | ({SOURCE: _("Source")} if entry.kind else {})


def title(entry: PreviewSource) -> str:
    """Returns its name, or else that of its kind."""
    return name_of(entry) or _name(entry)


def titled(entry: PreviewSource, chat_title: str) -> PreviewSource:
    """Returns a preview that, if it is a page without a name, is called as its chat is."""
    return entry if entry.kind != "html" or name_of(entry) else entry._replace(heading=chat_title)


def fenced(content: str, language: str) -> Markup:
    """Returns a source as a block of code."""
    fence = fence_for(content)
    text = f"{fence}{language}\n{content.rstrip()}\n{fence}\n"
    return Markup(scoped(renderings.render_markdown(text), ""))


def plot_svg(entry: PreviewSource, scheme: Scheme = "", width: float = plots.WIDTH, *, has_title: bool = False) -> str:
    """Returns the plot of a table, with its title only where it stands alone; empty if it has nothing to be drawn."""
    plot = plot_of(table_of(entry.content)) if entry.kind == "table" else None
    if not plot:
        return ""
    words, description = name_of(entry) or _("Plot"), _description(plot)
    return plots.svg(plot, title=words, description=description, number=_number, scheme=scheme, width=width, has_title=has_title)


def plot_sizes(entry: PreviewSource) -> list[tuple[str | Any, ...]]:
    """Returns the width and the height of the plot of a table, and of the one for narrow pages, as its images say them."""
    images = (plot_svg(entry, width=width) for width in (plots.WIDTH, plots.NARROW))
    return [found(SIZE.search(image)).groups() for image in images]


def file(entry: PreviewSource, view: str) -> Response:
    """Returns a preview as a file: as it was written, a table as CSV in which no cell is a formula, its plot as an image."""
    words = name_of(entry)
    if view == PLOT:
        return download(
            found(plot_svg(entry, has_title=True) or None), file_name(words, "svg", otherwise="plot"), "image/svg+xml"
        )
    ending, media_type = found(FILES.get(entry.kind))
    content = svg_file(entry.content) if entry.kind == "svg" else entry.content
    if entry.kind == "table":
        head, *rows = [*records(entry.content)] or [[]]
        content = csv_text([harmless(cell) for cell in head], rows)
    return download(content, file_name(words, ending, otherwise=NAMES[entry.kind].lower()), media_type)


def _name(entry: PreviewSource) -> str:
    return _(NAMES.get(entry.kind, "Preview"))


def _description(plot: Plot) -> str:
    values = [value for series in plot.series for value in series.values if value is not None]
    named = ", ".join(series.name for series in plot.series if series.name)
    words = (
        _("%(names)s for %(count)s rows, from %(least)s to %(most)s.")
        if named
        else _("%(count)s rows, from %(least)s to %(most)s.")
    )
    numbers = {"count": _number(len(plot.labels)), "least": _number(min(values)), "most": _number(max(values))}
    return words % {"names": named, **numbers}


def _number(value: float) -> str:
    rounded = float(f"{value:.10g}")
    return languages.current().formats.number(int(rounded) if rounded.is_integer() else rounded)
