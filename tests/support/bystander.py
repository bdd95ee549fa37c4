"""A second user, who reads a paced answer and opens pages while something is done to the server: `with bystander(...)`.

What they receive is compared with a control stream, which the same process reads straight from the upstream at the same pace
and time, so that a busy machine is not mistaken for a blocked event loop. Time in which the machine itself was stalled, or the
server was given neither processor nor disk, is not counted either.
"""

import itertools
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import standstill
from tests.support.bystander_reader import WORD as BYTES, Visit
from tests.support.person import Person
from tests.support.server import Server
from tests.support.starved import Starved, watched
from tests.support.waiting import until
from tests.upstream.handle import CHAT, Upstream

ROOT = Path(__file__).resolve().parents[2]
ALLOWED_MS = 500.0
# A user does not notice a shorter gap.
NOTICED_SECONDS = 0.1
# Ten minutes of words, in paragraphs.
WORDS, PACE_SECONDS, PARAGRAPH = 12_000, 0.05, 40
WORD = re.compile(BYTES.pattern.decode())
Gap = tuple[float, float]


@dataclass
class Beside:
    """What the bystander has received by the end."""

    answer: dict[str, float] = field(default_factory=dict)
    control: dict[str, float] = field(default_factory=dict)
    pages: list[Visit] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    grown_bytes: int = 0
    starved: Starved = field(default_factory=Starved)

    @property
    def gap_ms(self) -> float:
        """By how much the worst gap between two words exceeds the control's gap and the machine's stalls at the same time."""
        control = gaps(self.control)
        late = (late_by(gap, control) - self._excused(*gap) for gap in gaps(self.answer) if gap[1] - gap[0] > NOTICED_SECONDS)
        return max(late, default=0.0) * 1000

    @property
    def page_ms(self) -> float:
        """How long the slowest page took, less the time in which the machine was stalled."""
        took = (page.seconds - self._excused(page.began, page.began + page.seconds) for page in self.pages)
        return max(took, default=0.0) * 1000

    def _excused(self, began: float, ended: float) -> float:
        return standstill.seconds(began, ended) + self.starved.seconds(began, ended)

    def faults(self, *, allowed_ms: float, page_ms: float, memory_bytes: int) -> Iterator[str]:
        """Yields a description of each way in which the bystander was disturbed."""
        if self.gap_ms > allowed_ms:
            yield f"their answer stood still {self.gap_ms:.0f} ms longer than the control stream; {allowed_ms:.0f} are allowed"
        for name, words in (("their page's stream showed", list(self.answer)), ("their message holds", self.kept)):
            if words != self.sent:
                yield f"{name} {len(words)} words of the {len(self.sent)} that were sent: {_difference(words, self.sent)}"
        refused = [f"{page.path} answered {page.status or 'nothing'}" for page in self.pages if page.status != 200]
        if refused or not self.pages:
            yield f"{len(refused)} of {len(self.pages)} pages beside it were not given, first: {refused[:1]}"
        if self.page_ms > page_ms:
            yield f"a page beside it took {self.page_ms:.0f} ms; {page_ms:.0f} are allowed"
        if self.grown_bytes > memory_bytes:
            yield f"the worker kept {self.grown_bytes / 1e6:.0f} MB; {memory_bytes / 1e6:.0f} MB are allowed"


@contextmanager
def bystander(
    server: Server | str,
    upstream: Upstream,
    *,
    person: Person,
    allowed_ms: float = ALLOWED_MS,
    page_ms: float = 5_000,
    memory_mb: float = 150,
) -> Iterator[Beside]:
    """Has the person read an answer and open pages inside the block; at its end, fails with a list of what delayed them.

    Where the server is given as a URL, its memory is not checked.
    """
    beside, question = Beside(), f"What is said to a bystander? {uuid.uuid4()}"
    # With its cost, so that the server does not request that later, among the requests that a test examines.
    upstream.beside(question, {"tokens": _words(), "pace": PACE_SECONDS, "cost": 0.0001})
    path = person.begin(question)
    with _watched(server) as beside.starved, _reader(_order(server, upstream, person, path, question)) as reader:
        before = _resident(server)
        yield beside
        _take(beside, upstream, question, reader)
    until(lambda: person.last_answer(path).status == "completed", "the bystander's answer is saved")
    beside.kept = WORD.findall(person.raw(person.last_answer(path).id))
    beside.grown_bytes = _settled(server, before + int(memory_mb * 1e6)) - before
    faults = list(beside.faults(allowed_ms=allowed_ms, page_ms=page_ms, memory_bytes=int(memory_mb * 1e6)))
    assert not faults, f"a bystander was held up: {'; '.join(faults)}"


def gaps(words: dict[str, float]) -> list[Gap]:
    """Returns the gaps between consecutive words."""
    moments = list(words.values())
    return list(itertools.pairwise(moments))


def late_by(gap: Gap, control: list[Gap]) -> float:
    """Returns by how many seconds a gap exceeds the control's longest gap at the same time."""
    began, ended = gap
    same = [after - before for before, after in control if before < ended and after > began]
    return ended - began - max(same, default=0.0)


def _words() -> list[str]:
    return [f"w{number:06d}" + (" " if number % PARAGRAPH else "\n\n") for number in range(1, WORDS + 1)]


def _order(server: Server | str, upstream: Upstream, person: Person, path: str, question: str) -> dict[str, Any]:
    return {
        "url": server if isinstance(server, str) else server.url,
        "cookies": person.jar,
        "events": person.last_answer(path).events_url,
        "pages": ["/healthz", path],
        "upstream": upstream.url,
        "ask": urlsplit(upstream.base_url).path + CHAT,
        "body": {"model": "some/model", "stream": True, "messages": [{"role": "user", "content": question}]},
    }


@contextmanager
def _reader(order: dict[str, Any]) -> Iterator["subprocess.Popen[str]"]:
    """Starts the reader process and yields it once both streams have begun."""
    command = [sys.executable, "-m", "tests.support.bystander_reader"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        try:
            _tell(reader, order)
            assert _told(reader) == "ready\n", "the bystander has heard nothing"
            yield reader
        finally:
            reader.kill()


def _take(beside: Beside, upstream: Upstream, question: str, reader: "subprocess.Popen[str]") -> None:
    """Waits until both streams have ended, and records what the reader read of them."""
    upstream.beside(question, over=True)
    until(lambda: all(entry["finished"] for entry in upstream.beside(question)), "the upstream has said all to the bystander")
    # The control stream is requested without a key.
    by_key = {"authorization" in entry["headers"]: entry["tokens"] for entry in upstream.beside(question)}
    beside.sent = [token.strip() for token, _ in by_key[True]]
    _tell(reader, [len(by_key[True]), len(by_key[False])])
    found = json.loads(_told(reader))
    beside.answer, beside.control = found["answer"], found["control"]
    beside.pages = [Visit(**page) for page in found["pages"]]


def _tell(reader: "subprocess.Popen[str]", value: Any) -> None:
    assert reader.stdin
    reader.stdin.write(json.dumps(value) + "\n")
    reader.stdin.flush()


def _told(reader: "subprocess.Popen[str]") -> str:
    assert reader.stdout
    return reader.stdout.readline()


def _watched(server: Server | str) -> AbstractContextManager[Starved]:
    return nullcontext(Starved()) if isinstance(server, str) else watched(server.worker_pids[0])


def _resident(server: Server | str) -> int:
    return 0 if isinstance(server, str) else server.resident_bytes()


def _settled(server: Server | str, enough: int, seconds: float = 10) -> int:
    """Returns the worker's memory as soon as it is small enough, or after a timeout."""
    deadline = time.monotonic() + seconds
    while (now := _resident(server)) > enough and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def _difference(words: list[str], sent: list[str]) -> str:
    pairs = itertools.zip_longest(words, sent, fillvalue="nothing")
    return next((f"{one} where {other} belongs" for one, other in pairs if one != other), "")
