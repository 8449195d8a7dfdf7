#!/usr/bin/env bash
# How good the verdicts are: the tables of QUALITY.md, on made houses and machines and on recorded data.
#
#   bash tests/bench/quality.sh --data DIR [--sets SET...] [--seeds N...] [--own N...] [--out FILE]
#   bash tests/bench/quality.sh --choose --data DIR
#
# The first takes an hour where no model is in its cache yet, most of it training; `--own` without a number
# trains none. The second holds the defaults against their neighbours.
#
# Python packages are those of tests/run.sh and what `train` adds: in VENV or .venv-test. Missing Debian packages
# are installed, by apt-get as root or with sudo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/install.sh
. tests/install.sh

mapfile -t missing < <(venv_package)
install_packages "${missing[@]}" >&2

if ! "$venv/bin/python" -c 'import onnx, streamdetect, tensorflow' 2> /dev/null; then
    make_venv >&2
    install_extras train >&2
fi

command=quality.py
if [[ ${1:-} == --choose ]]; then
    command=choosing.py
    shift
fi
export PYTHONPATH="$PWD" # whatever else the virtual environment was made for
exec "$venv/bin/python" "tests/bench/$command" "$@"
