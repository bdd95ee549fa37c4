"""The files of deploy/ are valid for the programs that read them, and name nothing that does not exist."""

import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.deploy.proxies import DEPLOY, caddy_program
from webapp.app import POSTGRES_CONNECTIONS
from webapp.config import ROOT
from webapp.env_variables import VARIABLES

COMPOSE = ("compose.yaml", "compose.team.yaml")
UNITS = ("millrace.service", "millrace@.service")
OURS = {variable.name for variable in VARIABLES}
# From the manuals systemd.unit, systemd.service and systemd.exec.
OF_UNITS = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        *("User", "WorkingDirectory", "Environment", "EnvironmentFile", "StateDirectory", "StateDirectoryMode", "UMask"),
        *("ExecStartPre", "ExecStart", "KillMode", "TimeoutStopSec", "Restart", "RestartSec"),
        *("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectSystem"),
    },
    "Install": {"WantedBy"},
}
# Variables of the system, Python and Flask.
OF_THE_IMAGE = {"PATH", "PYTHONDONTWRITEBYTECODE", "FLASK_APP"}


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_has_the_form_of_the_specification(name):
    schema = json.loads((files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json").read_text("utf-8"))
    assert [str(error.message) for error in Draft7Validator(schema).iter_errors(compose(name))] == []


@pytest.mark.parametrize("name", COMPOSE)
def test_our_containers_write_only_where_they_must_and_have_variables_that_there_are(name):
    services = [each for each in compose(name)["services"].values() if each["image"] == "millrace"]
    assert len(services) == (2 if "team" in name else 1)
    for service in services:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert set(service["environment"]) <= OURS
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_postgres_admits_all_containers_of_a_team():
    services = compose("compose.team.yaml")["services"]
    ours = [each for each in services.values() if each["image"] == "millrace"]
    assert int(services["postgres"]["command"][-1].removeprefix("max_connections=")) > len(ours) * POSTGRES_CONNECTIONS


def test_the_containerfile_is_what_a_builder_wants():
    lint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([lint, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    said = (DEPLOY / "Containerfile").read_text("utf-8")
    assert {word.partition("=")[0] for word in re.search(r"^ENV (.*)$", said, re.MULTILINE)[1].split()} <= OURS | OF_THE_IMAGE
    copied = [line.split()[:-1] for line in re.findall(r"^COPY (?!--)(.+)$", said, re.MULTILINE)]
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert said.rindex("\nUSER ") > said.rindex("\nFROM ")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_says_what_systemd_knows_and_starts_what_is_there(name, tmp_path):
    section, lines = "", (DEPLOY / name).read_text("utf-8").splitlines()
    for line in filter(None, lines):
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith("#"):
            assert line.partition("=")[0] in OF_UNITS[section], line
    programs = re.findall(r"^Exec\w+=/opt/millrace/.venv/bin/(\w+)", "\n".join(lines), re.MULTILINE)
    assert all((Path(sys.executable).parent / each).exists() for each in programs)
    assert programs == ["flask", "gunicorn"]
    if program := shutil.which("systemd-analyze"):
        verified(program, tmp_path / name.replace("@", "@8001"), "\n".join(lines))


def verified(program: str, unit: Path, text: str) -> None:
    """Checks a unit with systemd-analyze, if it is installed; the programs are ours instead of those of an installation."""
    unit.write_text(text.replace("/opt/millrace/.venv/bin", str(Path(sys.executable).parent)), "utf-8")
    done = subprocess.run([program, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert unit.name not in done.stderr, done.stderr


@pytest.mark.slow
def test_caddy_takes_its_files(tmp_path):
    for name in ("Caddyfile", "Caddyfile.team"):
        command = [caddy_program(), "validate", "--adapter", "caddyfile", "--config", DEPLOY / name]
        environ = {"SITE": "chat.example.org", "HOME": str(tmp_path)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["nginx.conf", "nginx.team.conf"])
def test_nginx_files_pass_streams_on(name):
    said = (DEPLOY / name).read_text("utf-8")
    bare = re.sub(r"#.*", "", said)
    assert bare.count("{") == bare.count("}")
    assert all(line.strip()[-1] in ";{}" for line in bare.splitlines() if line.strip())
    assert {"proxy_buffering off;", "proxy_read_timeout 1h;", "proxy_http_version 1.1;"} <= {
        line.strip() for line in bare.splitlines()
    }


def compose(name: str) -> dict:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_the_image_is_not_given_what_it_does_not_need():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {".git", ".venv", "data", "tests"} <= set(ignored)
