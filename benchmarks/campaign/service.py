"""Start one service with fault points in it: ``python -m benchmarks.campaign.service``."""

import importlib
import os
from pathlib import Path

from benchmarks.campaign.points import Orders, install


def main() -> None:
    """Install the points, then run the service named in the environment."""
    name = os.environ["CAMPAIGN_SERVICE"]
    folder = Path(os.environ["CAMPAIGN_FAULTS"])
    install(Orders(folder / f"{name}.json"))
    importlib.import_module(f"services.{name}.app").main()


if __name__ == "__main__":
    main()
