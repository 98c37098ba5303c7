#!/bin/bash
# Install the locked libraries of one image into /opt/venv, and drop what no process of ours reads.
# A company's CA bundle and package index come as build secrets `ca` and `pip`.
set -euo pipefail
group=$1
if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi
python3.11 -m venv /opt/pip
python3.11 -m venv --without-pip /opt/venv
/opt/pip/bin/pip --python /opt/venv/bin/python --disable-pip-version-check \
  install --require-hashes --only-binary :all: -r "requirements/$group.txt"
site=/opt/venv/lib/python3.11/site-packages
/opt/pip/bin/pip --python /opt/venv/bin/python freeze --all > /opt/venv/packages.txt
find "$site" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +  # `test` is part of TensorFlow
rm -rf "$site/tensorflow/include" "$site/clang"  # headers and libclang serve those who build TensorFlow's extensions
# by name: strip breaks libraries that a wheel's builder has patched
for library in "$site"/tensorflow/libtensorflow_{cc,framework}.so.2 "$site/llvmlite/binding/libllvmlite.so"; do
  if [ -e "$library" ] && command -v strip > /dev/null; then
    strip --strip-unneeded "$library"
    /opt/venv/bin/python -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)' "$library"
  fi
done
/opt/venv/bin/python -m compileall -q -j 0 "$site" || true
# what was dropped is missed by nobody: the libraries that could miss something load
HOME=/tmp /opt/venv/bin/python - <<'PYTHON'
from importlib import import_module
from importlib.util import find_spec

for name in ("numpy", "pandas", "matplotlib.pyplot", "scipy.signal", "sklearn", "numba", "tensorflow", "keras", "tf2onnx"):
    if find_spec(name.partition(".")[0]):
        import_module(name)
PYTHON
