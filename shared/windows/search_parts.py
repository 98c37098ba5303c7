"""The parts of a search: trials learn, choose and are judged inside the training part alone."""

import numpy as np

from shared.contracts.trials import Stage
from shared.series.problems import NoWindowFits
from shared.windows.dataset import Dataset
from shared.windows.split import Parts, purged

LEARNED, CHOSEN = 0.65, 0.8  # borders of the training samples, in shares; the rest judges
FIRST_STAGE = 1 / 3  # of the samples to learn from, the newest


def searched(dataset: Dataset, stage: Stage) -> Dataset:
    """Return the training part of a data set divided again, oldest first; purged like the parts of a split.

    Stage 0 learns from the newest third of what stage 1 learns from; both are judged on the same windows, the
    newest of the training part. Validation and test stay unseen.

    Raises
    ------
    NoWindowFits
        If the training part is too short to be divided.
    """
    index = dataset.indices("train")
    borders = [round(LEARNED * len(index)), round(CHOSEN * len(index))]
    reach, calendar = dataset.plan.target_reach_ns, dataset.plan.grid.calendar
    nominal = dataset.ref_ns if calendar is None else calendar.nominal(dataset.ref_ns)
    train, validation, judged = purged(np.split(index, borders), nominal, reach[1] - reach[0])
    if stage == 0:
        train = train[-max(1, round(FIRST_STAGE * len(train))) :]
    if min(map(len, (train, validation, judged))) == 0:
        raise NoWindowFits(
            f"the training part of {len(index)} windows is too short to search in", field="tune"
        )
    leaking = dataset.parts.leaking
    return dataset.divided(Parts(train, validation, judged, n_purged=0, leaking=leaking))
