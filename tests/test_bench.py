"""`flask bench stream` measures what it says, and says when it could not."""

import pytest

from webapp.bench.figures import Heard, Measured, added_ms, doubts, percentile, ratios
from webapp.bench.stream import Load, measure
from webapp.bench.upstream import PARAGRAPH, stamped
from webapp.bench.visit import Reading


def run(name: str, *, cpu_seconds: float | None = None, lag_ms: float = 1.0, received: int = 1000) -> Measured:
    heard = Heard(expected=1000, received=received, refused=0, first_ms=(1.0, 2.0), late_ms=(1.0, 2.0), lag_ms=lag_ms)
    return Measured(name, heard, cpu_seconds, 50.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.25, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_no_values_have_no_percentile() -> None:
    assert percentile([], 0.5) == 0


def test_the_product_is_measured_in_relays() -> None:
    runs = [run("relay", cpu_seconds=0.05), run("Millrace API", cpu_seconds=0.06), run("relay again", cpu_seconds=0.05)]

    assert ratios(runs) == {"Millrace API": pytest.approx(1.2)}
    assert added_ms([run("no server"), *runs], "Millrace API") == 0
    assert runs[1].cpu_per_million == pytest.approx(60)
    assert not doubts(runs)


def test_it_doubts_itself_on_a_restless_machine() -> None:
    drifting = [run("relay", cpu_seconds=0.05), run("relay again", cpu_seconds=0.07)]

    assert doubts(drifting) == ["the two relay runs differ by 40% in CPU"]
    assert doubts([run("Millrace", lag_ms=9)]) == ["the client's own lag was 9.0 ms (p99) during Millrace"]


def test_a_token_is_read_once_however_the_stream_is_cut() -> None:
    text = "".join(stamped(number) for number in range(2 * PARAGRAPH)).encode()
    for size in (1, 7, 29, 500):
        reading = Reading(2 * PARAGRAPH)
        for start in range(0, len(text), size):
            reading.take(text[start : start + size])
            reading.take(b"")
        assert reading.is_whole
        assert reading.first_ms is not None


@pytest.mark.slow
def test_it_runs_from_end_to_end() -> None:
    lines: list[str] = []

    assert measure(Load(answers=3, tokens=60, rate=100), lines.append)

    names = [line[:15].strip() for line in lines[2:7]]
    assert names == ["no server", "relay", "Millrace pages", "Millrace API", "relay again"]
    assert [line[15:].split()[:2] for line in lines[2:7]] == [["0", "0"]] * 5
    assert len([line for line in lines if "times the CPU of the relay" in line]) == 2
