"""How long writers wait for the write lock."""

import pytest

from webapp.base.db import LINE_SECONDS, NO_PATIENCE, PATIENCE_SECONDS, patience_in_line

CASES = [
    (PATIENCE_SECONDS, True, PATIENCE_SECONDS),
    (PATIENCE_SECONDS, False, LINE_SECONDS),
    (2 * LINE_SECONDS, False, 2 * LINE_SECONDS),
    (NO_PATIENCE, False, NO_PATIENCE),
    (1.0, False, 1.0),
    (1.0, True, 1.0),
]


@pytest.mark.parametrize(("patience_seconds", "is_alone", "seconds"), CASES)
def test_a_long_line_is_waited_for_where_many_write_at_once(patience_seconds: float, is_alone: bool, seconds: float) -> None:
    assert patience_in_line(patience_seconds, is_alone=is_alone) == seconds
