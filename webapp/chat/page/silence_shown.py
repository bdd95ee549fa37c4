"""How long a running answer has received no text, as a page shows it."""

from dataclasses import dataclass

from webapp.base.db import utc_now
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation

# A shorter silence is normal and not shown; `times.js` continues counting from here.
LONG_SECONDS = 15
SEEN_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Silence:
    """`seconds` since the last text, 0 before the first; `words` are shown next to the status, or replace it (`is_instead`)."""

    seconds: int = 0
    words: str = ""
    is_instead: bool = False
    is_long: bool = False


SPOKE_JUST_NOW = Silence()


def silence(engine: Engine, generation: Generation) -> Silence:
    """Returns the silence of a running generation, by this server's clock."""
    live = engine.live.get(generation.id)
    waited = int((utc_now() - generation.created_at).total_seconds())
    if not live or not live.run.has_content:
        words = f"\N{NO-BREAK SPACE}· {_duration_words(waited)}" if waited >= SEEN_SECONDS else ""
        return Silence(words=words, is_long=bool(live) and waited >= LONG_SECONDS)
    seconds = int(engine.now() - live.run.last_content_at)
    if seconds < LONG_SECONDS:
        return Silence(seconds)
    return Silence(seconds, f"No text for {_duration_words(seconds)}", is_instead=True, is_long=True)


def _duration_words(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"
