#!/bin/sh
# Install the real peers that tests and benchmarks talk to. Quiet where they are there already.
set -eu
missing=""
[ -x /usr/bin/storescu ] || missing="$missing dcmtk"
[ -x /usr/sbin/Orthanc ] || missing="$missing orthanc"
[ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || missing="$missing orthanc-dicomweb"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Missing:$missing. Install them; tests that need them are skipped." >&2
    exit 0
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "Missing:$missing. Install them as root." >&2; exit 0; }
    as_root="sudo"
fi
echo "Installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of names
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
