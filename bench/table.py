"""The lines of `flask bench stream`: load, way of reading, measured value and bound of each. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.figures import DIRECT, Compared
from bench.load import Load
from bench.verdict import Bar

# A crowd that arrives gradually has starts, steady text and ends at the same time, as in normal operation; a burst has not.
CROWDS = {
    "400": Load(100, 400, 50, within=4),
    "150": Load(100, 150, 50, within=2),
    "50": Load(50, 400, 50, within=4),
    "200": Load(200, 400, 50, within=10),
    "burst": Load(100, 400, 50, within=1, later=20),
    "watched": Load(1, 400, 50, within=0, watchers=100),
}
OPENED = "first token added of 100 chats that begin within 4 s, p95"
CPU, P99, FIRST = "CPU in relays", "added p99 of tokens", "first token added amid 100 answers, p95"


@dataclass(frozen=True)
class TableLine:
    """One line of the table: the value for a crowd that reads in one way; without a bound it is only reported."""

    name: str
    words: str
    crowd: str
    way: str
    value: Callable[[Compared], float]
    most: float | None = None

    def bar(self, runs: Sequence[Compared]) -> Bar:
        """Returns the median of all rounds with the bound."""
        found = median(self.value(run) for run in runs if run.ours.name == self.way)
        unit, is_timed = " ms" if self.value in TIMES else "", self.value is not Compared.lost
        return Bar(self.words, found, self.most, unit, is_timed=is_timed)


TIMES = (Compared.steady, Compared.late, Compared.first, Compared.opened)
LINES = (
    TableLine("api-400", f"API, 400 tokens, {CPU}", "400", "api", Compared.cpu, 1.25),
    TableLine("api-150", f"API, 150 tokens, {CPU}", "150", "api", Compared.cpu, 1.7),
    TableLine("pages-400", f"pages, 400 tokens, first turn, {CPU}", "400", "pages", Compared.cpu, 1.8),
    TableLine("pages-150", f"pages, 150 tokens, first turn, {CPU}", "150", "pages", Compared.cpu),
    TableLine("later-400", f"pages, 400 tokens, later turns on an open page, {CPU}", "400", "later", Compared.cpu, 1.5),
    TableLine("later-150", f"pages, 150 tokens, later turns on an open page, {CPU}", "150", "later", Compared.cpu),
    TableLine("api-steady", f"API, {P99}, 100 answers", "400", "api", Compared.steady, 50),
    TableLine("pages-steady", f"pages, {P99}, 100 answers", "400", "pages", Compared.steady, 60),
    TableLine("api-burst", f"API, {P99}, 100 begun within a second", "burst", "api", Compared.late, 90),
    TableLine("pages-burst", f"pages, {P99}, 100 begun within a second", "burst", "pages", Compared.late, 120),
    TableLine("api-first", f"API, {FIRST}", "burst", "api", Compared.first, 20),
    TableLine("pages-first", f"pages, {FIRST}", "burst", "pages", Compared.first, 30),
    TableLine("api-opened", f"API, {OPENED}", "400", "api", Compared.opened),
    TableLine("pages-opened", f"pages, {OPENED}", "400", "pages", Compared.opened, 150),
    TableLine("api-50", f"API, 50 answers, {CPU}", "50", "api", Compared.cpu),
    TableLine("pages-50", f"pages, 50 answers, {CPU}", "50", "pages", Compared.cpu),
    TableLine("api-200", "API, 200 answers begun within 10 s, tokens lost", "200", "api", Compared.lost, 0),
    TableLine("api-200-late", f"API, {P99}, 200 answers", "200", "api", Compared.late),
    TableLine("watched", f"one answer on 100 open pages, {CPU}", "watched", "later", Compared.cpu, 0.15),
)


def ways(lines: Sequence[TableLine]) -> Mapping[str, list[str]]:
    """Returns the ways of reading to run for these lines, by crowd; also `direct`, without a server, where times are compared."""
    pairs = dict.fromkeys(
        (line.crowd, way) for line in lines for way in ((DIRECT, line.way) if line.value in TIMES else (line.way,))
    )
    return {crowd: [way for whose, way in pairs if whose == crowd] for crowd in dict.fromkeys(crowd for crowd, _ in pairs)}
