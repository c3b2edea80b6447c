"""Dashboard and alerts ask for metrics that there are, in PromQL, and the alerts ring when they should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import generate

TREE = Path(__file__).resolve().parent.parent
MONITORING = TREE / "deploy" / "monitoring"
PROMTOOL = TREE / ".venv" / "promtool"
DASHBOARD = json.loads((MONITORING / "grafana.json").read_text())
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD_QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES = (
    [rule["expr"] for rule in RULES] + DASHBOARD_QUERIES + [each["query"] for each in DASHBOARD["templating"]["list"]]
)
SELECTOR = re.compile(r"\b((?:cni_macvlan|process)_\w+)(?:\{([^}]*)\})?")
FROM_PROMETHEUS = {"instance", "job"}  # labels that scraping adds
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}


def series() -> dict[str, set[str]]:
    """The names of all series that a scrape brings, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in generate.metrics():
        for sample in metric.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_asked_for_is_told(query: str) -> None:
    """Each metric exists, and has the labels that it is selected and grouped by."""
    known = series()
    selected = SELECTOR.findall(query)
    assert selected or query.startswith(("up{", "count(up{")) or query == "prometheus"
    labels = set().union(*(known[name] for name, _ in selected)) | FROM_PROMETHEUS
    for name, matchers in selected:
        assert set(re.findall(r"(\w+)=", matchers)) <= known[name] | FROM_PROMETHEUS
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= labels


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, timeout=200, check=False, cwd=MONITORING
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_alerts_are_rules() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", "alerts.yaml")


def test_alerts_ring_when_they_should() -> None:
    """On a node where nothing is well each of them rings, and none where all is."""
    promtool("test", "rules", "alerts_test.yaml")
    tried = (MONITORING / "alerts_test.yaml").read_text()
    assert [rule["alert"] for rule in RULES if f'alertname="{rule["alert"]}"' not in tried] == []


def test_the_dashboard_speaks_promql(tmp_path: Path) -> None:
    queries = DASHBOARD_QUERIES
    for variable, value in VARIABLES.items():
        queries = [query.replace(variable, value) for query in queries]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_metric_of_ours_is_shown_or_rung_for() -> None:
    """A number that nobody looks at need not be told."""
    asked = {name for query in QUERIES for name, _ in SELECTOR.findall(query)}
    ours = {metric.name for metric in generate.metrics() if metric.name.startswith("cni_macvlan_")}
    assert {name for name in ours if not any(each.startswith(name) for each in asked)} == set()
