#!/bin/sh
# One scheduled run, for cron:  cron.sh PIPELINE.yaml STORE LOGS
#
# Says nothing when all is well, so that cron's mail is a message to a person. No lock of its own is needed: a run finds
# out by itself that another one prepares the same dataset, and waits. What each exit code asks for: docs/etl.md.
set -u

pipeline=${1:?usage: cron.sh PIPELINE.yaml STORE LOGS}
store=${2:?usage: cron.sh PIPELINE.yaml STORE LOGS}
logs=${3:?usage: cron.sh PIPELINE.yaml STORE LOGS}
dataprep=${DATAPREP:-dataprep}
tries=${TRIES:-3}
pause=${PAUSE_SECONDS:-300}

mkdir -p "$logs" || exit 3
events=$logs/events.ndjson
errors=$logs/errors.txt

while :; do
    tries=$((tries - 1))
    "$dataprep" run "$pipeline" --store "$store" --wait 3600 --json >"$events" 2>"$errors"
    code=$?

    # The first event names the run; there is none where the pipeline file itself is wrong.
    run=$(sed -n '1s/.*"run_id": "\([0-9a-f-]*\)".*/\1/p' "$events")
    if [ -n "$run" ]; then
        "$dataprep" lineage "$run" --store "$store" >>"$logs/lineage.ndjson"
    fi

    if [ "$code" -ne 3 ] || [ "$tries" -le 0 ]; then
        break
    fi
    sleep "$pause"
done

case $code in
    0) ;;
    1) echo "dataprep: $pipeline was refused; the latest version stays as it was. Somebody has to decide:" ;;
    2) echo "dataprep: $pipeline or its data is wrong, and will be until somebody mends it:" ;;
    3) echo "dataprep: $pipeline failed for want of disk, memory or a lock, after several tries:" ;;
    130) echo "dataprep: $pipeline was interrupted; the next run goes on from there:" ;;
    *) echo "dataprep: $pipeline met a bug ($code); please report it:" ;;
esac
if [ "$code" -ne 0 ]; then
    cat "$errors"
fi
exit "$code"
