"""The commands check, test and import."""

import shutil
from pathlib import Path

import pytest
from flask import Flask

from webapp.base.config import ROOT
from webapp.workflows import commands, service as workflow_service

EXAMPLES = ROOT / "examples" / "workflows"


def test_every_transcript_of_the_shipped_workflows_holds() -> None:
    counts = {}
    for file in EXAMPLES.glob("*.test.yaml"):
        slug = file.name.removesuffix(".test.yaml")
        assert (EXAMPLES / f"{slug}.yaml").read_text("utf-8") == (workflow_service.FOLDER / f"{slug}.yaml").read_text("utf-8")
        faults, counts[slug] = commands.played(file.read_text("utf-8"), EXAMPLES)
        assert not faults
    assert set(counts) == {file.stem for file in workflow_service.FOLDER.glob("*.yaml")}
    assert sum(counts.values()) >= 30


@pytest.mark.slow
def test_the_example_is_whole_its_transcript_holds_and_it_is_brought_in(app: Flask, tmp_path: Path) -> None:
    source, cases = tmp_path / "weekly-checkin.yaml", tmp_path / "weekly-checkin.test.yaml"
    for file in (source, cases):
        shutil.copy(EXAMPLES / file.name, file)
    call = app.test_cli_runner().invoke
    assert source.read_text("utf-8") == (workflow_service.FOLDER / "weekly-checkin.yaml").read_text("utf-8")
    assert "no faults" in call(args=["workflow", "check", str(source)]).output
    assert "13 cases, 0 failed" in call(args=["workflow", "test", str(cases)]).output
    both = call(args=["workflow", "test", str(source), str(cases)])
    assert (both.exit_code, "weekly-checkin.yaml: 0 cases, 0 failed" in both.output) == (0, True)
    assert "published as version 1" in call(args=["workflow", "import", "--publish", str(source)]).output
    with app.app_context():
        assert not workflow_service.get("weekly-checkin").is_shipped
    cases.write_text(cases.read_text("utf-8").replace("= focus", "= support"), "utf-8")
    wrong = call(args=["workflow", "test", str(cases)])
    assert (wrong.exit_code, "it is running at “focus”" in wrong.output) == (1, True)
    source.write_text(source.read_text("utf-8").replace("go: win", "go: wim"), "utf-8")
    assert call(args=["workflow", "test", str(source)]).exit_code == 1
    wrong = call(args=["workflow", "check", str(source)])
    assert (wrong.exit_code, "Did you mean “win”?" in wrong.output) == (1, True)
