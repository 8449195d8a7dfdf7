#!/usr/bin/env bash
# The fault matrix against a real Mosquitto and the real daemon.
#
#   bash tests/faults/run.sh [--short | --long] [--row N]... [--jobs N]
#
# --short, the default, takes less than 10 minutes on 2 cores; --long has 100 SIGKILLs, 10 minutes of soak and
# 100,000 mutated packets. The last line is `faults: N of 23 hold`, and the status is 0 if all of them do.
#
# Missing Debian packages are installed, by apt-get as root or with sudo. Python packages are those of
# tests/run.sh: in VENV or .venv-test. As root, and allowed to mount, it fills and write-protects a real disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin" # Debian has mosquitto there, which is not on everybody's path

venv=${VENV:-.venv-test}

# Run as root. The broker comes as a service; policy-rc.d is how Debian is told not to start it.
# shellcheck disable=SC2016 # expanded by the shell that runs it
install_debian='
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap "rm -f $policy" EXIT
        printf "#!/bin/sh\nexit 101\n" > "$policy"
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -qy --no-install-recommends "$@"
'

missing=()
command -v mosquitto > /dev/null || missing+=(mosquitto)
command -v mosquitto_sub > /dev/null || missing+=(mosquitto-clients)
compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' > /dev/null || missing+=(libfaketime)
if [[ ${#missing[@]} -gt 0 ]]; then
    as_root=()
    [[ $EUID -eq 0 ]] || as_root=(sudo)
    "${as_root[@]}" bash -euc "$install_debian" install "${missing[@]}"
fi

python=$venv/bin/python
if ! "$python" -c 'import pytest, streamdetect' 2> /dev/null; then
    [[ -x $python ]] || "${PYTHON:-python3}" -m venv "$venv"
    "$python" -m pip install --quiet --disable-pip-version-check --editable '.[test]'
fi

exec nice "$python" tests/faults "$@"
