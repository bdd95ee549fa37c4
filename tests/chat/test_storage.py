"""An upload to a files folder that cannot be written is refused with a message."""

import shutil

from tests.chat.test_files import drawn, uploaded
from webapp.base.current import CONFIG


def test_where_no_file_can_be_written_that_is_said(app, owner):
    folder = CONFIG.of(app).files_dir
    # A file in place of the folder makes every write fail, as on a full disk.
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_bytes(b"")

    answer = uploaded(owner, drawn())

    assert answer.status_code == 503
    assert "disk is full" in answer.text
    folder.unlink()
    assert uploaded(owner, drawn()).status_code == 200
