#!/usr/bin/env bash
# How fast it is: every figure beside its limit, measured in the same run, as ratios.
#
#   bash tests/bench/run.sh [--short] [--only SUBJECT]... [--bundles DIR] [--history FILE]
#   bash tests/bench/run.sh --compare COMMIT [--short] [--only SUBJECT]...
#   bash tests/bench/run.sh --compare RUN RUN
#
# --short takes less than 5 minutes on 2 idle cores, and each row says what it scaled down. The last line is
# `bench: N of M goals met`; the status says only whether it ran, never how fast.
#
# Missing Debian packages are installed, by apt-get as root or with sudo. Python packages are those of
# tests/run.sh and what `bench` adds: in VENV or .venv-test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/install.sh
. tests/install.sh

missing=()
command -v mosquitto > /dev/null || missing+=(mosquitto)
command -v mosquitto_sub > /dev/null || missing+=(mosquitto-clients)
mapfile -t -O "${#missing[@]}" missing < <(venv_package)
install_packages "${missing[@]}"

if ! "$venv/bin/python" -c 'import onnx, openvino, river, starlette, streamdetect, tensorflow' 2> /dev/null; then
    make_venv
    install_extras bench,page,train
fi

export PYTHONPATH="$PWD" # whatever else the virtual environment was made for
exec "$venv/bin/python" tests/bench "$@"
