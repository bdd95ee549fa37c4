"""For how long a model has sent nothing, as a page says it of the answer that runs."""

from dataclasses import dataclass

from webapp.db import utc_now
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation

# Shorter than this, nobody wonders; `times.js` counts on from here.
LONG_SECONDS = 15
SEEN_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Silence:
    """`seconds` since the last of its text, 0 before the first; `words` stand beside the status, or `is_instead` of it."""

    seconds: int = 0
    words: str = ""
    is_instead: bool = False
    is_long: bool = False


SPOKE_JUST_NOW = Silence()


def silence(engine: Engine, generation: Generation) -> Silence:
    """Of a generation that runs, by the clock of this server."""
    live = engine.live.get(generation.id)
    waited = int((utc_now() - generation.created_at).total_seconds())
    if not live or not live.run.has_content:
        words = f"\N{NO-BREAK SPACE}· {_spoken(waited)}" if waited >= SEEN_SECONDS else ""
        return Silence(words=words, is_long=bool(live) and waited >= LONG_SECONDS)
    seconds = int(engine.now() - live.run.last_content_at)
    if seconds < LONG_SECONDS:
        return Silence(seconds)
    return Silence(seconds, f"No text for {_spoken(seconds)}", is_instead=True, is_long=True)


def _spoken(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"
