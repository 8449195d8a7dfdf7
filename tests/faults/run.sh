#!/usr/bin/env bash
# The fault matrix against a real Mosquitto and the real daemon.
#
#   bash tests/faults/run.sh [--short | --long] [--row N]... [--jobs N]
#
# --short, the default, takes less than 10 minutes on 2 cores; --long has 100 SIGKILLs, 30 minutes of soak and
# 100,000 mutated packets. The last line is `faults: N of 38 hold`, and the status is 0 if all of them do.
#
# Missing Debian packages are installed, by apt-get as root or with sudo. Python packages are those of
# tests/run.sh: in VENV or .venv-test. As root, and allowed to mount, it fills and write-protects a real disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/install.sh
. tests/install.sh

missing=()
command -v mosquitto > /dev/null || missing+=(mosquitto)
command -v mosquitto_sub > /dev/null || missing+=(mosquitto-clients)
compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' > /dev/null || missing+=(libfaketime)
mapfile -t -O "${#missing[@]}" missing < <(venv_package)
install_packages "${missing[@]}"

if ! "$venv/bin/python" -c 'import pytest, streamdetect' 2> /dev/null; then
    make_venv
    install_extras test
fi

exec nice "$venv/bin/python" tests/faults "$@"
