"""The commands: check, test and import."""

import shutil
from pathlib import Path

import pytest
from flask import Flask

from webapp.config import ROOT
from webapp.workflows import shelf

EXAMPLES = ROOT / "examples" / "workflows"


@pytest.mark.slow
def test_the_example_is_whole_its_transcript_holds_and_it_is_brought_in(app: Flask, tmp_path: Path) -> None:
    source, cases = tmp_path / "weekly-checkin.yaml", tmp_path / "weekly-checkin.test.yaml"
    for file in (source, cases):
        shutil.copy(EXAMPLES / file.name, file)
    call = app.test_cli_runner().invoke
    assert source.read_text("utf-8") == (shelf.FOLDER / "weekly-checkin.yaml").read_text("utf-8")
    assert "no faults" in call(args=["workflow", "check", str(source)]).output
    assert "8 cases, 0 failed" in call(args=["workflow", "test", str(cases)]).output
    assert "published as version 1" in call(args=["workflow", "import", "--publish", str(source)]).output
    with app.app_context():
        assert not shelf.get("weekly-checkin").is_shipped
    cases.write_text(cases.read_text("utf-8").replace("= focus", "= support"), "utf-8")
    wrong = call(args=["workflow", "test", str(cases)])
    assert (wrong.exit_code, "it is running at “focus”" in wrong.output) == (1, True)
    source.write_text(source.read_text("utf-8").replace("go: win", "go: wim"), "utf-8")
    wrong = call(args=["workflow", "check", str(source)])
    assert (wrong.exit_code, "Did you mean “win”?" in wrong.output) == (1, True)
