"""A histogram that adds all values of an answer together: the library's takes a lock and a search for each of hundreds."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf

from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


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
        bounds = [floatToGoString(each) for each in self._bounds]  # type: ignore[no-untyped-call]  # the library has no types here
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), self._sums[labels])
        yield family
