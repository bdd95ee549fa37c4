"""The cost of answers, in words; unknown if something was generated and no cost was reported where there are prices."""

from collections.abc import Sequence
from decimal import Decimal

from webapp.connections.keys import BUILT_IN
from webapp.connections.models import providers
from webapp.engine.tables import Generation

LEAST = Decimal("0.0001")
# Nobody knows what a server that fell silent was doing meanwhile.
SILENT = {"stall", "cut", "total_time"}


def cost(generations: Sequence[Generation]) -> str:
    """The sum of them; nothing where no model has made anything."""
    made = [each for each in generations if not was_refused(each)]
    asked = [each for each in made if not _is_demos(each)]
    if not asked:
        return "demo" if made else ""
    known = [each for each in asked if each.cost is not None]
    if any(_is_priced(each.connection) for each in asked if each.cost is None):
        return "cost unknown"
    return in_dollars(sum((Decimal(each.cost or 0) for each in known), Decimal())) if known else ""


def in_dollars(total: Decimal) -> str:
    """To a hundredth of a cent, and never nothing for what has cost something."""
    if not total:
        return "free"
    return f"${total:,.4f}" if total >= LEAST else f"under ${LEAST}"


def _is_priced(slug: str) -> bool:
    """Whether money is spent on this connection; of one that is no longer there nobody knows."""
    return slug in ("", BUILT_IN) or providers().is_priced(slug)


def _is_demos(generation: Generation) -> bool:
    return generation.is_demo or generation.model_asked.startswith("demo/")


def was_refused(generation: Generation) -> bool:
    """Whether no model can have made anything; of a row with the same columns, too."""
    is_silent = generation.reason in SILENT or bool(generation.upstream_id)
    return generation.status == "failed" and generation.cost is None and generation.output_tokens is None and not is_silent
