#!/bin/sh
# A router of DCMTK before the synthesis node: takes studies, sends on what was acquired.
#
#   dcmtk.sh serve           take studies; each is sent on once it is quiet
#   dcmtk.sh send            send what waits, for instance every five minutes by cron
#   dcmtk.sh take FOLDER     what storescp calls at the end of a study
#
# A file leaves the spool only once the node has answered it with success.
set -eu

: "${ROUTER_AET:=ROUTER}" "${ROUTER_PORT:=11113}" "${QUIET_S:=30}"
: "${NODE_AET:=SYNTHNODE}" "${NODE_HOST:=10.0.0.9}" "${NODE_PORT:=11112}"
: "${SPOOL:=/var/spool/dicom-router}" "${DCMTK:=/usr/bin}"
export ROUTER_AET ROUTER_PORT QUIET_S NODE_AET NODE_HOST NODE_PORT SPOOL DCMTK

serve() {
    mkdir -p "$SPOOL/in" "$SPOOL/out"
    # what an earlier run left behind was not called for
    for study in "$SPOOL/in"/study_*; do [ ! -d "$study" ] || take "$study"; done
    exec "$DCMTK/storescp" --aetitle "$ROUTER_AET" --output-directory "$SPOOL/in" \
        --sort-on-study-uid study --eostudy-timeout "$QUIET_S" \
        --exec-on-eostudy "sh '$(readlink -f "$0")' take #p" "$ROUTER_PORT"
}

# Move a study out of reception, so that more of it that comes now is a study of its own.
take() {
    mv "$1" "$(mktemp -d "$SPOOL/out/XXXXXXXX")/"
    send
}

send() {
    exec 9>"$SPOOL/lock"
    flock 9 # one at a time; the next finds what is left
    for batch in "$SPOOL/out"/*/; do
        [ -d "$batch" ] || continue
        find "$batch" -type f | while read -r file; do acquired "$file" || rm "$file"; done
        if [ -z "$(find "$batch" -type f | head -n 1)" ] || store "$batch"; then
            rm -r "$batch"
        fi
    done
}

# Whether a file is an image that was acquired: what was made must not come round.
acquired() {
    about=$("$DCMTK/dcmdump" +P 0008,001c +P 0008,0008 +P 0008,0060 "$1") || return 0
    case $about in *"(0008,001c) CS [YES]"* | *SYNTHETIC*) return 1 ;; esac
    case $about in *"[MR]"* | *"[CT]"* | *"[PT]"*) return 0 ;; *) return 1 ;; esac
}

store() {
    "$DCMTK/storescu" --aetitle "$ROUTER_AET" --call "$NODE_AET" --required \
        --scan-directories --recurse "$NODE_HOST" "$NODE_PORT" "$1"
}

case ${1:-} in
    serve) serve ;;
    send) send ;;
    take) take "$2" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
