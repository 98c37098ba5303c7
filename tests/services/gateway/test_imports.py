"""The gateway's image has neither numpy nor TensorFlow: nothing it imports may need them."""

import subprocess
import sys
from pathlib import Path


def test_the_gateway_loads_without_numerical_libraries() -> None:
    heavy = "{'numpy', 'pandas', 'tensorflow', 'keras', 'matplotlib', 'sklearn'}"
    program = f"import sys, services.gateway.app; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
