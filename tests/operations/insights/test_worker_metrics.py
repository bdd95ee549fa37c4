"""A scrape of one worker tells the figures of all; a dead worker's counts neither vanish nor count twice."""

from pathlib import Path

import gevent
import pytest

from tests.conftest import KEYS
from tests.support import redis_server
from tests.support.inserted import add_token
from tests.support.person import Person
from tests.support.ports import free_port
from tests.support.server import prepared
from tests.support.waiting import seen, until
from webapp.operations.health.worker_metrics import DEAD, FOLDED, WorkerMetrics, combined, only_counters

COUNTER = "# HELP a_total Words.\n# TYPE a_total counter\n"
GAUGE = "# HELP g Words.\n# TYPE g gauge\n"
SHARE = "# HELP millrace_budget_used_ratio Words.\n# TYPE millrace_budget_used_ratio gauge\n"
HISTOGRAM = "# HELP h Words.\n# TYPE h histogram\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ""),
        ([COUNTER], COUNTER),
        ([f'{COUNTER}a_total{{x="1 2"}} 1.0\n', f'{COUNTER}a_total{{x="1 2"}} 2.5\n'], f'{COUNTER}a_total{{x="1 2"}} 3.5\n'),
        (
            [f'{COUNTER}a_total{{x="1"}} 1.0\n', f'{COUNTER}a_total{{x="2"}} 2.0\n'],
            f'{COUNTER}a_total{{x="1"}} 1.0\na_total{{x="2"}} 2.0\n',
        ),
        ([f"{GAUGE}g 1.0\n", f"{GAUGE}g 2.0\n"], f"{GAUGE}g 3.0\n"),
        ([f"{SHARE}millrace_budget_used_ratio 0.5\n"] * 2, f"{SHARE}millrace_budget_used_ratio 0.5\n"),
        ([f"{COUNTER}a_total 1.0\n", f"{GAUGE}g 2.0\n{COUNTER}a_total 1.0\n"], f"{COUNTER}a_total 2.0\n{GAUGE}g 2.0\n"),
        ([f'{HISTOGRAM}h_bucket{{le="+Inf"}} 1.0\nh_sum 0.1\n'] * 2, f'{HISTOGRAM}h_bucket{{le="+Inf"}} 2.0\nh_sum 0.2\n'),
    ],
)
def test_metrics_are_added_up(texts: list[str], expected: str) -> None:
    assert combined(text.encode() for text in texts).decode() == expected


def test_gauges_end_with_their_worker() -> None:
    text = f"{GAUGE}g 1.0\n{COUNTER}a_total 1.0\n{HISTOGRAM}h_sum 2.0\n"
    assert only_counters(text.encode()).decode() == f"{COUNTER}a_total 1.0\n{HISTOGRAM}h_sum 2.0\n"


class Counting:
    """A worker that counts and writes to the folder, and can die."""

    def __init__(self, folder: Path, name: str, count: float) -> None:
        self.count = count
        self.metrics = WorkerMetrics(self._text, folder, worker_id=name, pause=gevent.sleep)

    def _text(self) -> bytes:
        return f"{COUNTER}a_total {self.count!r}\n{GAUGE}g 1.0\n".encode()

    def begin(self) -> "Counting":
        # The first of its writes is enough.
        self.metrics.begin(lambda work: gevent.spawn(work).join(timeout=0.01))
        return self

    def told(self) -> tuple[float, float]:
        samples = dict(line.split(" ") for line in self.metrics.text().decode().splitlines() if not line.startswith("#"))
        return float(samples["a_total"]), float(samples["g"])


def test_one_worker_tells_its_own(tmp_path: Path) -> None:
    assert Counting(tmp_path / "none", "one", 3.0).told() == (3.0, 1.0)
    assert not (tmp_path / "none").exists()


def test_what_a_worker_counted_outlives_it(tmp_path: Path) -> None:
    one, two = Counting(tmp_path, "one", 3.0).begin(), Counting(tmp_path, "two", 4.0).begin()
    assert one.told() == two.told() == (7.0, 2.0)

    two.count = 5.0
    two.metrics.end()
    assert [one.told(), one.told()] == [(8.0, 1.0)] * 2

    three = Counting(tmp_path, "three", 0.5).begin()
    three.metrics.end()
    assert one.told() == (8.5, 1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DEAD, f"{DEAD}.lock", "one", "one.lock"]
    one.metrics.end()


def test_one_that_was_added_up_but_not_removed_counts_once(tmp_path: Path) -> None:
    one = Counting(tmp_path, "one", 3.0).begin()
    (tmp_path / "two").write_text(f"{COUNTER}a_total 4.0\n")
    (tmp_path / DEAD).write_text(f"{COUNTER}a_total 4.0\n{FOLDED}two\n")

    assert [one.told(), one.told()] == [(7.0, 1.0)] * 2
    assert not (tmp_path / "two").exists()
    one.metrics.end()


def written(folder: Path) -> set[str]:
    """Returns the lines of what the workers have written together."""
    files = (path for path in folder.iterdir() if path.suffix not in (".lock", ".unfinished"))
    return set(combined(path.read_bytes() for path in files).decode().splitlines())


@pytest.mark.slow
def test_two_workers_of_a_server_tell_the_same_even_when_one_has_died(postgres_server, migrated_database, fake_process, tmp_path):
    name = postgres_server.new_database(like=migrated_database)
    with redis_server.running_server(free_port()) as redis:
        urls = {"DATABASE_URL": postgres_server.url(name), "REDIS_URL": redis.url, "WEB_CONCURRENCY": "2"}
        with prepared(tmp_path / "data", **KEYS, **fake_process.environ, **urls) as server:
            server.set(**{"models.titles": "off"})
            server.start()
            person = Person(server.url).become_owner(server.owner_link)
            token = add_token(server)
            for text in ("One", "Two", "Three"):
                person.begin(text)
            seen(lambda: server.rows("SELECT status FROM generations"), ([("completed",)] * 3).__eq__)

            def completed() -> set[str]:
                told = [person.get("/metrics", Authorization=f"Bearer {token}").text for _ in range(8)]
                return {
                    line for text in told for line in text.splitlines() if line.startswith('millrace_streams_total{kind="chat"')
                }

            of_chats = 'millrace_streams_total{kind="chat",outcome='
            wanted = {f'{of_chats}"completed"}} 3.0'} | {
                f'{of_chats}"{outcome}"}} 0.0' for outcome in ("stopped", "interrupted", "failed")
            }
            seen(completed, wanted.__eq__)
            # A killed worker loses what it has not written yet.
            until(lambda: wanted <= written(tmp_path / "data" / "metrics"), "the folder has all three", seconds=60)
            server.kill_worker()
            until(lambda: len(server.worker_pids) == 2 and completed() == wanted, "new workers tell them too", seconds=60)
    postgres_server.drop(name)
