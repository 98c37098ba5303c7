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
find "$site" -type d \( -name tests -o -name test -o -name __pycache__ \) -prune -exec rm -rf {} +
rm -rf "$site/tensorflow/include"
/opt/venv/bin/python -m compileall -q -j 0 "$site" || true
