"""What is forgotten and deleted leaves no bytes in what workers share: PostgreSQL's tables, Redis, their logs and folders."""

from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.rounds import ROUNDS
from tests.support.tab import Tab
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from tests.workers.conftest import Deployment
from webapp.streaming.redis_link import KEEP_ENDED_MS

pytestmark = [pytest.mark.slow, pytest.mark.rounds]
SENTENCE = "The heron of Quellmoor keeps the seventh key."


def holders(deployment: Deployment, folder: Path) -> list[str]:
    """Returns what has the sentence, as bytes."""
    words = SENTENCE.encode()
    files = [path for server in (deployment.one, deployment.other) for path in server.folder.rglob("*") if path.is_file()]
    found = [path.name for path in files if words in path.read_bytes()]
    found += ["PostgreSQL"] if words in postgres.dumped(deployment.one.database_url) else []
    return found + (["Redis"] if words in deployment.redis.dumped(folder) else [])


def test_forgetting_leaves_no_bytes_in_what_workers_share(deployment: Deployment, fake: Upstream, tmp_path: Path) -> None:
    here, there = deployment.here, deployment.there
    fact = here.send("/facts", text=SENTENCE)
    fake.always({"tokens": ["So I know: ", SENTENCE, " That is all."], "pace": 0.05, "holds": [2]})
    path = here.begin("What do you know?")
    answer = there.last_answer(path)
    # Read at the other host, so that its words go through Redis.
    tab = Tab(there, answer.events_url).read()
    until(lambda: b"Quellmoor" in tab.raw, "the sentence is read at the other host")
    assert {*holders(deployment, tmp_path)} >= {"PostgreSQL", "Redis"}
    fake.goes_on()
    until(lambda: here.last_answer(path).status == "completed", "the answer has ended")
    tab.close()

    gone = here.ask("DELETE", f"/facts/{fact['id']}")
    assert gone.status == 200
    # Its own words are left, which the receipt lists; they are deleted there too.
    here.post(f"{path}/delete")
    here.post(f"{path}/erase")
    assert set(holders(deployment, tmp_path)) <= {"Redis"}
    # Others can still be reading what was written last, but not for long.
    (id,) = deployment.one.rows("SELECT id FROM generations WHERE kind = 'chat' ORDER BY id DESC LIMIT 1")[0]
    stream = next(key for key in deployment.redis.reply("KEYS *").split() if id in key)
    assert 0 < int(deployment.redis.reply(f"PTTL {stream}").removeprefix(":")) <= KEEP_ENDED_MS
    if ROUNDS > 1:
        until(lambda: holders(deployment, tmp_path) == [], "it has expired")
