"""The connection to Redis or Valkey: pipelines, and one blocking read. No other module uses the library."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

PREFIX = "millrace:"
EPOCH, CHANGES, SHARED_CONFIG = f"{PREFIX}epoch", f"{PREFIX}changes", f"{PREFIX}common"
MOST_CHANGES = 10_000
# How long what a worker published about itself is valid.
SHARED_CONFIG_SECONDS = 60
# A stream without new entries expires after this time: the database has all of it.
KEEP_MS = 330_000
# That of an answer which has ended expires sooner, so that what is deleted is soon gone here, too: a worker that reads later than
# this asks for the log again.
KEEP_ENDED_MS = 20_000
# How long the blocking read waits, and the timeout of anything else: the library's default would block all requests.
WAIT_MS = 1_000
PATIENCE_SECONDS = 1.0
# The timeout including a new connection, or a response that arrives byte by byte.
MOST_SECONDS = 2 * PATIENCE_SECONDS
MOST_AT_ONCE = 500
# A token bucket that regains a token at intervals: the same calculation as in `webapp.base.throttle`, atomic for all workers. A
# burst of 0 returns a token.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local burst, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = full_at - now - (burst - 1) * seconds
if burst == 0 then
    wait, full_at = 0, math.max(now, full_at - seconds)
elseif wait <= 0 then
    wait, full_at = 0, full_at + seconds
end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1)
return {string.format('%.6f', wait), string.format('%.6f', full_at - now)}
"""

ENTER = """
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000000 + time[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], 86400)
local lost = {}
for place = 1, redis.call('ZCARD', KEYS[1]) - ARGV[2] do
    lost[place] = redis.call('ZPOPMIN', KEYS[1])[1]
end
return lost
"""


Within = Callable[[float], AbstractContextManager[object]]


class RedisUnavailable(ConnectionError):
    """Redis is not available, or returns an error."""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One entry of a Redis stream: the stream's name, the entry's id and its fields; the stream expires after `keep_ms`."""

    stream: str
    id: str
    fields: Mapping[str, str]
    keep_ms: int = KEEP_MS


def of_topic(topic: str) -> str:
    return f"{PREFIX}{topic}"


def of_worker(worker: str) -> str:
    return f"{PREFIX}worker:{worker}"


class RedisLink:
    """A connection to Redis. Every method blocks for a second at most, and raises `RedisUnavailable`; only `wait` blocks longer.

    `within` limits the total time of a call by a `TimeoutError`: the library's own timeout restarts with every byte.
    """

    def __init__(self, url: str, *, within: Within = lambda _seconds: nullcontext()) -> None:
        self._within = within
        options: dict[str, Any] = {
            "decode_responses": True,
            "retry": Retry(NoBackoff(), 0),
            "socket_connect_timeout": PATIENCE_SECONDS,
        }
        # `Any`, because the library's types also cover its asynchronous client.
        self._client: Any = Redis.from_url(url, socket_timeout=PATIENCE_SECONDS, **options)
        # A separate connection: a timeout shorter than its wait would interrupt the blocking read.
        self._waiting: Any = Redis.from_url(url, socket_timeout=WAIT_MS / 1000 + 2 * PATIENCE_SECONDS, **options)

    def epoch(self, new: str) -> str:
        """Returns the name of this Redis's current data set, which the first worker to connect sets."""
        with self._answering():
            self._client.set(EPOCH, new, nx=True)
            return str(self._client.get(EPOCH))

    def shared_config(self, mine: str) -> str:
        """Returns what workers published within the last minute; publishes and returns `mine` if there is nothing."""
        with self._answering():
            self._client.set(SHARED_CONFIG, mine, nx=True, ex=SHARED_CONFIG_SECONDS)
            return str(self._client.get(SHARED_CONFIG) or mine)

    def renew_shared_config(self, mine: str) -> None:
        with self._answering():
            self._client.set(SHARED_CONFIG, mine, ex=SHARED_CONFIG_SECONDS)

    def newest_change(self) -> str:
        """Returns the id of the newest change, or one of the current time if there is none."""
        with self._answering():
            newest = self._client.xrevrange(CHANGES, count=1)
            seconds, microseconds = self._client.time()
        return str(newest[0][0]) if newest else f"{seconds * 1000 + microseconds // 1000}-0"

    def send_all(self, changes: Iterable[Mapping[str, str]], answers: Iterable[StreamEntry]) -> None:
        """Sends all in one pipeline. Entries that a stream rejects as too old are dropped: another worker continues there."""
        pipeline = self._client.pipeline(transaction=False)
        for fields in changes:
            pipeline.xadd(CHANGES, dict(fields), maxlen=MOST_CHANGES, approximate=True)
        for stream_entry in answers:
            pipeline.xadd(stream_entry.stream, dict(stream_entry.fields), id=stream_entry.id)
            pipeline.pexpire(stream_entry.stream, stream_entry.keep_ms)
        with self._answering():
            answered = pipeline.execute(raise_on_error=False)
        if trouble := next((reply for reply in answered if isinstance(reply, RedisError) and not _is_late(reply)), None):
            raise RedisUnavailable(str(trouble))

    def send(self, worker: str, fields: Mapping[str, str]) -> None:
        """Sends a message to one worker."""
        with self._answering():
            self._client.xadd(of_worker(worker), dict(fields), maxlen=MOST_CHANGES, approximate=True)
            self._client.pexpire(of_worker(worker), KEEP_MS)

    def wait(self, positions: Mapping[str, str]) -> list[StreamEntry]:
        """Returns the entries after these positions, as soon as there are any; nothing after a second."""
        with self._answering(WAIT_MS / 1000 + MOST_SECONDS):
            replies = self._waiting.xread(dict(positions), count=MOST_AT_ONCE, block=WAIT_MS)
        return [StreamEntry(stream, id, fields) for stream, entries in replies or () for id, fields in entries]

    def last_of(self, topic: str) -> str:
        """Returns the id of the newest entry of an answer's stream; `0-0` if there is none."""
        with self._answering():
            newest = self._client.xrevrange(of_topic(topic), count=1)
        return str(newest[0][0]) if newest else "0-0"

    def take(self, bucket: str, *, burst: int, seconds: float) -> tuple[float, float]:
        """Takes a token from a bucket; returns the seconds until one is available, 0 if it was, and those until it is full."""
        with self._answering():
            wait_seconds, missing = self._client.eval(TAKE, 1, f"{PREFIX}bucket:{bucket}", burst, seconds)
        return float(wait_seconds), float(missing)

    def enter(self, key: str, name: str, limit: int) -> list[str]:
        """Adds a name to a set of at most `limit`; returns the oldest names, which were removed for it."""
        with self._answering():
            return [str(place) for place in self._client.eval(ENTER, 1, f"{PREFIX}places:{key}", name, limit)]

    def leave(self, key: str, name: str) -> None:
        with self._answering():
            self._client.zrem(f"{PREFIX}places:{key}", name)

    def count(self, key: str) -> int:
        """Returns how many names such a set has."""
        with self._answering():
            return int(self._client.zcard(f"{PREFIX}places:{key}"))

    def about(self) -> tuple[str, bool]:
        """Returns the version of Redis, and whether it evicts data when its memory is full."""
        with self._answering():
            facts = self._client.info()
        version = str(facts.get("valkey_version") or facts.get("redis_version", ""))
        # The `volatile-*` policies count too: they evict the streams of answers, which have an expiry.
        return version, facts.get("maxmemory_policy", "noeviction") != "noeviction"

    def close(self) -> None:
        self._client.close()
        self._waiting.close()

    @contextmanager
    def _answering(self, seconds: float = MOST_SECONDS) -> Iterator[None]:
        try:
            with self._within(seconds):
                yield
        except (RedisError, OSError) as error:
            raise RedisUnavailable(str(error)) from error


def _is_late(error: RedisError) -> bool:
    return isinstance(error, ResponseError) and "equal or smaller" in str(error)
