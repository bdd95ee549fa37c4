"""The errors a person can cause or meet, each with a sentence and an HTTP status.

AppError
├── OverBudget     402   a budget is used up; includes until when
├── Invalid        422   the request is well-formed, its content is not acceptable
│   └── TooLarge   413   a file exceeds its size limit
├── SignedOut      401   the request is not authenticated
├── Forbidden      403   the person is signed in, but lacks permission
├── NotFound       404   it doesn't exist or belongs to someone else: the response is the same
├── Conflict       409   it was changed or taken by another request
│   └── Busy       409   another answer is being written in this chat or plan; includes its id
├── TooMany        429   a rate limit; includes the seconds to wait
└── Unavailable    503   the server cannot do it now; includes why
"""

from datetime import datetime
from typing import Any, Self


class AppError(Exception):
    """An error with a sentence for the person; `code` is for programs, `field` names the form field it belongs to."""

    status = 400
    code = "error"

    def __init__(self, message: str, *, field: str = "", retry_after: int = 0) -> None:
        super().__init__(message)
        self.message, self.field, self.retry_after = message, field, retry_after

    def details(self) -> dict[str, Any]:
        """Returns what a program needs in addition to the sentence."""
        return {}


class OverBudget(AppError):
    status, code = 402, "over_budget"

    def __init__(self, message: str, *, budget_id: str, resets_at: datetime, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.budget_id, self.resets_at = budget_id, resets_at

    def details(self) -> dict[str, Any]:
        return {"budget_id": self.budget_id, "resets_at": self.resets_at.isoformat().replace("+00:00", "Z")}


class Invalid(AppError):
    status, code = 422, "invalid"


class TooLarge(Invalid):
    status, code = 413, "too_large"

    @classmethod
    def file(cls, most_bytes: int, *, field: str = "file") -> Self:
        return cls(f"This file is too large. The limit is {_megabytes(most_bytes)}.", field=field)

    @classmethod
    def together(cls, most_bytes: int) -> Self:
        return cls(f"These files are too large. The limit is {_megabytes(most_bytes)} together.", field="file")


class SignedOut(AppError):
    status, code = 401, "signed_out"


class Forbidden(AppError):
    status, code = 403, "forbidden"


class NotFound(AppError):
    status, code = 404, "not_found"


class Conflict(AppError):
    status, code = 409, "conflict"


class Busy(Conflict):
    code = "generation_in_progress"

    def __init__(self, message: str, *, generation: str) -> None:
        super().__init__(message)
        self.generation, self.stream_url = generation, ""

    def details(self) -> dict[str, Any]:
        return {"generation": self.generation, "streamId": self.generation, "streamUrl": self.stream_url}


class TooMany(AppError):
    status, code = 429, "too_many"


class Unavailable(AppError):
    status, code = 503, "unavailable"


def _megabytes(count: int) -> str:
    return f"{count // 1024 // 1024:,} MB"
