"""The beat that all answers share: text that arrived since its last stroke is sent with the next. Pure."""

# Work that wakes up this shortly before a stroke is done now: to wake again for each answer would cost more.
EARLY_SECONDS = 0.005


def next_stroke(now: float, seconds: float) -> float:
    """Returns the time of the first stroke after `now`, with a stroke every `seconds`; `now` itself without a beat."""
    return (now // seconds + 1) * seconds if seconds else now
