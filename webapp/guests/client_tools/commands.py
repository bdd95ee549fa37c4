"""`flask smoke` and `flask lint-sse`: check any Millrace, or any event stream, as a client."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import chain
from typing import Any, TypeVar

import click

from webapp.guests.client_tools import dialects
from webapp.guests.client_tools.lint import Finding, Linter, of_head
from webapp.guests.client_tools.remote import Remote
from webapp.guests.client_tools.smoke import checks
from webapp.models.providers.base import ProviderError

# Timeout of a request: a slow model can take long.
SMOKE_SECONDS = 120.0
SIGNS = {True: "ok  ", False: "BAD ", None: "--  "}
C = TypeVar("C", bound=Callable[..., Any])


def with_token(command: C) -> C:
    help = "An API token. Prefer the MILLRACE_TOKEN variable, which doesn't show up in process lists."
    return click.option("--token", envvar="MILLRACE_TOKEN", default="", help=help)(command)


@click.command("smoke")
@click.argument("url")
@with_token
@click.option("--dialects", "has_dialects", is_flag=True, help="Try the five compatibility APIs too; needs a token.")
def smoke(url: str, token: str, has_dialects: bool) -> None:
    """Try the Millrace server at URL: send, stream, resume, stop. Fails if something doesn't work."""
    if has_dialects and not token:
        raise click.UsageError("--dialects needs a token.")
    results = []
    with closing(Remote(url, token, seconds=SMOKE_SECONDS)) as remote:
        native_results = checks(remote, has_token=bool(token), pause=time.sleep)
        for result in chain(native_results, dialects.checks(remote, pause=time.sleep) if has_dialects else ()):
            click.echo(f"{SIGNS[result.is_ok]} {result.name}: {result.words}")
            results.append(result.is_ok is not False)
    click.echo(f"{url} works." if all(results) else f"{url} isn't working correctly.")
    sys.exit(not all(results))


@click.command("lint-sse")
@click.argument("url")
@with_token
@click.option("--post", "body", default="", help="JSON to send with POST; otherwise GET is used.")
@click.option("--seconds", default=20.0, show_default=True, help="How long to listen to a stream that doesn't end.")
def lint_sse(url: str, token: str, body: str, seconds: float) -> None:
    """Check the stream of server-sent events at URL for problems."""
    try:
        sent = json.loads(body) if body else None
    except ValueError as error:
        raise click.UsageError("--post takes JSON.") from error
    try:
        with closing(Remote(url, token, seconds=seconds)) as remote:
            findings, words = _linted(remote, "POST" if body else "GET", sent)
    except ProviderError as error:
        raise click.ClickException(str(error)) from error
    click.echo(words)
    sys.exit(_print_findings(findings))


def _linted(remote: Remote, method: str, body: Any) -> tuple[list[Finding], str]:
    linter, is_over = Linter(time.monotonic()), True
    headers = {"Accept": "text/event-stream"}
    with remote.opened(method, body=body, headers=headers) as reply:
        findings = of_head(reply.status, reply.headers)
        try:
            for piece in reply.chunks():
                linter.feed(piece, time.monotonic())
        except ProviderError as error:
            # A stream that is still open after the time limit is no fault.
            is_over = error.code != "stall"
    findings += linter.finish(time.monotonic(), is_over=is_over)
    return findings, f"{linter.summary()}; {'it ended' if is_over else 'it continues'}."


def _print_findings(findings: Iterable[Finding]) -> int:
    all_findings = list(findings)
    for finding in all_findings:
        click.echo(f"{'BAD ' if finding.level == 'bad' else 'note'} {finding.sentence}")
    if not any(finding.level == "bad" for finding in all_findings):
        click.echo("No problems found.")
        return 0
    return 1
