"""Store small models as this release writes them, for later releases to load."""

from pathlib import Path

import numpy as np

from services.trainer.core.export import save_model
from services.trainer.core.fit import fit
from services.trainer.core.predict import Forecaster
from shared.contracts.kinds import (
    ArLstmSpec,
    CnnSpec,
    DenseSpec,
    LastValueSpec,
    LinearSpec,
    LstmSpec,
    ModelSpec,
    SeasonalNaiveSpec,
)
from shared.fingerprint import file_facts
from shared.models.passport import (
    Passport,
    layout_to_json,
    library_versions,
    write_passport,
)
from shared.windows.samples import Layout
from tests.support.forecasting import small_dataset

SPECS: tuple[ModelSpec, ...] = (
    LinearSpec(),
    LastValueSpec(),
    SeasonalNaiveSpec(),
    DenseSpec(layers=(4,), epochs=1, residual=False),
    CnnSpec(layers=(4,), epochs=1, residual=False),
    LstmSpec(layers=(4,), epochs=1, residual=False),
    ArLstmSpec(layers=(4, 3), epochs=1),
)


def store(spec: ModelSpec, folder: Path) -> None:
    """Fit a small model; write what it is loaded from, three windows and their forecasts."""
    folder.mkdir(parents=True)
    dataset = small_dataset(300)
    model = fit(spec, dataset.part("train"), dataset.part("validation"), dataset.layout).model
    save_model(model, dataset.layout, folder)
    for path in folder.iterdir():
        if path.name != "model.npz":
            path.unlink()
    windows = dataset.x(dataset.indices("test")[:3], scaled=False).astype(np.float64)
    forecasts = Forecaster(model, dataset.layout).forecast(windows)
    np.savez(folder / "expected.npz", x=windows, y_pred=forecasts)
    write_model_passport(spec, dataset.layout, folder)


def write_model_passport(spec: ModelSpec, layout: Layout, folder: Path) -> None:
    """Write the passport of the files that lie in a folder."""
    passport = Passport(
        kind=spec.kind,
        spec=spec,
        seed=getattr(spec, "seed", None),
        dataset_sha256="",
        layout=layout_to_json(layout),
        n_windows={},
        libraries=library_versions(),
        metrics={},
        notes={},
        files={path.name: file_facts(path) for path in folder.iterdir()},
    )
    write_passport(passport, folder)
