"""Write every file of deploy/ that follows from the code: ``make deploy-files``."""

from pathlib import Path

from trainyard.deployment import dashboards, manifests, nats

ROOT = Path(__file__).parents[2]


def files() -> dict[str, str]:
    """Return every generated file by its path below the repository, with its text."""
    boards = {f"deploy/monitoring/grafana/dashboards/{n}.json": dashboards.text(n) for n in dashboards.BOARDS}
    return {"deploy/nats/nats.conf": nats.single(), **boards, **manifests.files()}


def main() -> None:
    """Write the files, and say which changed."""
    for path, text in files().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)
            print(path)


if __name__ == "__main__":
    main()
