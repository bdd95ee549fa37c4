"""Files that people give in runs: what models are sent of them, and what happens to one that can't be read."""

import io
import json

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.chat.library import Library
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from tests.workflows.programs import published, settled

__all__ = ["app"]
REPORT = """
workflow: report
title: Report
slots: {report: {type: file, ask: "Which report?"}, point: {}}
steps:
  - collect: report
  - {id: sum, chat: "Say what {{report}} is about.", max_sentences: 1}
  - collect: point
  - {id: other, chat: "Something else.", retrieve: false}
"""
BEARING = "The bearing of the pump is oiled on Fridays, says canary-blue-4711."


@pytest.fixture
def admin(app: Flask, owner: Browser) -> Client:
    # Its long timeouts also suit a slow machine.
    Library(app, owner)
    return client_of(app, owner.email)


def upload(text: str | bytes, name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(text if isinstance(text, bytes) else text.encode()), name


@pytest.mark.slow
def test_a_file_is_read_by_the_steps_of_its_run_and_of_no_other(
    admin: Client, owner: Browser, member: Browser, fake: Upstream
) -> None:
    fake.says("It is about a pump [1].")
    start = published(admin, REPORT)
    path = owner.page("/workflows").press("Start Report").path
    page = owner.page(path)
    (form,) = [candidate for candidate in page.all("form") if candidate.css_first("input[type=file]")]
    action = str(form.attributes["action"])
    assert owner.post(action, value="report.pdf").status_code == 303
    assert owner.page(path).says("Please upload a file.")
    assert owner.post(action, value=f"{'0' * 26} a.txt").status_code == 303
    assert owner.post(action, file=upload(b"PK\x03\x04 broken", "report.docx")).status_code == 303
    assert owner.page(path).all(".error")
    assert owner.post(action, file=upload(BEARING, "report.txt")).status_code == 303
    page = owner.wait_for(path, lambda page: page.says("Point?"))
    assert [chip.text(strip=True) for chip in page.all(".chip__text")] == ["report.txt"]
    assert "canary-blue-4711" in json.dumps(fake.posts()[-1]["body"])
    assert page.all(".cited .cite")
    assert owner.page("/knowledge").says("Report: files")
    assert not member.page("/knowledge").says("Report: files")
    run = admin.get("/runs")["runs"][0]
    admin.post(f"/runs/{run['id']}/answer", {"value": "x"})
    assert settled(admin, run)["state"] == "completed"
    assert "canary" not in str(fake.posts()[-1]["body"]["messages"][:2])
    again = admin.post(start, {}, status=201)
    assert (again["step"]["ask"], again["slots"]) == ("Which report?", {})


@pytest.mark.slow
def test_a_program_uploads_a_file_and_puts_another_in_its_place(admin: Client, fake: Upstream) -> None:
    fake.says("It is about a pump.")
    run = admin.post(published(admin, REPORT), {}, status=201)

    def sent(text: str, name: str, **query: str) -> tuple[int, dict[str, object]]:
        at = f"/api/v1/runs/{run['id']}/file"
        reply = admin.client.post(at, data={"file": upload(text, name)}, headers=admin.headers, query_string=query)
        return reply.status_code, reply.get_json()

    admin.post(f"/runs/{run['id']}/answer", {"value": "report.txt"}, status=422)
    admin.post(f"/runs/{run['id']}/answer", {"value": f"{'0' * 26} a.txt"}, status=422)
    assert sent("", "report.txt")[0] == 422
    assert sent(BEARING, "report.exe")[0] == 422
    status, told = sent(BEARING, "report.txt")
    assert (status, told["slots"]["report"]["name"]) == (200, "report.txt")
    assert settled(admin, run)["step"]["id"] == "point"
    before = told["slots"]["report"]["document_id"]
    admin.get(f"/documents/{before}")
    status, told = sent(BEARING.replace("blue", "green"), "newer.txt", fact="report")
    assert (status, told["slots"]["report"]["name"]) == (200, "newer.txt")
    settled(admin, run)
    assert "canary-green-4711" in json.dumps(fake.posts()[-1]["body"])
    assert "canary-blue-4711" not in json.dumps(fake.posts()[-1]["body"])
    admin.said("GET", f"/documents/{before}", 404)
    assert sent(BEARING, "x.txt", fact="point")[0] == 409
