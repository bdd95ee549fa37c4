"""Many answers that reach limits and use up a budget: each can be decided about, nothing is lost, and none goes too far."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from bench.browsing import Browser, Owner
from bench.counted_run import Api, Findings
from bench.recover import Killing, running
from bench.scripted_model import NOTING
from bench.verdict import Bar, Verdict

AT_ONCE, ROUNDS, CALLS = 16, 2, 4
# The budget at first and each time that answers wait for more of it, in answers as they are estimated.
ANSWERS_IN_BUDGET = 6
LOOK_SECONDS, STUCK_SECONDS = 0.3, 60.0
OVER_BUDGET = 402
BARS = {
    "results": "results missing, double or wrong in what the model was told at last, or in what is stored",
    "decisions": "answers at a limit that could not be continued, answered or ended",
    "further": "answers that went further than they may",
    "ends": "answers with another end than was decided",
    "errors": "errors of the server",
}
Say = Callable[[str], None]


@dataclass
class Purse:
    """A budget of the whole team in tokens, that gets more whenever an answer needs it."""

    api: Api
    id: str = ""
    estimate: float = 0.0
    most_over: float = 0.0
    is_empty: bool = False
    times: int = 0

    async def open(self) -> None:
        """Makes the budget by what one answer is estimated at."""
        budget = {"who": "team", "unit": "tokens", "limit": 10**9, "period": "month"}
        self.id = (await self.api.ask("POST", "/budgets", budget))[1]["id"]
        await self.api.ask("POST", "/chats", {"message": "Count for fuse-0000.", "model": "bench/model", "tools": [NOTING]})
        self.estimate = (await self._level())["reserved"]
        await self._fill(await self._level())

    async def watch(self) -> None:
        while True:
            level = await self._level()
            self.most_over = max(self.most_over, level["used"] - level["limit"])
            if self.is_empty:
                self.is_empty = False
                await self._fill(level)
            await asyncio.sleep(LOOK_SECONDS)

    async def _fill(self, level: Mapping[str, Any]) -> None:
        self.times += 1
        limit = int(level["used"] + level["reserved"] + ANSWERS_IN_BUDGET * self.estimate)
        await self.api.ask("PATCH", f"/budgets/{self.id}", {"limit": limit})

    async def _level(self) -> dict[str, Any]:
        level: dict[str, Any] = (await self.api.ask("GET", f"/budgets/{self.id}"))[1]
        return level


def measure(killing: Killing, answers: int, say: Say) -> Verdict:
    findings = Findings()
    say(f"{answers} answers, {AT_ONCE} at once, {killing.workers} worker(s), seed {killing.seed}")
    with running(killing) as (server, link, model_url):
        server.set({"tools.rounds": ROUNDS, "tools.calls": CALLS})
        purse = asyncio.run(_run(Owner(link), model_url, random.Random(killing.seed), answers, findings))
    for name, faults in findings.faults.items():
        for fault in faults[:20]:
            say(f"{name}: {fault}")
    bars = [Bar(words, number, None) for words, number in sorted(findings.counts.items())]
    bars += [Bar("times that the budget was used up and raised", purse.times - 1, None)]
    bars += [Bar(words, len(findings.faults.get(name, ())), 0) for name, words in BARS.items()]
    return Verdict([*bars, Bar("most that the budget was exceeded by", purse.most_over, purse.estimate, " tokens")])


async def _run(owner: Owner, model_url: str, dice: random.Random, answers: int, findings: Findings) -> Purse:
    await owner.come()
    api, model = Api(owner, findings), Api(Browser(model_url), findings)
    purse, numbers = Purse(api), iter(range(1, answers + 1))
    await purse.open()

    async def one_after_another() -> None:
        for number in numbers:
            await FusedRun(f"fuse-{number:04d}", api, model, purse, dice, findings).go()

    watching = asyncio.create_task(purse.watch())
    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    watching.cancel()
    return purse


class FusedRun:
    """An answer that waits at limits, and a person who decides about it; `purse` is what all are paid from."""

    def __init__(self, name: str, api: Api, model: Api, purse: Purse, dice: random.Random, findings: Findings) -> None:
        self.name, self._api, self._model, self._purse, self._dice, self._findings = name, api, model, purse, dice, findings
        self._decisions = list[str]()
        self._times = 1

    async def go(self) -> None:
        message_id, done = await self._begin(), dict[str, str]()
        until = time.monotonic() + STUCK_SECONDS
        while True:
            _, message = await self._api.ask("GET", f"/messages/{message_id}")
            for call in message["calls"]:
                if done.get(call["id"], call["text"]) != call["text"]:
                    self._fault("results", f"{call['id']} had returned {done[call['id']]!r}")
                done |= {call["id"]: call["text"]} if call["state"] == "done" else {}
            if message["status"] not in ("queued", "running", "waiting"):
                break
            if message["status"] == "waiting" and await self._decide(message):
                until = time.monotonic() + STUCK_SECONDS
            if time.monotonic() > until:
                self._fault("decisions", f"{message['status']}, {self._decisions}")
                return
            await asyncio.sleep(LOOK_SECONDS)
        _, asked = await self._model.ask("GET", f"/report/{self.name}")
        self._judge(message, done, asked["results"])

    async def _begin(self) -> str:
        body = {"message": f"Count for {self.name}.", "model": "bench/model", "tools": [NOTING]}
        for number in count():
            key = {"Idempotency-Key": f"key-{self.name}-{number}"}
            status, reply = await self._api.ask("POST", "/chats", body, key)
            if status == 201:
                return str(reply["sent"]["message_id"])
            if status != OVER_BUDGET:
                raise RuntimeError(f"POST /chats answered {status}: {reply}")
            await self._wait_for_money()
        raise AssertionError

    async def _decide(self, message: Mapping[str, Any]) -> bool:
        """Decides about the answer; returns whether that was taken."""
        rounds, calls = len({call["round"] for call in message["calls"]}), len(message["calls"])
        made = sum(call["state"] == "done" for call in message["calls"])
        if rounds > ROUNDS * self._times or made > CALLS * self._times:
            self._fault("further", f"{rounds} rounds and {made} calls, allowed {self._times} times")
        if rounds < ROUNDS * self._times and calls <= CALLS * self._times:
            self._findings.counts["answers that wait for more of the budget"] += 1
        decision = self._dice.choices(("continue", "answer", "end"), (6, 2, 2))[0]
        status, reply = await self._api.ask("POST", f"/generations/{message['generation']['id']}/fuse", {"decision": decision})
        self._findings.counts[f"decisions: {decision}" if status == 200 else f"decisions answered with {status}"] += 1
        if status == OVER_BUDGET:
            await self._wait_for_money()
            return False
        if status != 200:
            _, now = await self._api.ask("GET", f"/messages/{message['id']}")
            if now["status"] == "waiting":
                self._fault("decisions", f"{decision} answered {status}: {reply}")
            return False
        self._decisions.append(decision)
        self._times += decision == "continue"
        return True

    async def _wait_for_money(self) -> None:
        self._findings.counts["refusals by the budget"] += 1
        self._purse.is_empty = True
        await asyncio.sleep(LOOK_SECONDS)

    def _judge(self, message: Mapping[str, Any], done: Mapping[str, str], results: Sequence[Sequence[str]]) -> None:
        last = self._decisions[-1] if self._decisions else ""
        if message["status"] != ("stopped" if last == "end" else "completed"):
            self._fault("ends", f"{message['status']} ({message['generation']['reason']}) after {self._decisions}")
        self._findings.counts[f"answers {message['status']}"] += 1
        calls = {call["id"]: call for call in message["calls"]}
        if any(call["state"] in ("asked", "waiting", "running", "unknown") for call in calls.values()):
            self._fault("results", f"calls are {[call['state'] for call in calls.values()]}")
        for id, text in done.items():
            label = calls[id]["arguments"]["call"]
            told = [result for name, result in results if name == label]
            if calls[id]["text"] != text or text != label or (told != [label] and message["status"] == "completed"):
                self._fault("results", f"{label} returned {text!r}, is {calls[id]['text']!r}, and the model was told {told}")

    def _fault(self, bar: str, words: str) -> None:
        self._findings.faults.setdefault(bar, []).append(f"{self.name}: {words}")
