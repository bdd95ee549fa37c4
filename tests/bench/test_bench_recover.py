"""`flask bench recover`: its model gives all the same answer, its counter tells what happened, and a fault doesn't hide."""

import random
from typing import Any

import pytest

from bench import recover
from bench.counted_run import CountedRun, Findings
from bench.scripted_model import COUNTING, READING, partial_in, results_in, script, whole_text
from tests.bench.test_bench import assert_unbroken

ASKED = {"role": "user", "content": "Count for run-0003, please."}
NAME = "run-0003"


def called(id: str, label: str) -> dict[str, Any]:
    function = {"name": COUNTING, "arguments": f'{{"call": "{label}"}}'}
    return {"role": "assistant", "content": "Hm.", "tool_calls": [{"id": id, "function": function}]}


def test_each_call_of_an_answer_has_a_label_of_its_own() -> None:
    rounds = script(NAME)
    labels = [label for part in rounds for _, label in part.calls]

    assert len({*labels}) == len(labels) == 6
    assert [tool for tool, _ in rounds[0].calls] == [READING, COUNTING]
    assert whole_text(NAME) == "\n\n".join(part.text for part in rounds)
    assert [part.calls for part in script(NAME, has_tools=False)] == [()]


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([ASKED], ""),
        ([ASKED, {"role": "assistant", "content": "As I"}], "As I"),
        ([ASKED, {"role": "assistant", "content": "As I"}, {"role": "user", "content": "Go on."}], "As I"),
        ([ASKED, called("one", "a"), {"role": "tool", "tool_call_id": "one", "content": "Done."}], ""),
    ],
)
def test_what_is_to_be_continued_is_the_last_text_of_the_answer(messages: list[dict[str, Any]], text: str) -> None:
    assert partial_in(messages) == text


def test_a_result_is_known_by_the_label_of_its_call() -> None:
    result = {"role": "tool", "tool_call_id": "one", "content": "Done."}

    assert list(results_in([ASKED, called("one", "a"), result, result])) == [("a", "Done."), ("a", "Done.")]
    assert list(results_in([ASKED, {**result, "tool_call_id": "two"}])) == [("two", "Done.")]


def faults(**change: Any) -> list[str]:
    """Returns the bars that don't hold if one call of an answer is not as it should be, or what is known of it."""
    wanted = [call for part in script(NAME) for call in part.calls]
    calls = [
        {"arguments": {"call": label}, "tool": tool, "state": "done", "text": f"{label} 1", "ended_at": "2026-01-01T00:00:00Z"}
        for tool, label in wanted
    ]
    label = wanted[1][1]
    results, receipts = [(name, f"{name} 1") for _, name in wanted], {name: [f"{name} 1"] for _, name in wanted}
    calls[1] |= change.get("call", {})
    results += [(label, f"{label} 1")] * change.get("more_results", 0)
    receipts[label] += change.get("receipts", [])
    asked = {"results": results, "receipts": receipts, "counted_at": {label: change.get("counted_at", [])}}
    run = CountedRun(NAME, *[None] * 3, Findings(), random.Random(1), has_tools=True)  # type: ignore[arg-type]  # it asks no one
    return [bar for bar, _ in run.faults_of_calls(calls, asked)]


def test_an_answer_as_it_should_be_has_no_faults() -> None:
    assert faults() == []
    assert faults(counted_at=[1.0]) == []


@pytest.mark.parametrize(
    ("change", "bar"),
    [
        ({"call": {"state": "running"}}, "open"),
        ({"call": {"text": "of another"}}, "results"),
        ({"call": {"arguments": {"call": "of another"}}}, "results"),
        ({"more_results": 1}, "results"),
        ({"receipts": ["again"]}, "twice"),
        ({"counted_at": [4e9]}, "twice"),
    ],
)
def test_each_fault_breaks_its_bar(change: dict[str, Any], bar: str) -> None:
    assert bar in faults(**change)


def test_findings_become_bars() -> None:
    findings = Findings(faults={"twice": ["run-0001: twice"]})
    findings.slowest = 11.0
    verdict = recover.judged(findings, lag_ms=1.0)

    assert [bar.found for bar in verdict.bars if not bar.holds] == [1, 11.0]
    assert not verdict.is_good


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("has_tools", [True, False])
def test_answers_survive_a_few_kills(has_tools: bool) -> None:
    lines = list[str]()

    verdict = recover.measure(recover.Killing(3, has_tools=has_tools), lines.append)

    assert_unbroken(verdict)
    found = {bar.words: bar.found for bar in verdict.bars}
    assert found["answers"] >= recover.AT_ONCE
    assert found["runs that went on after a kill"] > 0
