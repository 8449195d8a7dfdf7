#!/usr/bin/env bash
# What is installed with streamdetect: a CycloneDX bill of materials, and the licences.
#
#   bash deploy/sbom.sh [FOLDER] [PYTHON]      sbom.cdx.json and licences.md in FOLDER (.) of PYTHON's environment
#
# By default the environment is the one that /opt/streamdetect links to. The tools get an environment of their own,
# so nothing of theirs is on the list. sbom.cdx.json is reproducible: the same packages give the same bytes.
set -euo pipefail
folder=${1:-.}
python=${2:-/opt/streamdetect/bin/python}

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet cyclonedx-bom pip-licenses

mkdir -p "$folder"
"$tools/bin/cyclonedx-py" environment --output-reproducible --spec-version 1.6 --output-format JSON \
    --output-file "$folder/sbom.cdx.json" "$python"
"$tools/bin/pip-licenses" --python "$python" --format=markdown --order=license --with-urls \
    --ignore-packages pip setuptools \
    --output-file "$folder/licences.md" > /dev/null
echo "$(grep -c '"bom-ref"' "$folder/sbom.cdx.json") components in $folder/sbom.cdx.json, licences in $folder/licences.md"
