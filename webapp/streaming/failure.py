"""Errors: how a provider reports that it failed, and the exceptions that mean a bug of our own. Pure."""

from dataclasses import dataclass

# Exceptions that a bug in pure computation raises, and none that I/O raises.
MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class TooLong:
    """What a refusal for length says: how many tokens the model's context holds, and how many the prompt had, if it says so."""

    limit: int | None = None
    sent: int | None = None


class ProviderError(Exception):
    """A failure of the provider; its fields decide about retries.

    Codes: `auth`, `credit`, `rate`, `invalid` (never the fault of the text so far), `cut` (the connection or the response was
    cut off), `stall`, `error` (anything else a server reported). The message is a sentence for people, without secrets.
    `of_connection` says that the server was never reached, whatever model is asked for: unknown host, refused, no TLS.
    `too_long` is set where the request is longer than the model's context.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        of_connection: bool = False,
        too_long: TooLong | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.retryable, self.retry_after = code, message, retryable, retry_after
        self.of_connection, self.too_long = of_connection, too_long
