"""Processor time of one data set, least of eight: ``cd CHECKOUT; python PATH/TO/windows_cpu.py``.

For comparing two checkouts on a machine with other work on it; old checkouts will do, too.
"""

import importlib
import importlib.util
import itertools
import sys
import time

N_ROWS, N_INPUTS, ROUNDS = 30_000, 3, 8

if __name__ == "__main__":
    sys.path[0] = "."  # the checkout, not this folder: it has a module named platform
    from benchmarks.windows_request import request, series_of

    new = importlib.util.find_spec("shared.windows") is not None
    dataset_module = importlib.import_module("shared.windows.dataset" if new else "shared.timeseries.dataset")
    spec, series = request(N_ROWS, N_INPUTS), series_of(N_ROWS, N_INPUTS)
    rounds = []
    for _ in range(ROUNDS):
        times = [time.process_time()]
        dataset = dataset_module.build_dataset(spec, series)
        times.append(time.process_time())
        dataset.x(), dataset.y()
        times.append(time.process_time())
        for _batch in dataset.batches("train", 256):
            pass
        times.append(time.process_time())
        rounds.append([later - earlier for earlier, later in itertools.pairwise(times)])
    build, read, batches = (1000 * min(column) for column in zip(*rounds, strict=True))
    print(f"build {build:.0f} ms, X and Y {read:.0f} ms, batches {batches:.0f} ms of processor time")
