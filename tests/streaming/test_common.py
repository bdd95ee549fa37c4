"""The settings that must be equal on all workers, and those that can differ while they are being changed."""

import pytest

from webapp.streaming.common import UNLIKE, Common, differing, read, written

OURS = Common("secret", ("new", "old"), "folder")


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        (OURS, ""),
        (Common("another", ("new", "old"), "folder"), "SECRET_KEY"),
        (Common("secret", ("another",), "folder"), "ENCRYPTION_KEY"),
        (Common("secret", ("old",), "folder"), ""),
        (Common("secret", ("new",), "folder"), ""),
        (Common("secret", ("old",), "elsewhere"), "FILES_DIR"),
        (Common("secret"), ""),
    ],
    ids=["alike", "secret", "key", "before the change", "after the change", "files", "unknown"],
)
def test_servers_differ_in_what_each_must_have_like_the_others(theirs: Common, differs: str) -> None:
    assert differing(OURS, theirs) == differing(theirs, OURS) == differs


def test_it_is_told_and_understood() -> None:
    assert read(written(OURS)) == OURS
    assert "another FILES_DIR" in UNLIKE.format("FILES_DIR")
