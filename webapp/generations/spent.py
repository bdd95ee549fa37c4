"""What answers have cost, in words; what nobody says is unknown, where anything was made."""

from collections.abc import Sequence
from decimal import Decimal

from webapp.generations.tables import Generation

# Nobody knows what a server that fell silent was doing meanwhile.
SILENT = {"stall", "cut", "total_time"}


def cost(generations: Sequence[Generation]) -> str:
    """The sum of them; nothing where no model has made anything."""
    made = [each for each in generations if not _was_refused(each)]
    asked = [each for each in made if not _is_demos(each)]
    if not asked:
        return "demo" if made else ""
    if any(each.cost is None for each in asked):
        return "cost unknown"
    total = sum(Decimal(each.cost or 0) for each in asked)
    return f"${total:.4f}" if total else "free"


def _is_demos(generation: Generation) -> bool:
    return generation.is_demo or generation.model_asked.startswith("demo/")


def _was_refused(generation: Generation) -> bool:
    is_silent = generation.reason in SILENT or bool(generation.upstream_id)
    return generation.status == "failed" and generation.cost is None and generation.output_tokens is None and not is_silent
