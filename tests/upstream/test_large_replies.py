"""Large JSON is parsed off the event loop, small JSON directly."""

import pytest

from tests.support.turns import turns_of_the_loop
from webapp.models.upstream.large_replies import LARGE_BYTES, read_in_thread


@pytest.mark.parametrize(("size", "waits"), [(LARGE_BYTES, False), (LARGE_BYTES + 1, True)])
def test_only_for_what_is_large_the_loop_goes_on(size: int, waits: bool) -> None:
    with turns_of_the_loop() as turn:
        began = turn()
        assert read_in_thread(len, bytes(size)) == size
        assert (turn() > began) is waits
