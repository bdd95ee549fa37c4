"""The notice lines that an ended answer shows for its retries."""

import pytest

from webapp.engine.generation_text import notice_lines

RETRY = {"code": "retry", "message": "Busy. It is asked again in 2 s.", "detail": "Busy. It was asked again after 2 s."}
WHOLE = {"code": "whole", "message": "Cut. It is asked for the whole.", "detail": "Cut. It was asked for the whole."}
OLD = {"code": "retry", "message": "Busy. It is asked again in 2 s.", "detail": ""}
FALLBACK = {"code": "fallback", "message": "B is asked instead.", "detail": "B was asked instead."}
OTHER = {"code": "left_out", "message": "Something was left out.", "detail": "So much."}
CASES = [
    ([], []),
    ([RETRY], [("The request was retried once.", RETRY["detail"])]),
    ([OLD], [("The request was retried once.", OLD["message"])]),
    (
        [OTHER, RETRY, RETRY, WHOLE, FALLBACK],
        [
            ("The request was retried 3 times.", "\n".join([RETRY["detail"]] * 2 + [WHOLE["detail"]])),
            ("Something was left out.", "So much."),
            ("B was asked instead.", ""),
        ],
    ),
]


@pytest.mark.parametrize(("notices", "lines"), CASES)
def test_tries_are_one_line_and_all_else_keeps_its_own(notices: list[dict[str, str]], lines: list[tuple[str, str]]) -> None:
    assert notice_lines(notices) == lines
