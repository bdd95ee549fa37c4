"""Estimates token counts of prose, code and tables to within a fifth; never used for billing. Pure."""

import re
from collections.abc import Callable
from math import ceil

# By kind of character run; the constants were measured against the vocabularies of current models.
RUN = re.compile(
    r"(?P<latin>[A-Za-z\u00c0-\u024f]+)|(?P<digits>[0-9]+)|(?P<breaks>\s*\n\s*|[ \t]{2,})|\s+"
    r"|(?P<cjk>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+)|(?P<greek>[\u0370-\u03ff\u0400-\u052f]+)"
    r"|(?P<letters>[^\W\d_]+)|(?P<signs>[^\w\s]+|_+)|(?P<rest>.)",
    re.DOTALL,
)
SIZES: dict[str, Callable[[int], float]] = {
    "latin": lambda length: 1 + max(0, length - 7) / 5,
    "digits": lambda length: ceil(length / 3),
    "breaks": lambda length: 0.75,
    "cjk": lambda length: 0.75 * length,
    "greek": lambda length: length / 3.6,
    "letters": lambda length: length / 2.6,
    "signs": lambda length: max(1, length / 2.2),
    "rest": lambda length: 1,
}
SAMPLES, SAMPLE_CHARS = 16, 500
# How many characters are examined of many texts together, which takes some hundredths of a second, and at least of each.
AT_ONCE_CHARS, LEAST_CHARS = 150_000, 100
# The overhead of a message: its role and delimiters.
PER_MESSAGE = 4
# A large picture, by the rules that providers publish; no server reports the count in advance.
PER_PICTURE = 1_500


def share_of(chars: int) -> float:
    """Returns the fraction of the texts to examine if they have this many characters together."""
    return min(1.0, AT_ONCE_CHARS / max(1, chars))


def estimate(text: str, share: float = 1.0) -> int:
    """Estimates the tokens of a text; a long one, or one of many, is extrapolated from samples."""
    most = min(SAMPLES * SAMPLE_CHARS, max(LEAST_CHARS, int(len(text) * share)))
    if len(text) <= most:
        return _counted(text)
    samples = max(1, min(SAMPLES, most * 2 // SAMPLE_CHARS))
    size, step = most // samples, len(text) / samples
    starts = [int(n * step + (step - size) / 2) for n in range(samples)]
    sampled = sum(_counted(text[start : start + size]) for start in starts)
    return round(sampled * len(text) / (samples * size))


def _counted(text: str) -> int:
    runs = (run for run in RUN.finditer(text) if run.lastgroup)
    return round(sum(SIZES[run.lastgroup or "rest"](run.end() - run.start()) for run in runs))
