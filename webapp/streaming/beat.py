"""The beat that all answers share: what was said since its last stroke goes out with the next. Pure."""

# Who is awake so shortly before a stroke does not wait for it: to be woken for every answer by itself costs more.
EARLY_SECONDS = 0.005


def next_stroke(now: float, seconds: float) -> float:
    """When the stroke after this moment is, if there is one every so many seconds; without a beat it is now."""
    return (now // seconds + 1) * seconds if seconds else now
