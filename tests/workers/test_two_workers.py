"""Any worker serves anyone: an answer of one is watched, stopped and continued by another, whatever fails."""

import os
import re
import signal
import time
import uuid
from collections import Counter

import gevent
import pytest

from tests.engine.bench import holds_on
from tests.support.inserted import add_member
from tests.support.person import Answer, Person
from tests.support.tab import Tab
from tests.support.waiting import until
from webapp.streaming.shared_config import UNLIKE

TOKENS = 400
WORDS = [f"w{number:06d}" for number in range(1, TOKENS + 1)]
KEPT = re.compile(r'id="column-(\w+)-keep"')
BESIDE = ["some/model", "fake/plain", "fake/large", "fake/plain:free"]
CUT_AND_GONE_ON_WITH = [("interrupted", "server_restart"), ("completed", "stop")]
pytestmark = pytest.mark.slow


def opened(person: Person, path: str) -> Tab:
    return Tab(person, person.last_answer(path).events_url).read()


def statuses(tab: Tab) -> list[str]:
    """Returns the statuses of the answer that the page received, alone or with the whole thread."""
    told = re.compile(r'"status": "(\w+)"|data-role="assistant" data-status="(\w+)"')
    return [status for message in tab.messages for found in told.findall(message.data) for status in found]


def words(person: Person, path: str) -> list[str]:
    return re.findall(r"w\d{6}", person.raw(person.last_answer(path).id))


def held_in_the_middle(fake, *, by: Person, seen_by: Person) -> tuple[str, Tab]:
    """Begins an answer that pauses after fifty words; returns its chat's path and a page that has received them."""
    holds_on(fake, TOKENS, after=50)
    path = by.begin("Count")
    tab = opened(seen_by, path)
    until(lambda: "w000050" in tab.first_seen(), "the answer is seen, whoever writes it")
    return path, tab


def test_an_answer_of_another_worker_is_watched_and_stopped(deployment, fake) -> None:
    path, tab = held_in_the_middle(fake, by=deployment.there, seen_by=deployment.here)
    answer = deployment.here.last_answer(path)
    assert answer.status == "responding"
    assert words(deployment.here, path) == WORDS[:50]
    [(id,)] = deployment.one.rows("SELECT id FROM generations WHERE message_id = ?", answer.id)
    heard = gevent.spawn(deployment.here.get, f"/api/v1/generations/{id}/events")
    assert deployment.here.post(answer.buttons["Stop"]).status == 303
    until(lambda: "stopped" in statuses(tab), "its page here says that it was stopped")

    assert deployment.generations(path) == [("stopped", "user")]
    assert words(deployment.there, path) == words(deployment.here, path) == WORDS[:50]
    with gevent.Timeout(60):
        told = heard.get().text
    assert '"stopped"' in told
    assert Counter(re.findall(r"w\d{6}", told)) == Counter(WORDS[:50])
    tab.close()


def test_what_a_killed_worker_was_writing_is_gone_on_with(deployment, fake) -> None:
    until(lambda: len(deployment.one.worker_pids) == 2, "there are two workers at this address")
    held = [held_in_the_middle(fake, by=deployment.here, seen_by=deployment.here) for _ in range(3)]
    paths, tabs = [path for path, _ in held], [tab for _, tab in held]
    deployment.one.kill_worker()
    until(lambda: all("completed" in statuses(tab) or tab.is_over for tab in tabs), "all are written to their end")
    until(lambda: all(deployment.generations(path) == CUT_AND_GONE_ON_WITH for path in paths), "each once")

    for path in paths:
        assert Counter(words(deployment.there, path)) == Counter(WORDS)
    for tab in tabs:
        tab.close()


def test_columns_are_watched_stopped_continued_and_kept_by_another_worker(deployment, fake) -> None:
    until(lambda: len(deployment.one.worker_pids) == 2, "there are two workers at this address")
    deployment.here.post("/admin/settings/limits", **{"limits.concurrent_streams": "0"})
    fake.behaves([{"counted": TOKENS, "pace": 0.01, "stall_after": 50}] * len(BESIDE))
    fake.counts(TOKENS)
    sent = deployment.here.send("/chats", message="Count", models=BESIDE)["sent"]
    path, ids = f"/chats/{sent['chat_id']}", [generation["message_id"] for generation in sent["generations"]]
    there = deployment.there

    def texts(person: Person) -> list[list[str]]:
        return [re.findall(r"w\d{6}", person.raw(id)) for id in ids]

    until(lambda: texts(there) == [WORDS[:50]] * len(ids), "every column is read at another server while it is written")
    tab = opened(there, path)
    assert there.post(f"/generations/{sent['generations'][1]['generation_id']}/stop").status == 303
    until(lambda: deployment.generations(path).count(("stopped", "user")) == 1, "that one is stopped")
    assert [status for status, _ in deployment.generations(path)].count("running") == len(ids) - 1

    deployment.one.kill_worker()
    until(lambda: [status for status, _ in deployment.generations(path)].count("completed") == len(ids) - 1, "the others end")
    assert [Counter(text) for text in texts(there)] == [Counter(WORDS[:50] if id == ids[1] else WORDS) for id in ids]
    until(lambda: {*ids} <= {*KEPT.findall(tab.raw.decode("utf-8", "replace"))}, "an open page offers to keep each")
    assert there.post(f"/messages/{ids[2]}/keep").status == 303
    page = deployment.here.page(path)
    assert ("column__name" in page.text, Answer(page).id) == (False, ids[2])
    tab.close()


@pytest.mark.parametrize("whom", ["user", "everyone"])
def test_a_project_is_live_at_another_worker_until_access_to_it_ends(deployment, fake, whom) -> None:
    email = f"{whom}@example.org"
    add_member(deployment.one, email)
    [(id,)] = deployment.one.rows("SELECT id FROM users WHERE email = ?", email)
    here, mara = deployment.here, Person(deployment.other.url).sign_in(email)
    project = here.post("/projects", name="Mill").location
    here.post(f"{project}/people", whom=f"user:{id}" if whom == "user" else "everyone:", right="read")
    mara.post("/projects/fold", unfold=project.rpartition("/")[2])
    page = Tab(mara, str(mara.page(project).tree.css_first("#project-feed").attributes["hx-sse:connect"])).read()
    until(lambda: page.raw, "the project's page is connected")

    fake.counts(TOKENS, pace=0.05)
    path = here.post("/chats", message="Count", project=project.rpartition("/")[2], key=uuid.uuid4().hex).location
    began = time.monotonic()
    here.post(f"{path}/people/project", share="1")
    until(lambda: page.raw.count(path.encode()) >= 2, "it is in the project's list and in the sidebar")
    seen_seconds = time.monotonic() - began
    tab = opened(mara, path)
    until(lambda: "w000050" in tab.first_seen(), "its answer grows")
    remove = str(here.page(f"{project}/people").tree.css_first("form.act").attributes["action"])
    began = time.monotonic()
    here.post(remove)
    # The last chunk: the connection itself stays for other requests.
    until(lambda: all(stream.raw.endswith(b"\r\n0\r\n\r\n") for stream in (tab, page)), "both pages notice")
    gone_seconds = time.monotonic() - began

    assert [mara.get(place).status for place in (project, path)] == [404, 404]
    assert path not in mara.page("/").text
    print(f"seen after {seen_seconds:.2f} s, gone after {gone_seconds:.2f} s")
    # About a second each; without a signal, pages check every thirteen.
    assert max(seen_seconds, gone_seconds) < 10
    here.post(here.last_answer(path).buttons["Stop"])
    for open_tab in (tab, page):
        open_tab.close()


# Its lease takes half a minute to expire. That it is notified and writes nothing more is tested without a server in
# `tests/engine/test_journal.py` and `tests/streaming/test_redis_topics.py`.
@pytest.mark.deep
def test_a_frozen_worker_on_another_host_is_replaced_and_writes_nothing_more(deployment, fake) -> None:
    path, tab = held_in_the_middle(fake, by=deployment.there, seen_by=deployment.here)
    # Its master too, which would kill a worker that does not respond.
    frozen = [deployment.other.pid, *deployment.other.worker_pids]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: "completed" in statuses(tab), "it is gone on with here", seconds=180)
        assert deployment.generations(path) == CUT_AND_GONE_ON_WITH
        said = words(deployment.here, path)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    # It notices that its generation was taken over, and serves requests again.
    until(lambda: "was taken over by another worker" in deployment.other.log, "who was frozen knows of it")

    assert words(deployment.there, path) == said
    assert Counter(said) == Counter(WORDS)
    assert set(WORDS) <= set(tab.first_seen())
    assert deployment.generations(path) == CUT_AND_GONE_ON_WITH
    tab.close()


def test_without_redis_pages_read_the_database_and_come_back_by_themselves(deployment, fake) -> None:
    fake.counts(TOKENS, pace=0.02)
    path = deployment.there.begin("Count")
    tab = opened(deployment.here, path)
    until(lambda: "w000050" in tab.first_seen(), "an answer of the other server is seen here")
    deployment.redis.kill()
    until(lambda: "degraded" in deployment.there.get("/readyz").text, "it is said to programs")
    assert "Redis is not responding." in deployment.there.page("/admin/health").text
    until(lambda: "completed" in statuses(tab), "it is followed to its end all the same")
    assert set(WORDS) <= set(tab.first_seen())

    deployment.other.terminate()
    deployment.other.start()
    until(lambda: "degraded" in deployment.there.get("/readyz").text, "a server starts without Redis as well")
    unheard = deployment.there.begin("Count without Redis")
    late = opened(deployment.here, unheard)
    until(lambda: "w000050" in late.first_seen(), "one that begins without Redis is seen too")
    deployment.redis.start()
    until(lambda: '"ready"' in deployment.there.get("/readyz").text, "Redis is back")
    until(lambda: "completed" in statuses(late), "and nothing is lost on the way")
    assert Counter(words(deployment.here, unheard)) == Counter(WORDS)
    for open_tab in (tab, late):
        open_tab.close()


@pytest.mark.mostly_deep
@pytest.mark.parametrize("name", ["FILES_DIR", "SECRET_KEY", "ENCRYPTION_KEY"])
def test_a_server_that_is_set_up_otherwise_says_so_and_ends(deployment, tmp_path, name) -> None:
    other = {"FILES_DIR": str(tmp_path / "files"), "SECRET_KEY": "another-secret-for-the-tests", "ENCRYPTION_KEY": "u" * 43 + "="}
    # The running servers have published their configuration to each other.
    until(lambda: deployment.redis.reply("EXISTS millrace:common") == ":1", "it is known how they are set up")

    assert UNLIKE.format(name) in deployment.last_words(tmp_path, **{name: other[name]})
    assert '"ready"' in deployment.here.get("/readyz").text
