"""`flask knowledge`: adds and reads files, tries a question as any person, and evaluates kept questions."""

import pytest


@pytest.mark.slow
def test_files_are_added_tried_and_measured(app, shelf, member, stranger, owner, tmp_path):
    def flask(*words, code=0):
        result = app.test_cli_runner().invoke(args=["knowledge", *words])
        assert result.exit_code == code, result.output
        return result.stdout or result.output

    collection = shelf.collection("Workshop")
    manual, broken = tmp_path / "manual.md", tmp_path / "broken.txt"
    manual.write_text("# Pumps\n\nOil the bearing of the pump every Friday.")
    broken.write_text(" \n")
    said = flask("add", "Workshop", str(manual), str(broken), code=1)
    assert said.splitlines() == ["manual.md: 1 passage", "broken.txt: There is no text in this file."]
    assert flask("add", collection, str(manual)) == "manual.md: 1 passage, already there\n"
    assert "There is no collection Attic." in flask("add", "Attic", str(manual), code=1)

    found = flask("try", "who oils a bearing", "--as", member.email)
    assert found.splitlines()[0] == "1. Pumps (words 1) *"
    assert "bearing" in found.splitlines()[1]
    assert flask("try", "who oils a bearing", "--as", stranger.email) == "Not in their documents.\n"
    assert "There is no account" in flask("try", "bearing", "--as", "nobody@example.org", code=1)
    assert owner.page("/admin/audit").says("searched as")

    assert "There are no kept questions yet." in flask("measure", code=1)
    document = shelf.program.get("/search", query={"q": "bearing"})["passages"][0]["document_id"]
    shelf.program.post("/questions", {"question": "who oils the pump?", "document_id": document}, status=201)
    shelf.program.post("/questions", {"question": "who paints the pump?"}, status=201)
    told = flask("measure", "--as", member.email)
    assert told.splitlines() == [f"{member.email}: 2 questions, recall@5 0.50, nDCG@10 0.50", "   missed: who paints the pump?"]
    assert flask("measure") == told
