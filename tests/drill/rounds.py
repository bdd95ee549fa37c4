"""One round of the drill: four running answers, the server cut off and restarted, and everything checked from outside."""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drill.figures import Figures, Finding, How, Policy
from tests.drill.lateness import REMEMBERED_SECONDS, Lateness
from tests.support.person import Answer, Person
from tests.support.server import Server, prepared
from tests.support.starved import watched
from tests.support.waiting import until
from tests.upstream.behaviours import partial_of
from tests.upstream.handle import Upstream

TOKENS, PACE_SECONDS, AT_ONCE = 400, 0.006, 4
WORDS = [f"w{number:06d}" for number in range(1, TOKENS + 1)]
WHOLE = " ".join(WORDS)
MARKED = re.compile(r"the server restarted here · continued \d\d:\d\d UTC")
RESTARTED = "The server was restarted while this was being written."
Say = Callable[[str], None]
Log = list[dict[str, Any]]


@dataclass(frozen=True)
class Cut:
    """An answer that was being written when the server was cut off."""

    question: str
    chat_path: str
    message_id: str


class Drill:
    """A server, its owner and the upstream that sends counted words."""

    def __init__(self, server: Server, upstream: Upstream, seed: int, say: Say) -> None:
        self._server, self._upstream, self._say = server, upstream, say
        self._random, self._round = random.Random(seed), 0
        self._server.start()
        self._owner = Person(server.url).become_owner(server.owner_link)
        self._policy: Policy = "continue"

    def run(self, how: How, policies: Sequence[Policy]) -> Figures:
        """Runs a round for each policy."""
        figures = Figures(how)
        for policy in policies:
            self._set(policy)
            self._one(figures)
        return figures

    def _set(self, policy: Policy) -> None:
        if policy != self._policy:
            self._server.set(restart__policy=policy)
            self._policy = policy

    def _one(self, figures: Figures) -> None:
        self._round += 1
        self._upstream.reset()
        self._upstream.counts(TOKENS, pace=PACE_SECONDS)
        cuts = self._begun()
        with Lateness() as lateness, watched(self._server.worker_pids[0]) as starved:
            time.sleep(self._random.random() * TOKENS * PACE_SECONDS)
            moment = self._cut_off(figures)
            kept_ms = 1000 * starved.seconds(moment - REMEMBERED_SECONDS, time.monotonic())
        before = self._upstream.log()
        figures.late_ms.append(lateness.late_ms + kept_ms)
        figures.start_seconds.append(self._server.start())
        # The server answers requests before it has looked for cut answers.
        until(lambda: all(map(self._is_settled, cuts)), "what was cut is settled")
        shown = {cut: self._owner.raw(cut.message_id) for cut in cuts}
        faults = {cut: self._after_start(cut) for cut in cuts}
        self._until_ended()
        after = self._upstream.log()
        found = [self._finding(cut, moment, before, after, shown[cut], [*faults[cut], *self._in_the_end(cut)]) for cut in cuts]
        figures.findings += found
        self._say(f"round {self._round}, {figures.how}, {self._policy}: lost {[f'{answer.lost_ms:.0f} ms' for answer in found]}")

    def _begun(self) -> list[Cut]:
        questions = [f"Round {self._round}, chat {number}" for number in range(AT_ONCE)]
        paths = [self._owner.begin(question) for question in questions]
        return [Cut(q, path, self._owner.last_answer(path).id) for q, path in zip(questions, paths, strict=True)]

    def _cut_off(self, figures: Figures) -> float:
        if figures.how == "kill":
            return self._server.kill()
        moment, seconds = self._server.terminate()
        figures.stop_seconds.append(seconds)
        return moment

    def _after_start(self, cut: Cut) -> list[str]:
        """Returns the faults of the page once it is settled; presses Continue unless the policy continues automatically."""
        answer = self._owner.last_answer(cut.chat_path)
        if self._policy == "continue" or answer.status == "completed":
            return []
        faults = (
            [] if answer.status == "interrupted" and RESTARTED in answer.words else [f"shown as {answer.status}: {answer.words}"]
        )
        if "Continue" not in answer.buttons:
            return [*faults, "no Continue is offered"]
        pressed = self._owner.post(answer.buttons["Continue"])
        return faults if pressed.status == 303 else [*faults, f"Continue answered {pressed.status}"]

    def _until_ended(self) -> None:
        whole = "SELECT count(*) FROM messages WHERE role = 'assistant' AND content != ?"
        until(lambda: not self._server.running() and not self._server.rows(whole, WHOLE)[0][0], "all are whole")

    def _finding(self, cut: Cut, moment: float, before: Log, after: Log, shown: str, faults: list[str]) -> Finding:
        sent = [(token.strip(), at) for token, at in _asked(before, cut)[0]["tokens"] if at <= moment]
        again = _asked(after, cut)[1:]
        kept = len((partial_of(again[0]["body"]) if again else shown).split())
        lost = [at for _, at in sent[kept:]]
        if not WHOLE.startswith(shown) or len(shown.split()) < kept:
            faults.append(f"the page showed {len(shown.split())} words of {kept} kept, ending in {shown[-40:]!r}")
        return Finding(len(sent), min(kept, len(sent)), (moment - lost[0]) * 1000 if lost else 0.0, tuple(faults))

    def _in_the_end(self, cut: Cut) -> Iterator[str]:
        """Yields the faults after every answer has ended."""
        page = self._owner.page(cut.chat_path)
        answer, raw = Answer(page), self._owner.raw(cut.message_id)
        if raw != WHOLE:
            yield f"the text is not what was sent: {len(raw.split())} words, ending in {raw[-40:]!r}"
        if answer.status != "completed":
            yield f"it ended as {answer.status}"
        if re.findall(r"w\d{6}", answer.text) != WORDS:
            yield "the page shows other words than the text has"
        generations = self._generations(cut)
        if len(generations) > 1 and generations[-1][0] and len(MARKED.findall(answer.text)) != 1:
            yield f"the seam is not marked: {answer.text[-200:]}"
        if self._server.rows("SELECT count(*) FROM generation_journal")[0][0]:
            yield "there are rows left in the journal"

    def _is_settled(self, cut: Cut) -> bool:
        """Returns whether the cut run has ended, regardless of a continuation."""
        return self._generations(cut)[0][1] not in ("queued", "running")

    def _generations(self, cut: Cut) -> list[tuple[Any, ...]]:
        query = "SELECT text_offset, status, reason FROM generations WHERE message_id = ? ORDER BY id"
        return self._server.rows(query, cut.message_id)


def _asked(log: Log, cut: Cut) -> Log:
    """Returns the requests that the upstream received for this answer, in order."""
    return [entry for entry in log if entry["body"] and entry["body"]["messages"][0]["content"] == cut.question]


def policies(rounds: int) -> list[Policy]:
    """Returns the policies: mostly the default, in groups, since changing the setting takes longer than a round."""
    others = max(1, rounds // 10) if rounds > 2 else 0
    return ["continue"] * (rounds - 2 * others) + ["never"] * others + ["ask"] * others


@contextmanager
def drill(folder: Path, *, seed: int, say: Say) -> Iterator[Drill]:
    """Starts the upstream and a server, and yields the drill."""
    upstream = Upstream()
    provider = {"OPENROUTER_API_KEY": "sk-drill-000000000000", "OPENROUTER_BASE_URL": upstream.base_url}
    try:
        with prepared(folder, **provider, OPENROUTER_MODEL="some/model") as server:
            server.lift_limits()
            yield Drill(server, upstream, seed, say)
            assert "Traceback" not in server.log, server.log
    finally:
        upstream.close()
