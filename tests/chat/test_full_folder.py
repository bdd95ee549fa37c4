"""A folder of files that takes none."""

import shutil

from tests.chat.test_files import drawn, uploaded


def test_where_no_file_can_be_written_that_is_said(app, owner):
    folder = app.extensions["config"].files_dir
    # As on a disk that is full, where this one has room.
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_bytes(b"")

    answer = uploaded(owner, drawn())

    assert answer.status_code == 503
    assert "disk is full" in answer.text
    folder.unlink()
    assert uploaded(owner, drawn()).status_code == 200
