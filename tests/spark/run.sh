#!/usr/bin/env bash
# Spark, NATS and Mosquitto on this machine: a cluster of two workers, and each part killed once.
#
#   bash tests/spark/run.sh
#
# It took 12 minutes on 2 busy cores. The last line is `spark: N passed, N failed`; the status is 0 if none failed.
#
# It installs missing Debian packages by apt-get, as root or with sudo: Java, nats-server, Mosquitto. Where they
# cannot be installed, it says so and the status is 0. The Python packages are those of tests/run.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/install.sh
. tests/install.sh

missing=()
command -v java > /dev/null || missing+=(default-jre-headless)
command -v nats-server > /dev/null || missing+=(nats-server)
command -v mosquitto > /dev/null || missing+=(mosquitto)
command -v mosquitto_sub > /dev/null || missing+=(mosquitto-clients)
mapfile -t -O "${#missing[@]}" missing < <(venv_package)
if ! install_packages "${missing[@]}"; then
    echo "spark: skipped, because these packages cannot be installed: ${missing[*]}"
    exit 0
fi

if ! "$venv/bin/python" -c 'import pyspark, streamdetect' 2> /dev/null; then
    make_venv
    install_extras test
fi

exec nice "$venv/bin/python" tests/spark
