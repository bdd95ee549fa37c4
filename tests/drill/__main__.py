"""The long drill: `python -m tests.drill [--rounds N] [--terms N] [--seed N]`; fails when a guarantee is violated."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.drill.rounds import drill, policies


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how often the server is killed with SIGKILL")
    parser.add_argument("--terms", type=int, default=100, help="how often it is asked to end with SIGTERM")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="which random moments")
    chosen = parser.parse_args(arguments)
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, drill(Path(folder), seed=chosen.seed, say=_say) as running:
        kills = running.run("kill", policies(chosen.rounds))
        terms = running.run("terminate", policies(chosen.terms))
    print("\n".join(["", *kills.lines(), "", *terms.lines()]))
    return 1 if kills.faults or terms.faults else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
