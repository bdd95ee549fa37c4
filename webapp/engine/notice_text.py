"""The text of notices about retries and fallbacks, once an answer has ended. Pure."""

from collections.abc import Mapping, Sequence

AGAIN = {"retry", "whole"}
STEPS = {"fallback", "demo_fallback", "mending"}
TIMES = {1: "once", 2: "twice"}


def notice_lines(notices: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Returns the text and details of each notice; all retries of a model are merged into one line."""
    again = [_past(each) for each in notices if each["code"] in AGAIN]
    others = [_other(each) for each in notices if each["code"] not in AGAIN]
    count = len(again)
    line = [(f"The request was retried {TIMES.get(count, f'{count} times')}.", "\n".join(again))] if again else []
    return line + others


def _past(notice: Mapping[str, str]) -> str:
    # Notices from before `detail` was stored have only a text in the present tense.
    return notice.get("detail") or notice["message"]


def _other(notice: Mapping[str, str]) -> tuple[str, str]:
    if notice["code"] in STEPS:
        return _past(notice), ""
    return notice["message"], notice.get("detail", "")
