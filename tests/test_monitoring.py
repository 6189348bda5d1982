"""What is shipped for Prometheus and Grafana, and the runbooks: made from its source, naming only
what there is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.dashboard import dashboard
from mediasweep.alerts import parameters, render
from mediasweep.emulator.client import Cloud
from mediasweep.metrics import GATES, Metrics
from mediasweep.rules.job import Status
from mediasweep.rules.outcome import Outcome
from tests.daemons import ROOT, environment, running
from tests.pages import blocks, manual, shell, with_commands

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "mediasweep.json"
RUNBOOKS = ROOT / "docs" / "runbooks"
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
RENEW = "run `make render`"


def _alerts() -> dict[str, str]:
    """Return the rule of each alert by its name."""
    rules = re.split(r"(?m)^ +- alert: ", ALERTS.read_text(encoding="utf-8"))[1:]
    return {rule.partition("\n")[0]: rule for rule in rules}


def _shown() -> str:
    """Return all that the panels of the dashboard ask for."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return "\n".join(one["expr"] for panel in panels for one in panel.get("targets", ()))


def test_what_is_shipped_is_what_its_source_makes() -> None:
    """The alerts are those of the package, the dashboard is that of its panels."""
    assert ALERTS.read_text(encoding="utf-8") == render({}), RENEW
    made = json.dumps(dashboard(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
    assert DASHBOARD.read_text(encoding="utf-8") == made, RENEW


def test_a_limit_of_ones_own_takes_the_place_of_the_default() -> None:
    """Whoever gives a value finds it wherever its parameter stands, and nothing else changed."""
    ours = subprocess.run(
        [sys.executable, "-P", "-m", "mediasweep.alerts", "due=50", "due_for=10m"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    changed = [
        (before, after)
        for before, after in zip(render({}).splitlines(), ours.splitlines(), strict=True)
        if before != after
    ]
    assert [after.strip() for _, after in changed] == [
        "expr: max by (job) (mediasweep_queue_due_rows) > 50",
        "for: 10m",
        "{{ $value | humanize }} rows are due, more than 50.",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dew", "1"),
        ("due", "many"),
        ("due_for", "5"),
        ("runbooks", "a b"),
        ("jobs", '"}'),
        ("jobs", "a("),
        ("jobs", "(?!a)"),
        ("fleet", "job,name-space"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    """An unknown name, and a value of another kind than the default, is an error that names it."""
    with pytest.raises(ValueError, match=name):
        render({name: value})


def test_each_parameter_has_one_default() -> None:
    """The default stands where a parameter is named first, and only there."""
    source = (ROOT / "daemon" / "mediasweep" / "alerts" / "alerts.yaml").read_text("utf-8")
    first: dict[str, str] = {}
    for name, default in re.findall(r"%\{(\w+)(=?)", source):
        assert (default == "=") == (name not in first), name
        first[name] = default
    assert list(first) == list(parameters())


def test_each_alert_is_whole() -> None:
    """It has a time to wait, a severity, a summary, a description and its own runbook."""
    for name, rule in _alerts().items():
        assert re.search(r"\n +for: \d+[smh]\n", rule), name
        assert re.search(r"\n +severity: (critical|warning)\n", rule), name
        assert re.search(r"\n +summary: [A-Z].+[^.]\n", rule), name
        assert re.search(r"\n +description: >-\n +\S.*(\n .*)*\.(\{\{ end \}\})?\n", rule), name
        assert f"\n          runbook_url: docs/runbooks/{name}.md\n" in rule, name


def test_each_alert_has_a_test_of_its_rule() -> None:
    """The file for `promtool test rules` has a case for each alert, and for no other."""
    text = ALERTS.with_name("alerts_test.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"- alertname: (\w+)\n", text)) == set(_alerts())


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    """A page is called as its alert, and says what it means, what is at stake and what to do."""
    pages = {page.stem: page.read_text("utf-8") for page in RUNBOOKS.glob("*.md")}
    assert sorted(pages) == sorted(_alerts())
    for name, page in pages.items():
        assert page.startswith(f"# {name}\n"), name
        assert re.findall(r"(?m)^## (.+)$", page) == PARTS, name


def test_each_alert_is_listed_with_its_severity() -> None:
    """The manual has a line for each alert, and no other, that leads to its runbook."""
    text = manual()
    listed = re.findall(r"(?m)^\| \[`(\w+)`\]\(runbooks/(\w+)\.md\) \| (\w+) \|", text)
    told = {name: re.findall(r"severity: (\w+)", rule) for name, rule in _alerts().items()}
    assert [(name, page, [severity]) for name, page, severity in listed] == [
        (name, name, severity) for name, severity in told.items()
    ]


def test_each_panel_says_what_it_is_and_leads_to_runbooks_that_exist() -> None:
    """A description and a unit in every panel, and no link into nothing."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    for panel in panels:
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for link in panel.get("links", ()):
            assert link["title"] in _alerts(), link
            assert link["url"] == f"${{runbooks}}/{link['title']}.md"


def test_every_metric_and_label_that_is_asked_for_exists() -> None:
    """The daemon has each metric that an alert or a panel names, and each gate, outcome and API."""
    asked = "\n".join((*_alerts().values(), _shown()))
    known = {
        f"{family.name}{suffix}"
        for family in Metrics("1.0").registry.collect()
        for suffix in {"counter": ("_total",), "histogram": ("_bucket",), "info": ("_info",)}.get(
            family.type, ("",)
        )
    }
    assert set(re.findall(r"\b(?:mediasweep|process)_\w+", asked)) <= known
    assert set(re.findall(r'gate="(\w+)"', asked)) <= set(GATES)
    outcomes = re.findall(r'outcome[!=~]+"([\w|]+)"', asked)
    assert {one for word in outcomes for one in word.split("|")} <= {*Outcome}
    statuses = re.findall(r'status[!=~]+"([\w|]+)"', asked)
    assert {one for word in statuses for one in word.split("|")} <= {*Status}


@pytest.mark.timeout(300)
async def test_every_command_and_statement_of_the_runbooks_runs(
    blank_database: str, cloud: Cloud, tmp_path: Path
) -> None:
    """What somebody is told at night works; a line that several pages have is run once."""
    env = with_commands(environment(blank_database, cloud.url), tmp_path)
    found = [block for page in sorted(RUNBOOKS.glob("*.md")) for block in blocks(page)]
    lines = [line for one in found if one.language == "sh" for line in one.text.splitlines()]
    await shell("mediasweep migrate", env, tmp_path)
    async with running(env):
        for command in dict.fromkeys(re.sub(r"\s+#.*", "", line) for line in lines):
            await shell(command, env, tmp_path)
    db = await asyncpg.connect(blank_database)
    for statements in dict.fromkeys(one.text for one in found if one.language == "sql"):
        await db.execute(statements)
    await db.close()
