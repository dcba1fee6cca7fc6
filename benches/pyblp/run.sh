#!/bin/sh
# PyBLP and kyoso-demand side by side: benches/pyblp/run.sh [REPETITIONS [TASKS]]. Makes a virtual environment under target/ the first time;
# PYTHON names another interpreter that has the packages of requirements.txt.
set -e
cd "$(dirname "$0")/../.."
if [ -z "$PYTHON" ]; then
    PYTHON=target/pyblp/venv/bin/python
    [ -x "$PYTHON" ] || {
        python3 -m venv target/pyblp/venv
        "$PYTHON" -m pip install --quiet -r benches/pyblp/requirements.txt
    }
fi
cargo build --release --quiet -p kyoso-demand --example pyblp_ours
exec "$PYTHON" benches/pyblp/compare.py target/pyblp/cases target/release/examples/pyblp_ours "$@"
