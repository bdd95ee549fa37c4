"""Runs every fault and writes the outcomes into `docs/reliability.md`: `python -m tests.faults [words for pytest]`."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402  the patch must come first
from collections import defaultdict  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

from tests.faults.rows import FAULTS, Fault, Storage  # noqa: E402
from tests.faults.test_faults import LOADS  # noqa: E402

FILE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN = "## What happened\n"
Key = tuple[str, str, int]


class Outcomes:
    """A pytest plugin that records the outcome of every case."""

    def __init__(self) -> None:
        self.found: dict[Key, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said = dict(report.user_properties)
        if report.when == "call" and "case" in said:
            number, words, storage, load = str(said["case"]).split("|")
            self.found[f"{number}|{words}", storage, int(load)] = str(said["outcome"]) if report.passed else "**broken**"
            # Written after each case, so that an interrupted run also keeps its outcomes.
            write(self.found)


# Between the outcomes of a fault's cases, of each storage with each load, and between faults.
CASES, APART = ", ", "; "


def table(found: dict[Key, str]) -> str:
    """Returns a row for each outcome, with the faults that ended so."""
    faults: defaultdict[str, list[str]] = defaultdict(list)
    for fault in FAULTS:
        outcomes = {place: found.get((f"{fault.number}|{fault.words}", *place), "") for place in _places(fault)}
        faults[_cell(outcomes)].append(fault.words)
    rows = [f"| {cell} | {APART.join(words)} |" for cell, words in sorted(faults.items())]
    return "\n".join(["| how it ended | what was done |", "|---|---|", *rows])


def _places(fault: Fault) -> list[tuple[Storage, int]]:
    return [(storage, load) for storage in fault.where for load in LOADS]


def _cell(outcomes: dict[tuple[Storage, int], str]) -> str:
    """Returns the outcome if it is the same in all cases, otherwise one for each case, in their order."""
    return min(outcomes.values()) if len(set(outcomes.values())) == 1 else CASES.join(outcomes.values())


def write(found: dict[Key, str]) -> None:
    """Writes the outcomes into the page; cases that did not run keep their previous outcome."""
    before, _, known = FILE.read_text("utf-8").partition(BEGIN)
    FILE.write_text(f"{before}{BEGIN}\n{table(_read(known) | found)}\n", "utf-8")


def _read(known: str) -> dict[Key, str]:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in known.splitlines() if line.startswith("|")]
    cells = {words: cell.split(CASES) for cell, faults in rows for words in faults.split(APART)}
    return {
        (f"{fault.number}|{fault.words}", *place): outcome
        for fault in FAULTS
        for place, outcome in zip(_places(fault), _of_each(cells.get(fault.words, [""]), len(_places(fault))), strict=True)
    }


def _of_each(outcomes: list[str], count: int) -> list[str]:
    return outcomes * count if len(outcomes) == 1 else outcomes


def main(words: list[str]) -> int:
    outcomes = Outcomes()
    status = pytest.main(["tests/faults", "-m", "", "-p", "no:randomly", "-q", *words], plugins=[outcomes])
    counts: defaultdict[bool, int] = defaultdict(int)
    for outcome in outcomes.found.values():
        counts[outcome == "**broken**"] += 1
    print(f"{counts[False]} as promised, {counts[True]} broken; written to {FILE}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
