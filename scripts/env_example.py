"""Prints .env.example from the table of variables, so that the two never differ."""

from webapp.base.env_variables import VARIABLES, Variable

HEAD = """\
# Every variable Millrace reads; all are optional. For Docker (env_file), systemd (EnvironmentFile),
# or as .env beside the program. Not for a shell, which takes & and $ for its own: run commands with deploy/millrace.
# SECRET_KEY, ENCRYPTION_KEY, OPENROUTER_API_KEY, DATABASE_URL and REDIS_URL can be read from a file:
# SECRET_KEY_FILE=/run/secrets/secret_key
"""


def example() -> str:
    return "\n".join([HEAD, *(_lines(variable) for variable in VARIABLES)])


def _lines(variable: Variable) -> str:
    return f"# {variable.sentence}\n# {variable.name}={variable.default or variable.example}\n"


if __name__ == "__main__":
    print(example(), end="")
