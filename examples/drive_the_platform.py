"""The platform from Python: upload, train, watch, download. Start one first: ``make up``.

python examples/drive_the_platform.py http://127.0.0.1:8000 load.csv load
"""

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.contracts.kinds import DenseSpec, LinearSpec
from trainyard import Client
from trainyard.plan import plan_dataset


def main(url: str, file: Path, target: str) -> None:
    """Train a linear and a dense model that forecast the next six hours of the target."""
    with Client(url) as client:
        session = client.create_session(file.stem)
        uploaded = client.upload(session, file, role="input")
        print("series:", ", ".join(series.name for series in uploaded.series))
        spec = plan_dataset(client.series(session), target=target, horizon=timedelta(hours=6))
        run = client.run(session, spec, [LinearSpec(), DenseSpec(layers=(16,), epochs=3)])
        for event in client.watch(session, run.run_id):
            print(event.type, event.data.get("label", ""))
        results = client.results(session, run_id=run.run_id)
        for row in results.leaderboard["rows"]:
            print(f"{row['rank']}. {row['label']}: RMSE on test {row['test']['rmse']}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
