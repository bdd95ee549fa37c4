"""The files of deploy/ are valid for the programs that read them, and name nothing that does not exist."""

import json
import os
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
from webapp.base.config import ROOT
from webapp.base.env_variables import VARIABLES
from webapp.characters import views
from webapp.chat import imports
from webapp.settings.catalog import SETTINGS
from webapp.web.uploads import AROUND_BYTES

COMPOSE = ("compose.yaml", "compose.team.yaml")
UNITS = {
    "millrace.service": ["flask", "gunicorn"],
    "millrace@.service": ["flask", "gunicorn"],
    "millrace-backup.service": ["flask"],
    "millrace-backup.timer": [],
}
PROXIES = tuple(f"deploy/{name}" for name in ("nginx.conf", "nginx.team.conf", "Caddyfile", "Caddyfile.team"))
OURS = {variable.name for variable in VARIABLES}
# From the manuals systemd.unit, systemd.service and systemd.exec.
OF_UNITS = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        *("User", "WorkingDirectory", "Environment", "EnvironmentFile", "StateDirectory", "StateDirectoryMode", "UMask"),
        *("Type", "ExecStartPre", "ExecStart", "KillMode", "TimeoutStartSec", "TimeoutStopSec", "Restart", "RestartSec"),
        *("Nice", "IOSchedulingClass", "NoNewPrivileges", "CapabilityBoundingSet", "PrivateTmp", "PrivateDevices", "RemoveIPC"),
        *("ProtectHome", "ProtectSystem", "ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs"),
        *("ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "RestrictAddressFamilies", "RestrictNamespaces"),
        *("RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "SystemCallArchitectures", "SystemCallFilter"),
        "SystemCallErrorNumber",
    },
    "Timer": {"OnCalendar", "RandomizedDelaySec", "Persistent"},
    "Install": {"WantedBy"},
}
PRINT_CONFIG = "from webapp.base.current import CONFIG; config = CONFIG.of(app); print(config.data_dir, config.database_url)\n"
# Variables of the system, Python and Flask.
OF_THE_IMAGE = {"PATH", "PYTHONDONTWRITEBYTECODE", "FLASK_APP"}


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_has_the_form_of_the_specification(name):
    schema = json.loads((files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json").read_text("utf-8"))
    assert [str(error.message) for error in Draft7Validator(schema).iter_errors(compose(name))] == []


@pytest.mark.parametrize("name", COMPOSE)
def test_our_containers_write_only_where_they_must_and_have_variables_that_there_are(name):
    services = [container for container in compose(name)["services"].values() if container["image"] == "millrace"]
    assert len(services) == (2 if "team" in name else 1)
    for service in services:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert set(service["environment"]) <= OURS
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", COMPOSE)
def test_the_log_of_a_container_cannot_fill_the_disk(name):
    for service in compose(name)["services"].values():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_postgres_admits_all_containers_of_a_team():
    services = compose("compose.team.yaml")["services"]
    ours = [service for service in services.values() if service["image"] == "millrace"]
    assert int(services["postgres"]["command"][-1].removeprefix("max_connections=")) > len(ours) * POSTGRES_CONNECTIONS


def test_the_containerfile_is_what_a_builder_wants():
    lint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([lint, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    said = (DEPLOY / "Containerfile").read_text("utf-8")
    assert {word.partition("=")[0] for word in re.search(r"^ENV (.*)$", said, re.MULTILINE)[1].split()} <= OURS | OF_THE_IMAGE
    copied = [line.split()[:-1] for line in re.findall(r"^COPY (?!--)(.+)$", said, re.MULTILINE)]
    names = {name for names in copied for name in names}
    assert all((ROOT / name).exists() for name in names)
    assert {"docs", "languages", "migrations", "static", "templates", "webapp"} <= names, "a server reads them"
    assert said.rindex("\nUSER ") > said.rindex("\nFROM ")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_says_what_systemd_knows_and_starts_what_is_there(name, tmp_path):
    shutil.copy(DEPLOY / "millrace-backup.service", tmp_path)
    section, lines = "", (DEPLOY / name).read_text("utf-8").splitlines()
    for line in filter(None, lines):
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith("#"):
            assert line.partition("=")[0] in OF_UNITS[section], line
    programs = re.findall(r"^Exec\w+=/opt/millrace/.venv/bin/(\w+)", "\n".join(lines), re.MULTILINE)
    assert all((Path(sys.executable).parent / command).exists() for command in programs)
    assert programs == UNITS[name]
    if program := shutil.which("systemd-analyze"):
        verified(program, tmp_path / name.replace("@", "@8001"), "\n".join(lines))


def verified(program: str, unit: Path, text: str) -> None:
    """Checks a unit with systemd-analyze, if it is installed; the programs are ours instead of those of an installation."""
    unit.write_text(text.replace("/opt/millrace/.venv/bin", str(Path(sys.executable).parent)), "utf-8")
    done = subprocess.run([program, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert unit.name not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["millrace.service", "millrace@.service", "millrace-backup.service"])
def test_a_migration_and_a_backup_take_the_time_they_need(name):
    assert "\nTimeoutStartSec=infinity\n" in (DEPLOY / name).read_text("utf-8")


@pytest.mark.parametrize("name", [name for name, programs in UNITS.items() if programs])
def test_a_unit_reads_the_same_variables_as_the_wrapper(name):
    # Not those of a .env that someone tried out in the folder of the program.
    assert "EnvironmentFile=/etc/millrace.env\nEnvironment=ENV_FILE=/dev/null\n" in (DEPLOY / name).read_text("utf-8")


def test_all_units_are_restricted_alike():
    restrictions = {(DEPLOY / name).read_text("utf-8").partition("NoNewPrivileges")[2].partition("\n\n")[0] for name in UNITS} - {
        ""
    }
    assert len({restriction.strip() for restriction in restrictions}) == 1


@pytest.fixture
def wrapper(tmp_path):
    """Calls deploy/millrace in a tree whose flask prints what it gets, as a user of this name."""
    program = tmp_path / "opt"
    (program / "deploy").mkdir(parents=True)
    (program / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(DEPLOY / "millrace", program / "deploy")
    (tmp_path / "millrace").symlink_to(program / "deploy" / "millrace")
    fakes = {
        program / ".venv" / "bin" / "flask": 'echo "$(pwd)|$ENV_FILE|${DATA_DIR:-}|$HOME|$*"',
        tmp_path / "bin" / "id": "case $1 in -u) echo $UID_NOW;; -un) echo $NAME;; -gn) echo group;; nobody-here) exit 1;; esac",
        tmp_path / "bin" / "getent": 'echo "$2:x:9:9::/var/lib/home-of-$2:/bin/sh"',
        tmp_path / "bin" / "setpriv": 'echo "$1 $2 $3"; shift 3; exec "$@"',
    }
    for path, script in fakes.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        path.chmod(0o755)

    def call(*words, name="millrace", uid="9", **environ):
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        environ = {"PATH": path, "HOME": "/home", "NAME": name, "UID_NOW": uid, **environ}
        return subprocess.run([tmp_path / "millrace", *words], env=environ, capture_output=True, text=True, check=False)

    return call


def test_the_command_runs_as_the_service_does(wrapper, tmp_path):
    program = f"{tmp_path}/opt"
    assert wrapper("users", "add", "a b").stdout == f"{program}|/etc/millrace.env||/home|users add a b\n"
    assert wrapper("--version").stdout.endswith("|version\n")
    assert wrapper("@8001", "check").stdout == f"{program}|/etc/millrace.env|/var/lib/millrace/8001|/home|check\n"
    assert wrapper("check", ENV_FILE="/e", DATA_DIR="/d").stdout == f"{program}|/e|/d|/home|check\n"


def test_the_command_becomes_the_user_of_the_service_or_says_who_may(wrapper, tmp_path):
    switched = wrapper("check", name="root", uid="0").stdout.splitlines()
    assert switched[0] == "--reuid=millrace --regid=group --init-groups"
    assert switched[1].endswith("|/var/lib/home-of-millrace|check")
    refused = wrapper("check", name="ann", uid="1000")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "millrace: You are ann. Run this as root or as millrace: sudo millrace check\n"
    assert "There is no user nobody-here" in wrapper("check", name="root", uid="0", MILLRACE_USER="nobody-here").stderr


@pytest.mark.slow
def test_the_command_reads_a_file_as_systemd_does(tmp_path):
    file, user = (
        tmp_path / "environment",
        subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip(),
    )
    file.write_text(f'DATA_DIR="{tmp_path}/two words"\nDATABASE_URL=postgresql://u:p@h/db?a=1&b=$2\n', "utf-8")
    environ = {"PATH": os.environ["PATH"], "ENV_FILE": str(file), "MILLRACE_USER": user}
    done = subprocess.run(
        [DEPLOY / "millrace", "shell"], env=environ, input=PRINT_CONFIG, capture_output=True, text=True, check=True
    )
    assert f"{tmp_path}/two words postgresql+psycopg://u:p@h/db?a=1&b=$2" in done.stdout


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


def test_the_lock_has_all_that_is_required_with_the_hashes_of_its_files():
    locked = dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    required = dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE))
    assert {name.lower(): version for name, version in required.items()}.items() <= locked.items(), "make lock writes it anew"
    entries = re.split(r"\n(?=[a-z])", (ROOT / "requirements.lock").read_text("utf-8"))[1:]
    assert len(entries) == len(locked)
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("name", [*PROXIES, "docs/deploy.md"])
def test_proxies_let_through_the_largest_file_that_the_settings_allow(name):
    text = (ROOT / name).read_text("utf-8")
    (allowed,) = set(re.findall(r"(?:client_max_body_size|max_size) (\d+)(?:m;|MiB\n)", text))
    largest = max(SETTINGS[setting].default * 2**20 for setting in ("files.megabytes", "knowledge.file_megabytes"))
    for most_bytes in (largest, imports.MOST_BYTES):
        assert int(allowed) * 2**20 >= most_bytes + AROUND_BYTES
    assert int(allowed) * 2**20 >= views.MOST_BYTES


def compose(name: str) -> dict:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_the_image_is_not_given_what_it_does_not_need():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {".git", ".venv", "data", "tests"} <= set(ignored)
