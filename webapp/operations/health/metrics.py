"""Metrics for Prometheus: what this process does, and what it has done since its start; never about people or places."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, product
from math import inf
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from webapp.base.heavy.threads import ALL_THREADS
from webapp.engine.engine import Engine
from webapp.engine.metric_events import (
    Answered,
    BudgetUsed,
    Called,
    Exposed,
    FellBack,
    Found,
    Limit,
    Limited,
    MetricEvent,
    Retrieved,
)
from webapp.models.connections.effective import is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.operations.health import nightly
from webapp.settings.service import setting
from webapp.tools.built_in.catalog import ALL

# Names, labels and buckets follow OpenTelemetry's conventions for generative AI, which are not final yet.
OPERATION = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")
SECONDS = tuple(0.01 * 2**step for step in range(14))
TOKENS = tuple(4**step for step in range(14))
OTHER = "other"
TOOLS = frozenset(tool.key for tool in ALL)
ENDS = ("completed", "stopped", "interrupted", "failed")
# Servers choose the names of their models, and a series for each name would be kept forever.
MOST_SERVED = 200
Labels = tuple[str, ...]


# It would be a second series for each metric, with only the time when the first one began.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has types elsewhere


class Metrics:
    """The metrics of one application, with a separate registry."""

    def __init__(self, engine: Engine, *, watchers: Callable[[], int]) -> None:
        self._engine, self._served = engine, set[str]()
        registry = self._registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        self._add_gauges(engine, watchers)
        self._streams = Counter(
            "millrace_streams", "Answers that have ended, by kind and status.", ("kind", "outcome"), registry=registry
        )
        self._fallbacks = Counter(
            "millrace_stream_fallbacks",
            "Requests to a fallback model after one failed, or to the same model without streaming.",
            ("from", "to", "reason"),
            registry=registry,
        )
        self._limited = Counter(
            "millrace_rate_limited", "Requests rejected by a limit, by limit.", ("reason",), registry=registry
        )
        self._budget = Gauge(
            "millrace_budget_used_ratio", "Used share of the fullest budget, by unit.", ("unit",), registry=registry
        )
        self._retrieval = Histogram(
            "millrace_retrieval_duration_seconds",
            "Time to search documents for an answer, by outcome.",
            ("outcome",),
            registry=registry,
            buckets=SECONDS,
        )
        self._exposures = Counter(
            "millrace_prompt_exposures",
            "Answers asked with a version that an experiment chose, by prompt and version.",
            ("key", "version"),
            registry=registry,
        )
        self._calls = Histogram(
            "millrace_call_duration_seconds",
            "Time of calls of tools, by tool and by the state in which they ended.",
            ("tool", "state"),
            registry=registry,
            buckets=SECONDS,
        )
        self._blocked = Counter("millrace_loop_held", "How often something blocked the event loop.", registry=registry)
        self._blocked_seconds = Counter(
            "millrace_loop_held_seconds", "Total time that the event loop was blocked.", registry=registry
        )
        self._duration = self._histogram("operation_duration_seconds", "Time to complete an answer.", SECONDS, "error_type")
        self._first_chunk = self._histogram(
            "operation_time_to_first_chunk_seconds", "Time to the first text of a streamed answer.", SECONDS
        )
        self._gaps = GapCounts(
            "gen_ai_client_operation_time_per_output_chunk_seconds",
            "Time from each piece of a streamed answer to the next.",
            OPERATION,
            SECONDS,
        )
        registry.register(self._gaps)
        self._tokens = self._histogram("token_usage", "Input and output tokens.", TOKENS, "gen_ai_token_type")

    def text(self) -> bytes:
        """Returns all metrics in the text format of Prometheus."""
        self._begin_at_zero()
        return generate_latest(self._registry)

    def _begin_at_zero(self) -> None:
        """Creates the counters whose labels are known: one that is born with its first failure shows no increase."""
        for kind, outcome in product(self._engine.kinds, ENDS):
            self._streams.labels(kind, outcome)
        for reason in get_args(Limit):
            self._limited.labels(reason)
        for outcome in get_args(Found):
            self._retrieval.labels(outcome)
        for tool, state in product(TOOLS, ("done", "failed")):
            self._calls.labels(tool, state)

    def record(self, event: MetricEvent) -> None:
        """Counts an event."""
        match event:
            case Answered():
                self._count(event)
            case FellBack(model, following, reason):
                self._fallbacks.labels(self._name(model), self._name(following), reason).inc()
            case Limited(reason):
                self._limited.labels(reason).inc()
            case BudgetUsed(unit, share):
                self._budget.labels(unit).set(share)
            case Retrieved(outcome, seconds):
                self._retrieval.labels(outcome).observe(seconds)
            case Called(tool, state, seconds):
                # Tools of servers would name the servers, and a series for each would be kept forever.
                self._calls.labels(tool if tool in TOOLS else OTHER, state).observe(seconds)
            case Exposed(key, version):
                self._exposures.labels(key, str(version)).inc()

    def loop_blocked(self, seconds: float) -> None:
        """Counts that the event loop was blocked."""
        self._blocked.inc()
        self._blocked_seconds.inc(seconds)

    def _add_gauges(self, engine: Engine, watchers: Callable[[], int]) -> None:
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "millrace_streams_active": ("Answers being written now.", lambda: len(engine.live)),
            "millrace_sse_connections": ("Open streams to browsers and programs.", watchers),
            "millrace_topics_buffered_bytes": ("Memory used by the text of answers.", lambda: engine.logs.topics.buffered_bytes),
        }
        for name, (words, read_value) in gauges.items():
            Gauge(name, words, registry=self._registry).set_function(read_value)
        Gauge("millrace_backup_problems", "What is wrong with nightly backups.", registry=self._registry).set_function(
            partial(_in_app, engine, lambda: len(nightly.problems()))
        )
        Gauge("millrace_backup_seconds", "When the last good nightly backup began.", registry=self._registry).set_function(
            partial(_in_app, engine, _last_backup_seconds)
        )
        free = Gauge("millrace_threads_free", "Free threads, by purpose.", ("purpose",), registry=self._registry)
        lost = Gauge("millrace_threads_lost", "Threads that didn't come back, by purpose.", ("purpose",), registry=self._registry)
        for thread in ALL_THREADS:
            free.labels(thread.purpose).set_function(partial(getattr, thread, "free"))
            lost.labels(thread.purpose).set_function(partial(getattr, thread, "lost"))

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...], *more: str) -> Histogram:
        return Histogram(f"gen_ai_client_{name}", words, (*OPERATION, *more), registry=self._registry, buckets=buckets)

    def _count(self, answer: Answered) -> None:
        self._streams.labels(answer.kind, answer.status).inc()
        model_asked = self._name(answer.model_asked)
        operation = (
            "chat",
            OTHER if is_own(answer.provider) else answer.provider,
            model_asked,
            self._served_name(model_asked, answer.served),
        )
        error = answer.reason if answer.status in ("failed", "interrupted") else ""
        self._duration.labels(*operation, error).observe(answer.seconds)
        if answer.first_chunk_seconds is not None:
            self._first_chunk.labels(*operation).observe(answer.first_chunk_seconds)
        for kind, count in (("input", answer.input_tokens), ("output", answer.output_tokens)):
            if count is not None:
                self._tokens.labels(*operation, kind).observe(count)
        if answer.gaps:
            self._gaps.count(operation, answer.gaps)

    def _name(self, model: str) -> str:
        """Returns the model's name if it is known: where a server lists no models, people can type any name."""
        named = (setting("models.default"), *setting("models.fallbacks"), *setting("models.allowed"))
        # A person's own would name them, and each is one more series.
        is_known = not is_own(model) and (model.startswith(DEMO) or model in named or the_models().model(model))
        return model if is_known else OTHER

    def _served_name(self, model_asked: str, served: str) -> str:
        if model_asked == OTHER or (served not in self._served and len(self._served) >= MOST_SERVED):
            return OTHER
        self._served.add(served)
        return served


def _in_app(engine: Engine, read_value: Callable[[], float]) -> float:
    with engine.in_app():
        return read_value()


def _last_backup_seconds() -> float:
    good = nightly.last_good()
    return good.began.timestamp() if good else 0.0


class GapCounts(Collector):
    """Counts the values within each bound, and their sum, by labels."""

    def __init__(self, name: str, words: str, labels: Labels, bounds: Sequence[float]) -> None:
        self._name, self._words, self._labels, self._bounds = name, words, labels, (*bounds, inf)
        self._counts: defaultdict[Labels, list[int]] = defaultdict(lambda: [0] * len(self._bounds))
        self._sums: defaultdict[Labels, float] = defaultdict(float)

    def count(self, labels: Labels, values: Sequence[float]) -> None:
        counts = self._counts[labels]
        for value in values:
            counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += sum(values)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yields the metric family; called by the registry."""
        family = HistogramMetricFamily(self._name, self._words, labels=self._labels)
        bounds = [floatToGoString(bound) for bound in self._bounds]  # type: ignore[no-untyped-call]  # the library has no types here
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), self._sums[labels])
        yield family
