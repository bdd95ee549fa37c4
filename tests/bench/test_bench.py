"""`flask bench` measures what it claims to, explains its figures, and reports when it could not measure."""

from itertools import pairwise

import pytest

from bench import alone, compare, plans, sitting, stream
from bench.figures import Compared, Heard, Measured, Seen, compared, doubts, percentile, slope
from bench.load import PARAGRAPH, STAMP, Load, Sitting, prose
from bench.reading import Reading
from bench.stages import ELSE, STAGES, shares, stage_of
from bench.table import CROWDS, LINES, TableLine, ways
from bench.upstream import stamped
from bench.verdict import Bar, Verdict, drift
from tests.support.rounds import ROUNDS


def run(
    name: str,
    *,
    cpu_seconds: float | None = None,
    lag_ms: float = 1.0,
    first_ms: tuple[float, float] = (1.0, 2.0),
    then_ms: tuple[float, float] = (1.0, 2.0),
) -> Measured:
    times = {"first_ms": first_ms, "then_ms": then_ms, "late_ms": (1.0, 2.0), "steady_ms": (1.0, 2.0)}
    return Measured(name, Heard(1000, 1000, 0, **times, lag_ms=lag_ms, seconds=2.0), cpu_seconds, 50.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.25, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_no_values_have_no_percentile() -> None:
    assert percentile([], 0.5) == 0


@pytest.mark.parametrize(
    ("points", "growth"), [([], 0), ([(1, 5)], 0), ([(1, 5), (3, 9)], 2), ([(0, 4), (1, 5), (2, 4)], 0), ([(2, 1), (2, 9)], 0)]
)
def test_growth_is_that_of_the_line_through_all_points(points: list[tuple[float, float]], growth: float) -> None:
    assert slope(points) == pytest.approx(growth)


def test_the_product_is_measured_in_relays_before_and_after_it() -> None:
    costs = [("relay", 0.04), ("api", 0.06), ("relay", 0.06), ("pages", 0.09), ("relay", 0.06)]
    runs = [run(name, cpu_seconds=cost) for name, cost in costs]

    assert {relay.ours.name: relay.cpu() for relay in compared(runs)} == pytest.approx({"api": 1.2, "pages": 1.5})
    assert runs[1].cpu_per_million == pytest.approx(60)
    assert runs[1].core == pytest.approx(3)


def test_what_is_added_to_the_first_token_is_what_comes_upon_the_model_s_own_time() -> None:
    runs = [run("relay", cpu_seconds=1), run("direct", then_ms=(1, 3)), run("api", then_ms=(21, 33)), run("relay", cpu_seconds=1)]

    assert [relay.first() for relay in compared(runs)] == [30]


def test_a_line_is_the_median_of_all_rounds() -> None:
    line = TableLine("api", "CPU", "400", "api", Compared.cpu, 2)
    runs = [run(name, cpu_seconds=cost) for cost in (0.01, 0.05, 0.03) for name in ("relay", "api")]
    floor = [run("relay", cpu_seconds=0.01) if figures.name == "relay" else figures for figures in (*runs, runs[0])]

    assert line.bar(compared(floor)).line() == "does not hold  CPU: 3 (at most 2)"


def test_a_figure_without_a_bound_is_told() -> None:
    assert Bar("CPU", 3, None).line() == "is told        CPU: 3"
    assert Bar("CPU", 3, None).holds


def test_only_what_a_line_needs_is_run() -> None:
    def needed(*names: str) -> dict[str, list[str]]:
        return dict(ways([line for line in LINES if line.name in names]))

    assert needed("api-400") == {"400": ["api"]}
    assert needed("pages-steady", "pages-400", "watched") == {"400": ["pages", "direct"], "watched": ["later"]}
    assert set(ways(LINES)) == set(CROWDS)
    assert len(set(stream.NAMES)) == len(stream.NAMES)


def test_opening_is_measured_beside_the_model_alone() -> None:
    firsts = [("relay", 5), ("direct", 20), ("pages", 110), ("relay", 5)]
    runs = [run(name, cpu_seconds=1, first_ms=(1, first)) for name, first in firsts]

    assert [found.opened() for found in compared(runs)] == [90]


def test_it_doubts_itself_on_a_restless_machine() -> None:
    drifting = [run("relay", cpu_seconds=0.05), run("relay", cpu_seconds=0.07)]

    assert doubts(drifting) == ["two runs of the same differ by 40% in CPU"]
    assert doubts([run("api", lag_ms=9)]) == ["the client's own lag was 9.0 ms (p99) during api"]
    assert not drift(1.0, 1.1)


def test_a_verdict_says_of_every_bound_whether_it_holds() -> None:
    verdict = Verdict([Bar("tokens lost", 0, 0), Bar("first token", 61.25, 50, " ms", is_timed=True)])

    assert verdict.lines() == [
        "holds          tokens lost: 0 (at most 0)",
        "does not hold  first token: 61.25 ms (at most 50 ms)",
    ]
    assert not verdict.is_good


def test_a_late_machine_excuses_times_and_nothing_else() -> None:
    late, lost = Bar("first token", 61, 50, " ms", is_timed=True), Bar("tokens lost", 1, 0)

    assert Verdict([late], ["it was late"]).is_good
    assert not Verdict([lost], ["it was late"]).is_good
    assert Verdict([late], ["it was late"]).lines()[-1] == "These times are unreliable: it was late."


def test_a_crowd_comes_evenly_and_in_step_with_nothing() -> None:
    load = Load(100, 400, 50, within=4)
    moments = sorted(load.at(number) for number in range(load.crowd))
    gaps = [later - earlier for earlier, later in pairwise(moments)]

    assert 0 <= moments[0] < moments[-1] < load.within
    assert 0 < min(gaps) < max(gaps) < 3 * load.within / load.crowd


def rows(*, megabytes: float, minutes: int = 10) -> list[sitting.Row]:
    """Samples of a long chat with a turn per second: any growth in the first five minutes, then `megabytes` per 100 turns."""
    moments = [0.0, *(float(second) for second in range(0, minutes * 60 + 1, 20))]
    grown = [at if at < 300 else 300 + (at - 300) / 100 * megabytes for at in moments]
    seen = [Seen(at, 1, turns=int(at), closes=0, refused=0, lost=0, beats=0, silence=1.0, lag_ms=1.0) for at in moments]
    return [sitting.Row(moment, 1.0, 90 + mb) for moment, mb in zip(seen, grown, strict=True)]


@pytest.mark.parametrize(("megabytes", "is_flat"), [(0, True), (0.9, True), (1.1, False)])
def test_memory_is_flat_when_it_grows_no_more_once_as_much_is_forgotten_as_remembered(megabytes: float, is_flat: bool) -> None:
    assert sitting.flat(rows(megabytes=megabytes)).is_good is is_flat


def test_a_short_sitting_says_nothing_of_memory() -> None:
    assert sitting.flat(rows(megabytes=5, minutes=6)).doubts == ["it was too short to measure growth"]


def test_a_token_is_read_once_however_the_stream_is_cut() -> None:
    text = "".join(stamped(piece, number) for number, piece in enumerate(prose(2 * PARAGRAPH))).encode()
    for size in (1, 7, 29, 500):
        reading = Reading(2 * PARAGRAPH)
        for start in range(0, len(text), size):
            reading.take(text[start : start + size])
            reading.take(b"")
        assert reading.is_whole
        assert reading.first_ms is not None


def test_what_is_asked_for_goes_from_one_process_to_the_other() -> None:
    load, open_pages = Load.of_plans(20, 50, 5), Sitting(100, 10, 3, 600, 30, 60, 400, 20)

    assert Load.read(str(load)) == load
    assert Sitting.read(str(open_pages)) == open_pages
    assert max(piece.count(STAMP) for piece in load.pieces) == 1


@pytest.mark.slow
@pytest.mark.rounds
def test_streams_are_measured_from_end_to_end() -> None:
    load, lines = Load(answers=2, tokens=60, rate=100, later=2, watchers=2), list[str]()
    names = ["direct", "api", "pages", "later"] if ROUNDS > 1 else ["pages"]

    runs = stream.measured(load, names, lines.append)

    assert [run.name for run in runs] == [line.split()[0] for line in lines]
    assert [run.name for run in runs] == ["relay", *names, "relay"]
    assert {run.heard.received for run in runs} == {6 * 60}
    assert len(compared(runs)) == len({*names} - {"direct"})
    assert_unbroken(Verdict(stream.loss_bars(runs)))


@pytest.mark.slow
@pytest.mark.deep
def test_what_a_worker_is_at_is_counted_by_stages() -> None:
    samples: stream.Samples = {}

    stream.measured(Load(answers=5, tokens=200, rate=200), ["api"], print, samples=samples)

    stages = {stage_of(place) for place in samples["api"]}
    assert {"reading the model", "events and switches"} <= stages <= {*STAGES, ELSE}
    assert len(shares(samples)) > len(STAGES)


@pytest.mark.slow
@pytest.mark.deep
def test_a_server_is_measured_alone() -> None:
    assert 30 < alone.idle_mb() < 500
    assert 0 < alone.start_seconds() < 60


@pytest.mark.slow
@pytest.mark.deep
def test_plans_are_written_at_once_and_no_more_than_there_may_be() -> None:
    verdict = plans.measure(3, 200, print, ways=["plan-api"])

    assert len([bar for bar in verdict.bars if "quota" in bar.words]) == 1
    assert_unbroken(verdict)


@pytest.mark.slow
@pytest.mark.deep
def test_a_prompt_is_compared_with_itself() -> None:
    lines: list[str] = []

    assert len(compare.measure(1, lines.append, question="Hm.").bars) == 2

    assert [line.split()[:-2] for line in lines[2:]] == [["streamed"], ["not", "streamed"]]


@pytest.mark.slow
@pytest.mark.deep
def test_open_pages_are_watched_while_their_chats_go_on() -> None:
    lines: list[str] = []

    verdict = sitting.watchers(Sitting(6, 3, 1, seconds=2, every=1, pace=0.5, tokens=20, rate=200, fill=6), lines.append)

    open_and_turns = [tuple(map(int, line.split()[1:3])) for line in lines[2:6]]
    assert open_and_turns[:2] == [(0, 0), (6, 2)]
    assert open_and_turns[-1] > (6, 2)
    assert_unbroken(verdict)


def assert_unbroken(verdict: Verdict) -> None:
    """Asserts all bars but timings, which only the bench checks: other tests share the machine."""
    broken = [bar.line() for bar in verdict.bars if not bar.holds and not bar.is_timed]
    assert not broken
