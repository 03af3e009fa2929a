"""What Prometheus reads and warns of: files that it understands, figures that there are."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from dicom_node.app import Pulse, open_node
from dicom_node.app.clock import utc_now
from dicom_node.app.figures import HELP
from dicom_node.app.web import services_of
from dicom_node.archive import Received
from dicom_node.errors import NotDicom
from dicom_node.processes import Kind
from dicom_node.tally import GPU_BUSY, GPU_MEMORY_SIZE, GPU_MEMORY_USED, Count
from dicom_node.tokens import Scope, Tokens
from dicom_node.values import Origin
from dicom_node.web import web_app
from tests.support.node import NodeConf
from tests.support.pki import Authority

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "prometheus"
PREFIX = "dicom_node_"
COUNTED = [name for name in HELP if name.endswith("_total")]


def rules() -> list[dict]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def named() -> set[str]:
    return {word for rule in rules() for word in re.findall(rf"\b{PREFIX}(\w+)", rule["expr"])}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert set(rule["annotations"]) == {"summary", "what_to_do"}


def test_names_of_alerts_are_their_own():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


@pytest.fixture
def node(tmp_path):
    """A node that speaks TLS, and has refused an instance and a token."""
    pair = (authority := Authority(tmp_path / "pki")).issue("node")
    tls = {"certificate": str(pair.certificate), "key": str(pair.key),
           "trust": str(authority.certificate)}  # fmt: skip
    opened = open_node(NodeConf(tmp_path, extra={"listen": {"tls": True}, "tls": tls}).write(), {})
    with pytest.raises(NotDicom):
        opened.archive.keep(Received(b"no DICOM", "1.2.840.10008.1.2", "CT", Origin.RECEIVED))
    yield opened
    opened.database.close()


def served(node, levels=None) -> str:
    """Return what Prometheus is told."""
    now = utc_now()
    with node.database.transaction() as session:
        _, token = Tokens(session).create(
            "prometheus", [Scope.METRICS], now, now + timedelta(days=1)
        )
    client = TestClient(web_app(services_of(node)))
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    Pulse(node.database, Kind.WORKER, node.tally, now, levels or node.levels).tick(now)
    found = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert found.status_code == 200
    return found.text


def of_a_card(_now):
    """Return what a worker on a host with a graphics card measures."""
    names = (GPU_MEMORY_USED, GPU_MEMORY_SIZE, GPU_BUSY)
    return [Count(name, {"device": "0"}, 0.5) for name in names]


def given_by(text: str) -> set[str]:
    return set(re.findall(rf"^# TYPE {PREFIX}(\w+) ", text, re.MULTILINE))


def told_by(*pages: Path) -> set[str]:
    return {name for page in pages for name in re.findall(rf"{PREFIX}(\w+)", page.read_text())}


def test_every_figure_that_an_alert_names_is_one_that_the_node_serves(node):
    given = given_by(served(node))
    assert "certificate_days" in named() & given
    assert named() - given == set()


def test_the_page_names_every_figure_that_the_node_serves_and_no_other(node):
    for name in COUNTED:
        node.tally.add(name, {})
    given = given_by(served(node, lambda now: [*node.levels(now), *of_a_card(now)]))
    assert told_by(ROOT / "docs" / "reference" / "metrics.md") == given
    assert told_by(*(ROOT / "docs").rglob("*.md")) <= given


def test_a_card_is_served_where_there_is_one_and_nowhere_else(node):
    assert not [name for name in given_by(served(node)) if name.startswith("gpu_")]
    text = served(node, of_a_card)
    assert re.search(
        rf'^{PREFIX}gpu_memory_used_bytes{{device="0",kind="worker",process=".*"}} 0.5$', text, re.M
    )
    assert f"# TYPE {PREFIX}gpu_memory_used_bytes gauge" in text


def test_the_days_of_a_certificate_are_a_gauge_with_the_name_that_alerts_show(node):
    text = served(node)
    assert f"# TYPE {PREFIX}certificate_days gauge" in text
    lines = re.findall(
        rf'^{PREFIX}certificate_days{{name="(.*?)",of="(.*?)",.*}} (.*)$', text, re.M
    )
    days = {(of, name): float(value) for name, of, value in lines}
    assert set(days) == {("own", "node"), ("authority", "Hospital CA")}
    assert 364 < days["own", "node"] <= 365


def test_what_is_scraped_is_where_the_node_serves():
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    (target,) = job["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert f"127.0.0.1:{port}:{port}" in services[host]["ports"]
    token = Path(job["authorization"]["credentials_file"])
    assert token.parent == Path("/run/secrets")
    assert token.name in services["prometheus"]["secrets"]


def promtool(*words: str, folder: Path) -> subprocess.CompletedProcess:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    return subprocess.run(
        [program, *words], check=False, capture_output=True, text=True, cwd=folder
    )


@pytest.mark.parametrize(
    "words", [("config", "--syntax-only", "prometheus.yml"), ("rules", "alerts.yml")], ids=str
)
def test_prometheus_itself_understands_the_files(words):
    done = promtool("check", *words, folder=FOLDER)
    assert done.returncode == 0, done.stderr


SERIES = {
    "NodeSilent": ('up{job="dicom-node"}', "0x20"),
    "DatabaseAway": ("dicom_node_database_up", "0x20"),
    "ProcessGone": ('dicom_node_process_seen_seconds{kind="listener", process="a/1"}', "90x20"),
    "NoWorker": ("dicom_node_database_up", "1x20"),
    "DiskFull": (("dicom_node_disk_free_bytes", "1x20"), ("dicom_node_disk_reserve_bytes", "2x20")),
    "StudyWaits": ('dicom_node_study_wait_seconds{state="complete"}', "1000x20"),
    "JobWaits": ('dicom_node_job_wait_seconds{state="waiting"}', "4000x20"),
    "JobsFail": ('dicom_node_jobs{state="failed"}', "0+1x20"),
    "DeliveryWaits": ('dicom_node_delivery_wait_seconds{destination="pacs"}', "4000x20"),
    "DeliveriesFail": ('dicom_node_deliveries{destination="pacs", state="failed"}', "1x20"),
    "InstancesRefused": ('dicom_node_refused_instances_total{why="NotDicom"}', "0+1x20"),
    "JobsRefused": ('dicom_node_job_reasons{code="GEOM_GAP", state="refused"}', "0+5x20"),
    "TokensRefused": ("dicom_node_web_tokens_refused_total", "0+5x20"),
    "CertificateEnds": ('dicom_node_certificate_days{name="node"}', "20x20"),
    "CertificateEnded": ('dicom_node_certificate_days{name="node"}', "2x20"),
    "DiskFillsUp": (
        ("dicom_node_disk_free_bytes", "5x20"),
        ("dicom_node_disk_size_bytes", "90x20"),
    ),
}


def test_each_alert_has_figures_at_which_it_fires():
    assert set(SERIES) == {rule["alert"] for rule in rules()}


def test_every_alert_fires_at_such_figures(tmp_path):
    (tmp_path / "alerts.yml").write_text((FOLDER / "alerts.yml").read_text())
    tests = [case(alert, given) for alert, given in SERIES.items()]
    wanted = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(wanted))
    done = promtool("test", "rules", "test.yml", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def case(alert: str, given) -> dict:
    """Return a test of promtool: figures, and that the alert fires at them."""
    pairs = [given] if isinstance(given[0], str) else given
    fires = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) > 0'
    sample = {"labels": "{}", "value": 1}
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in pairs],
        "promql_expr_test": [{"expr": fires, "eval_time": "15m", "exp_samples": [sample]}],
    }


def test_an_alert_that_does_not_fire_would_be_seen(tmp_path):
    (tmp_path / "alerts.yml").write_text((FOLDER / "alerts.yml").read_text())
    tests = [case("DiskFull", ("dicom_node_disk_free_bytes", "1x20"))]
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": tests})
    )
    assert promtool("test", "rules", "test.yml", folder=tmp_path).returncode == 1
