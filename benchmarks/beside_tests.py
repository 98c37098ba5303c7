"""Import this before ``tests.support``: a library installs a package called ``tests`` too, and would win."""

import sys
from pathlib import Path
from types import ModuleType

_ours = ModuleType("tests", "The folder of our tests.")
_ours.__path__ = [str(Path(__file__).parents[1] / "tests")]
sys.modules["tests"] = _ours
