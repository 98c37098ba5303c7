"""The files of deploy/: what follows from the code does, and every tool that is here agrees."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from shared.contracts.kinds import KINDS
from shared.messaging.permissions import SERVICES, USERS
from shared.messaging.streams import work_consumer
from trainyard.broker import server_binary
from trainyard.deployment.__main__ import ROOT, files
from trainyard.deployment.dashboards import BOARDS
from trainyard.deployment.kubernetes import HEALTH, SIZES

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
RULES = yaml.safe_load((ROOT / "deploy/monitoring/rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
OURS = re.compile(r"\b(?:trainyard_[a-z0-9_]+|process_[a-z_]+)\b")


def tool(name: str) -> str:
    """The path of a program, or a skip that says what did not run."""
    beside = ROOT / ".venv" / "bin" / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name.upper()} IS NOT HERE: what it checks did not run")
    return found


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(overlay: str) -> list[dict[str, Any]]:
    text = run(tool("kubectl"), "kustomize", f"deploy/k8s/overlays/{overlay}")
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


@pytest.mark.parametrize("path", sorted(files()))
def test_what_follows_from_the_code_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text() == files()[path], "run `make deploy-files`"


@pytest.mark.parametrize("path", ["Dockerfile", "tests/deploy/images/Dockerfile"])
def test_a_dockerfile_is_clean(path: str) -> None:
    run(tool("hadolint"), path)


def test_compose_runs_every_service_as_nobody_on_a_read_only_root() -> None:
    for name in (*SERVICES, "planner", "provision", "nats"):
        service = COMPOSE["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_compose_publishes_on_loopback_only() -> None:
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name


def test_each_service_of_compose_enters_the_broker_as_itself() -> None:
    for name in SERVICES:
        own = COMPOSE["services"][name]["environment"]
        assert own["TRAINYARD_NATS_USER"] == name
        assert own["TRAINYARD_NATS_PASSWORD"].startswith(f"${{NATS_{name.upper()}_PASSWORD")


def test_every_variable_of_compose_is_explained_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert used | {"COMPOSE_PROFILES"} == named  # compose reads that one itself


def test_fresh_secrets_are_written_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for path in (".env.example", "deploy/make-env.sh"):
        shutil.copy(ROOT / path, tmp_path / path)

    subprocess.run(["sh", str(tmp_path / "deploy/make-env.sh")], check=True)
    first = (tmp_path / ".env").read_text()
    subprocess.run(["sh", str(tmp_path / "deploy/make-env.sh")], check=True)

    secrets = [line.split("=")[1] for line in first.splitlines() if re.match(r"^\w+_PASSWORD=", line)]
    assert (tmp_path / ".env").read_text() == first
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert len(set(secrets)) == len(secrets) == 8
    assert all(re.fullmatch(r"s[0-9a-f]{48}", secret) for secret in secrets)


def test_the_keys_of_a_supabase_of_ones_own_are_signed_with_its_secret(tmp_path: Path) -> None:
    tool("openssl")
    (tmp_path / "deploy").mkdir()
    for path in (".env.example", "deploy/make-env.sh"):
        shutil.copy(ROOT / path, tmp_path / path)

    subprocess.run(["sh", str(tmp_path / "deploy/make-env.sh"), "supabase"], check=True)

    found = dict(re.findall(r"^(\w+)=(.*)$", (tmp_path / ".env").read_text(), re.MULTILINE))
    secret = found["TRAINYARD_GATEWAY_JWT_SECRET"]
    roles = {
        name: jwt.decode(found[name], secret, algorithms=["HS256"])["role"]
        for name in ("TRAINYARD_SUPABASE_KEY", "TRAINYARD_SUPABASE_PUBLISHABLE_KEY")
    }
    assert roles == {"TRAINYARD_SUPABASE_KEY": "service_role", "TRAINYARD_SUPABASE_PUBLISHABLE_KEY": "anon"}
    assert found["TRAINYARD_SUPABASE_URL"] == "http://supabase:8000"
    assert found["COMPOSE_PROFILES"] == "supabase"


def test_profiles_hold_what_the_head_of_the_file_says() -> None:
    profiles: dict[str, set[str]] = {}
    for name, service in COMPOSE["services"].items():
        for profile in service.get("profiles", ()):
            profiles.setdefault(profile, set()).add(name)

    assert profiles == {
        "monitoring": {"prometheus", "grafana"},
        "scan": {"clamd"},
        "supabase": {"db", "auth", "rest", "storage", "migrate", "supabase"},
    }


@pytest.mark.parametrize("cluster", [False, True])
def test_nats_server_takes_the_configuration(tmp_path: Path, *, cluster: bool) -> None:
    from trainyard.deployment import nats

    conf = tmp_path / "nats.conf"
    conf.write_text(nats.clustered() if cluster else nats.single())
    secrets = {f"NATS_{user.upper()}_PASSWORD": f"s{user}" for user in (*USERS, "route")}
    routes = {f"NATS_ROUTE_{i}": f'"nats-route://route:sroute@nats-{i}.nats-headless:6222"' for i in range(3)}

    run(server_binary(), "-t", "-c", str(conf), POD_NAME="nats-0", **secrets, **routes)


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_an_overlay_renders_and_keeps_to_the_restricted_profile(overlay: str) -> None:
    documents = rendered(overlay)
    deployments = of_kind(documents, "Deployment")

    assert set(deployments) == set(SIZES)
    for kind in ("Deployment", "StatefulSet", "Job"):
        for name, document in of_kind(documents, kind).items():
            pod = document["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"], name
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
            for box in pod["containers"]:
                assert box["securityContext"]["readOnlyRootFilesystem"], name
                assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
                assert box["resources"]["limits"]["memory"], name


def test_what_a_scaler_scales_has_no_replicas_of_its_own() -> None:
    deployments = of_kind(rendered("prod"), "Deployment")

    assert {n for n, d in deployments.items() if "replicas" not in d["spec"]} == {"trainer", "gateway"}


def test_without_keda_trainers_can_be_scaled_by_hand() -> None:
    assert of_kind(rendered("dev"), "Deployment")["trainer"]["spec"]["replicas"] == 1


def test_keda_sums_the_queues_of_all_kinds() -> None:
    scaled = yaml.safe_load((ROOT / "deploy/k8s/components/keda/keda.yaml").read_text())["spec"]

    assert {t["metadata"]["consumer"] for t in scaled["triggers"]} == {work_consumer(k) for k in KINDS}
    assert scaled["advanced"]["scalingModifiers"]["formula"].split(" + ") == list(KINDS)
    assert scaled["minReplicaCount"] == 0


def test_the_schemas_of_kubernetes_accept_every_manifest(tmp_path: Path) -> None:
    validate = tool("kubernetes-validate")
    for overlay in ("dev", "prod"):
        path = tmp_path / f"{overlay}.yaml"
        path.write_text(yaml.safe_dump_all(rendered(overlay)))
        run(validate, "-k", "1.34", "--strict", str(path))


def test_a_gpu_pool_and_the_gateway_api_can_be_chosen(tmp_path: Path) -> None:
    k8s = ROOT / "deploy" / "k8s"
    chosen = {
        "namespace": "trainyard",
        "resources": [os.path.relpath(k8s / "base", tmp_path)],
        "components": [os.path.relpath(k8s / "components" / n, tmp_path) for n in ("gpu", "gateway-api")],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    text = run(tool("kubectl"), "kustomize", str(tmp_path))
    (tmp_path / "rendered.yaml").write_text(text)

    documents = [document for document in yaml.safe_load_all(text) if document]
    run(tool("kubernetes-validate"), "-k", "1.34", "--strict", str(tmp_path / "rendered.yaml"))

    pool = of_kind(documents, "Deployment")["trainer-gpu"]["spec"]["template"]["spec"]
    assert pool["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    kinds = {e["name"]: e.get("value") for e in pool["containers"][0]["env"]}["TRAINYARD_TRAINER_KINDS"]
    assert set(json.loads(kinds)) < set(KINDS)
    assert set(of_kind(documents, "HTTPRoute")) == {"gateway"}


def test_every_service_is_scraped_where_it_tells() -> None:
    scrape = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())["scrape_configs"][0]
    discovery = scrape["dns_sd_configs"][0]

    assert discovery["port"] == HEALTH
    assert set(discovery["names"]) == set(SIZES)


def test_rules_are_right_by_their_own_tests() -> None:
    promtool = tool("promtool")
    run(promtool, "check", "rules", "deploy/monitoring/rules.yml")
    run(promtool, "test", "rules", "deploy/monitoring/rules_test.yml")
    run(promtool, "check", "config", "deploy/monitoring/prometheus.yml")


def test_every_alert_is_tested_and_has_a_runbook() -> None:
    tests = (ROOT / "deploy/monitoring/rules_test.yml").read_text()

    for alert in ALERTS:
        assert f"alertname: {alert['alert']}\n" in tests, alert["alert"]
        assert (ROOT / alert["annotations"]["runbook"]).exists(), alert["alert"]
        assert alert["labels"]["severity"] in ("critical", "warning")


def test_rules_and_dashboards_ask_only_for_metrics_there_are() -> None:
    code = "\n".join(
        path.read_text()
        for folder in ("shared", "services")
        for path in (ROOT / folder).rglob("*.py")
        if "metrics" in path.name or path.name == "health.py"
    )
    defined = set(re.findall(r'"(trainyard_[a-z0-9_]+)"', code)) | {
        "trainyard_received_processed_messages_duration_seconds", "trainyard_container_memory_usage_bytes",
        "process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds",
    }  # fmt: skip
    expressions = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    expressions += [e for _, panels in BOARDS.values() for panel in panels for e, _ in panel.queries]

    for expression in expressions:
        recorded = re.sub(r"\b(?:kind|trainyard):[a-z0-9_:]+", "", expression)
        for name in OURS.findall(recorded):
            stem = re.sub(r"_(total|bucket|count|sum)$", "", name)
            assert {name, stem} & defined, (name, expression)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_dashboard_has_no_holes_and_no_overlaps(name: str) -> None:
    board = json.loads((ROOT / f"deploy/monitoring/grafana/dashboards/{name}.json").read_text())
    taken: set[tuple[int, int]] = set()

    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["targets"]
        assert panel["fieldConfig"]["defaults"]["unit"]
