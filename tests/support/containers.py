"""The platform of docker-compose.yml in real containers, with ports, volumes and passwords of its own."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from tests.support.postgrest import free_port

ROOT = Path(__file__).parents[2]
CA, PIP = Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pip.conf")


def missing() -> str | None:
    """Say what of Docker is not here; None if engine and compose answer."""
    if not shutil.which("docker"):
        return "docker is not installed"
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"`{' '.join(command)}` says {done.stderr.strip() or done.stdout.strip()}"
    return None


class Compose:
    """One project of docker compose, its words and what it knows about its containers.

    Parameters
    ----------
    words
        What ``deploy/make-env.sh`` is told.
    variables
        Environment beside the ports, which are free ones.
    """

    def __init__(self, folder: Path, project: str, *words: str, **variables: str) -> None:
        (folder / "deploy").mkdir()
        for path in (".env.example", "deploy/make-env.sh"):
            shutil.copy(ROOT / path, folder / path)
        make = ["sh", str(folder / "deploy/make-env.sh"), *words]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        lines = (folder / ".env").read_text().splitlines()
        self.settings = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
        beside = folder / "beside.yml"
        beside.write_text(yaml.safe_dump(_of_this_machine()))
        self.port, self.prometheus_port = free_port(), free_port()
        self._start = [
            "docker", "compose", "-p", project, "--env-file", str(folder / ".env"),
            "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml"), "-f", str(beside),
        ]  # fmt: skip
        own = {
            "PORT": str(self.port),
            "PROMETHEUS_PORT": str(self.prometheus_port),
            "SUPABASE_PORT": str(free_port()),
        }
        self._environment = {**os.environ, **own, **variables}

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, *words: str, timeout: float = 1800) -> str:
        """Run ``docker compose`` with these words; its output.

        Raises
        ------
        AssertionError
            If it fails, with everything it said.
        """
        done = subprocess.run(
            [*self._start, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, (
            f"docker compose {' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        )
        return done.stdout

    def set(self, name: str, value: str) -> None:
        """Change a setting of ``.env`` for what is started from now on."""
        self._environment[name] = value

    def up(self, *words: str) -> None:
        """Start what does not run; containers that run stay as they are."""
        self.say("up", "-d", "--no-build", "--no-recreate", *words)

    def containers(self, service: str | None = None, *, stopped: bool = False) -> list[str]:
        """Return the ids of the containers of a service, or of all."""
        words = ["ps", "-q", *(["-a"] if stopped else []), *([service] if service else [])]
        return self.say(*words).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """Return all the engine knows about a container."""
        return dict(json.loads(docker("inspect", container))[0])

    def wait_healthy(self, *services: str, seconds: float = 600) -> None:
        """Wait until every container of these services says that it is well."""
        end = time.monotonic() + seconds
        while True:
            states = {
                service: [self._health(container) for container in self.containers(service)]
                for service in services
            }
            if all(found and set(found) == {"healthy"} for found in states.values()):
                return
            assert time.monotonic() < end, (
                f"after {seconds:g} s: {states}\n{self.say('logs', '--tail', '20')}"
            )
            time.sleep(1)

    def _health(self, container: str) -> str:
        return str(self.inspect(container)["State"].get("Health", {}).get("Status"))

    def memory(self) -> dict[str, float]:
        """Return MiB in use by each service, the largest of its containers."""
        rows = docker("stats", "--no-stream", "--format", "{{json .}}", *self.containers()).splitlines()
        found: dict[str, float] = {}
        for row in map(json.loads, rows):
            service = row["Name"].split("-")[-2]
            found[service] = max(found.get(service, 0.0), _mib(row["MemUsage"].split("/")[0].strip()))
        return found


def docker(*words: str) -> str:
    """Run ``docker`` with these words; its output."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stderr}"
    return done.stdout


def _mib(text: str) -> float:
    units = {"GiB": 1024.0, "MiB": 1.0, "KiB": 1 / 1024, "kB": 1 / 1049, "B": 1 / 2**20}
    unit = next(u for u in units if text.endswith(u))
    return float(text.removesuffix(unit)) * units[unit]


def _of_this_machine() -> dict[str, Any]:
    """Return what builds need here and not elsewhere: the host's network, its CA bundle and package index."""
    secrets = {name: str(path) for name, path in (("ca", CA), ("pip", PIP)) if path.exists()}
    build = {"network": "host", "secrets": list(secrets)}
    services = ("nats", "gateway", "ingest", "datasets", "trainer", "evaluator")
    return {
        "services": {name: {"build": build} for name in services},
        "secrets": {name: {"file": path} for name, path in secrets.items()},
    }
