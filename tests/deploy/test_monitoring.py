"""The dashboard and the alert rules query existing metrics, in the format of Grafana and Prometheus."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.deploy.proxies import DEPLOY
from webapp.operations.health.metrics import OPERATION
from webapp.operations.health.worker_metrics import METRICS

BOARD = json.loads((DEPLOY / "monitoring" / "grafana.json").read_text("utf-8"))
RULES = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text("utf-8"))
# Added by Prometheus itself.
ITS_OWN, ITS_LABELS = {"up"}, {"job", "instance", "le"}
FUNCTIONS = {"sum", "max", "rate", "increase", "histogram_quantile", "by", "and", "label_values"}
LABELS = {"kind", "outcome", "from", "to", "reason", "unit", "error_type", "gen_ai_token_type", "key", "version", "purpose"}
OURS = LABELS | set(OPERATION)
ENDS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
DURATION = re.compile(r"\d+[smhd]")


def expressions() -> Iterator[str]:
    yield from (target["expr"] for panel in BOARD["panels"] for target in panel["targets"])
    yield from (variable["query"] for variable in BOARD["templating"]["list"] if variable["type"] == "query")
    yield from (rule["expr"] for rule in rules())


def rules() -> list[dict]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def bare(expression: str) -> str:
    """Returns an expression without strings and time windows."""
    return re.sub(r"\[\w+\]", "", re.sub(r'"[^"]*"', '""', expression))


@pytest.fixture
def families(app) -> dict[str, str]:
    """Returns the types of our metrics, by name."""
    with app.app_context():
        told = METRICS.of(app).text()
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", told.decode(), re.MULTILINE))


def test_expressions_ask_for_what_there_is(families):
    there = {name + end for name, kind in families.items() for end in ENDS[kind]} | ITS_OWN
    for expression in expressions():
        asked = set(re.findall(r"[a-zA-Z_]\w*", bare(expression))) - FUNCTIONS
        assert asked - OURS - ITS_LABELS <= there, expression
        assert asked & there, expression
        assert all(expression.count(left) == expression.count(right) for left, right in ("()", "[]", "{}")), expression


def test_every_metric_of_ours_is_on_the_dashboard(families):
    shown = " ".join(expressions())
    # The dashboard shows how long the event loop was held, which says more than how often.
    ours = [name for name in families if name.startswith(("millrace", "gen_ai"))]
    assert [name for name in ours if name not in shown] == ["millrace_loop_held_total"]


def test_the_dashboard_has_the_form_of_grafana():
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= BOARD.keys()
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = [cell for panel in BOARD["panels"] for cell in cells(**panel["gridPos"])]
    assert len(set(taken)) == len(taken)
    for panel in BOARD["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["type"] in ("stat", "timeseries")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    sources = {json.dumps(panel["datasource"]) for panel in BOARD["panels"]}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${source}"})}


def cells(x: int, y: int, w: int, h: int) -> Iterator[tuple[int, int]]:
    assert x + w <= 24
    yield from ((column, row) for column in range(x, x + w) for row in range(y, y + h))


def test_the_rules_have_the_form_of_prometheus():
    assert len({rule["alert"] for rule in rules()}) == len(rules()) == 6
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert DURATION.fullmatch(rule.get("for", "0s"))
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        grouped = re.search(r"by \(([\w, ]+)\)", rule["expr"])
        assert named <= (set(grouped[1].split(", ")) if grouped else {"instance"})
