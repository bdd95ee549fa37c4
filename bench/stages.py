"""Where an answer's CPU time goes: the stages of its path, with the source files that belong to each. Pure."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from types import CodeType, FrameType

# The innermost frame that belongs to a stage counts, so a library's time counts for the code of ours that called it. A frame
# belongs to the first stage that lists it.
STAGES: Mapping[str, tuple[str, ...]] = {
    "reading the model": ("/urllib3/", "/http/client.py", "/requests/", "/webapp/models/upstream/"),
    "SSE, JSON and deltas": ("/streaming/codec.py Decoder", "/streaming/events.py", "/webapp/models/providers/"),
    "ladder": ("/engine/ladder.py",),
    "run, gather, append": ("/streaming/run.py", "/streaming/topics.py", "/streaming/loops.py", "/streaming/transcript.py"),
    "journal": ("/engine/journal.py", "/engine/spill.py", "/engine/ownership.py"),
    "markdown and tail": ("/webapp/rendering/", "/markdown_it/", "/pygments/"),
    "what pages are told": ("/streaming/broadcaster.py", "/page/projection.py", "/messages/renderings.py", "/page/feed.py"),
    "title": ("/chat/messages/titles.py", "/engine/side_requests.py"),
    "lists that are told": ("/watching/lists.py", "/watching/list_feed.py", "/workspace/list/", "/watching/single_flight.py"),
    "watching and writing": (
        "/webapp/engine/watching/",
        "/webapp/api/streaming/streams.py",
        "/webapp/api/streaming/feed.py",
        "/gunicorn/http/wsgi.py",
    ),
    "end and save": ("/engine/ends.py", "/chat/kind.py", "/engine/engine.py"),
    "begin": ("/chat/messages/", "/webapp/engine/generations.py", "/chat/prompt/"),
    "who asks, limits": ("/webapp/people/accounts/", "/webapp/web/", "/webapp/api/", "/webapp/settings/"),
    "drawing pages": ("/jinja2/", "/templates/", "/webapp/workspace/page/", "/webapp/workspace/frame/"),
    "other work of requests": ("/webapp/", "/werkzeug/", "/flask/", "/gunicorn/"),
    "events and switches": ("/gevent/",),
}
# In the folder of the database.
FILE = "samples.json"
ELSE = "the rest"
MOST_PLACES = 12


def place_of(frame: FrameType | None) -> str:
    """Returns the innermost frame that belongs to a stage."""
    while frame:
        if place := _place(frame.f_code):
            return place
        frame = frame.f_back
    return ELSE


@cache
def _place(code: CodeType) -> str:
    place = f"{code.co_filename} {code.co_qualname}"
    return place if stage_of(place) != ELSE else ""


def stage_of(place: str) -> str:
    return next((stage for stage, names in STAGES.items() if any(name in place for name in names)), ELSE)


def shares(samples: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Returns lines with the share of each stage in percent, per way of reading; then the most frequent places."""
    stages = {way: Counter[str]() for way in samples}
    for way, counts in samples.items():
        for place, count in counts.items():
            stages[way][stage_of(place)] += count
    table = [_row("% of samples", list(samples)), *(_row(stage, _parts(stages, stage)) for stage in (*STAGES, ELSE))]
    return table + [line for way, counts in samples.items() for line in _most(way, Counter(counts))]


def _parts(stages: Mapping[str, Counter[str]], stage: str) -> list[str]:
    return [f"{100 * counts[stage] / max(1, counts.total()):.1f}" for counts in stages.values()]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<22}" + "".join(f"{cell:>9}" for cell in cells)


def _most(way: str, counts: Counter[str]) -> list[str]:
    common = counts.most_common(MOST_PLACES)
    return [f"{way} {count / counts.total():>6.1%}  {place.rpartition('site-packages/')[2]}" for place, count in common]
