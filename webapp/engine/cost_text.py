"""The cost of answers as text; unknown if a model with prices generated something without a reported cost."""

from collections.abc import Sequence
from decimal import Decimal

from webapp.engine.tables import Generation
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.models import providers

LEAST = Decimal("0.0001")
# After these failures, the server can have generated text that never arrived, or reasoning alone.
SILENT = {"stall", "cut", "total_time", "no_text"}


def cost(generations: Sequence[Generation]) -> str:
    """Returns the sum of the costs; empty if no model generated anything."""
    made = [each for each in generations if not was_refused(each)]
    priced = [each for each in made if not _is_demos(each)]
    if not priced:
        return "demo" if made else ""
    known = [each for each in priced if each.cost is not None]
    if any(_is_priced(each.connection) for each in priced if each.cost is None):
        return "cost unknown"
    return in_dollars(sum((Decimal(each.cost or 0) for each in known), Decimal())) if known else ""


def in_dollars(total: Decimal) -> str:
    """Formats dollars to a hundredth of a cent; a positive amount is never shown as zero."""
    if not total:
        return "free"
    return f"${total:,.4f}" if total >= LEAST else f"under ${LEAST}"


def sum_in_dollars(total: Decimal) -> str:
    """Formats a sum of costs; `$0` if nothing was paid."""
    return in_dollars(total) if total else "$0"


def _is_priced(slug: str) -> bool:
    """Returns whether this connection costs money; for a deleted connection, that is unknown."""
    return slug in ("", BUILT_IN) or providers().is_priced(slug)


def _is_demos(generation: Generation) -> bool:
    return generation.is_demo or generation.model_asked.startswith("demo/")


def was_refused(generation: Generation) -> bool:
    """Returns whether no model can have generated anything; also accepts a row with the same columns."""
    is_silent = generation.reason in SILENT or bool(generation.upstream_id)
    return generation.status == "failed" and generation.cost is None and generation.output_tokens is None and not is_silent
