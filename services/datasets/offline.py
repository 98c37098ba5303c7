"""Build a data set from files, without a broker: ``python -m services.datasets.offline SETTINGS.json``.

The settings are ``{"files": {series id: CSV path}, "dataset": {...}}``. The result holds X and Y in
original units and scaled, reference times, column names, the parts and the report.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from services.datasets.core.offline import OfflineSettings, UnreadableFile, read_series
from shared.errors import InvalidInput, TrainyardError
from shared.windows.dataset import Dataset, build_dataset


class BadSettings(InvalidInput):
    """The settings file does not describe a data set."""

    code = "BAD_SETTINGS"


def build(settings_path: Path) -> Dataset:
    """Return the data set of a settings file.

    Raises
    ------
    InvalidInput
        Naming the setting or the file.
    """
    try:
        settings = OfflineSettings.model_validate_json(settings_path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise BadSettings(f"{settings_path.name}: {field}: {first['msg']}", field=field) from error
    except OSError as error:
        raise UnreadableFile(f"{settings_path.name}: {error.strerror}", file=settings_path.name) from error
    folder = settings_path.parent  # where relative paths start
    series = {series_id: read_series(folder / path, series_id) for series_id, path in settings.files.items()}
    return build_dataset(settings.dataset, series)


def arrays(dataset: Dataset) -> dict[str, NDArray[Any]]:
    """Return what the .npz file holds."""
    x, y = dataset.x(scaled=False), dataset.y(scaled=False)
    return {
        "X": x,
        "Y": y,
        "X_scaled": dataset.x(),
        "Y_scaled": dataset.y(),
        "ref_ns": dataset.ref_ns,
        "X_columns": np.array([column.name for column in dataset.layout.inputs]),
        "Y_columns": np.array([column.name for column in dataset.layout.outputs]),
        **{part: dataset.indices(part) for part in ("train", "validation", "test")},
    }


def report(dataset: Dataset) -> dict[str, Any]:
    """Return the report printed beside the file."""
    return {
        "windows": dataset.n_windows,
        "drops": dataset.drops.to_json(),
        "findings": [finding.model_dump(mode="json") for finding in dataset.findings],
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the file was written, 2 with a problem as JSON when the input is at fault."""
    parser = argparse.ArgumentParser(prog="trainyard dataset", description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        dataset = build(options.settings)
    except TrainyardError as error:
        sys.stderr.write(error.problem().model_dump_json(indent=2) + "\n")
        return 2
    with options.out.open("wb") as file:  # an open file keeps numpy from adding a suffix
        np.savez(file, allow_pickle=False, **arrays(dataset))
    sys.stdout.write(json.dumps(report(dataset), indent=2, allow_nan=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
