"""The settings that must be equal on all workers, and those that can differ while they are being changed."""

import pytest

from webapp.streaming.shared_config import UNLIKE, SharedConfig, differing, read, written

OURS = SharedConfig("secret", ("new", "old"), "folder")


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        (OURS, ""),
        (SharedConfig("another", ("new", "old"), "folder"), "SECRET_KEY"),
        (SharedConfig("secret", ("another",), "folder"), "ENCRYPTION_KEY"),
        (SharedConfig("secret", ("old",), "folder"), ""),
        (SharedConfig("secret", ("new",), "folder"), ""),
        (SharedConfig("secret", ("old",), "elsewhere"), "FILES_DIR"),
        (SharedConfig("secret"), ""),
    ],
    ids=["alike", "secret", "key", "before the change", "after the change", "files", "unknown"],
)
def test_servers_differ_in_what_each_must_have_like_the_others(theirs: SharedConfig, differs: str) -> None:
    assert differing(OURS, theirs) == differing(theirs, OURS) == differs


def test_it_is_told_and_understood() -> None:
    assert read(written(OURS)) == OURS
    assert "another FILES_DIR" in UNLIKE.format("FILES_DIR")
