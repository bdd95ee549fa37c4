"""The line below an answer: which model wrote it, how long it took and what it cost."""

from webapp.base.words import plural
from webapp.engine.costs import cost
from webapp.engine.tables import NOT_HERE, Generation
from webapp.models.connections.models import providers

# A shorter duration would be displayed as 0.0 s.
A_MOMENT = 0.1


def thought(generations: list[Generation]) -> str:
    if not generations:
        return "Thought"
    first = generations[0]
    # Files of other programs can contain the time when an answer ended, but not that of its first text.
    until = first.first_text_at or (None if first.kind == NOT_HERE else first.ended_at)
    if not first.started_at or not until:
        return "Thought"
    seconds = (until - first.started_at).total_seconds()
    return f"Thought for {_seconds(seconds)}" if seconds >= A_MOMENT else "Thought for a moment"


def receipt(generations: list[Generation]) -> str:
    last = generations[-1]
    # Imported generations can lack a start time.
    seconds = _seconds(_duration(generations)) if any(each.started_at for each in generations) else ""
    spent = [seconds, _tokens(generations), cost(generations)]
    if last.status == "stopped":
        return f"Stopped after {', '.join(part for part in (spent[1], spent[0], spent[2]) if part)}"
    model = providers().display_name(last.model, last.connection)
    return " · ".join(part for part in (model, spent[1], spent[0], spent[2], led_by(generations)) if part)


def led_by(generations: list[Generation]) -> str:
    """Returns the prompt version that led the answer; later generations were only instructed to continue."""
    words = generations[0].led_by
    return words[:1].upper() + words[1:]


def pace(generations: list[Generation]) -> str:
    """Returns the answer's speed, thinking included; empty if the tokens were not counted."""
    counts, seconds = [each.output_tokens or 0 for each in generations], _duration(generations)
    return f"{sum(counts) / seconds:.0f} tokens per second" if all(counts) and seconds >= A_MOMENT else ""


def _duration(generations: list[Generation]) -> float:
    ended = [each for each in generations if each.started_at and each.ended_at]
    return sum((each.ended_at - each.started_at).total_seconds() for each in ended if each.ended_at and each.started_at)


def _tokens(generations: list[Generation]) -> str:
    counts = [each.output_tokens for each in generations]
    known = [count for count in counts if count is not None]
    return plural(sum(known), "token") if known and len(known) == len(counts) else ""


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
