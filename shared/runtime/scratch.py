"""A folder that one process has to itself, for files that pass through."""

import os
import shutil
import tempfile
from pathlib import Path

OWN = "trainyard-scratch"  # within the folder that is given: what else lies there is not ours to empty


def use_scratch(folder: Path) -> Path:
    """Make temporary files of this process and those it starts in a folder, emptied of an earlier life's.

    A process that is killed leaves behind what it had in hand: rows of users, data sets, models.
    """
    own = folder / OWN
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True, mode=0o700, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(own)
    return own
