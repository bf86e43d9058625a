#!/bin/bash
# The table of docs/claims.md on a GPU: four architectures, both tracks, each data set that is there, three seeds.
#
#   bash benchmarks/honest_table.sh FOLDER [DATA]
#
# DATA (../shared/data) has camvid, epfl-roads, cwfid and isbi, or some of them; the built-in scenes are always there. It
# takes at most 10 minutes (TABLE_SECONDS): what is left after the start is divided between the comparisons, and each
# --budget chooses the epochs. It writes FOLDER/encoder and FOLDER/paper, two suites with their report.html and suite.json.
# Another call with the same FOLDER continues what was stopped. WEIGHTS is a torchvision file for ENCODER (resnet18);
# without it the encoder starts at random, so that nothing is downloaded. SEEDS (3), JOBS (1), TRACKS ("encoder paper"),
# and PYTHON, the interpreter (python3), can be set. Without a GPU, all runs at a tiny size as a check; then LIMIT=1 takes
# the built-in scenes alone.
set -euo pipefail
cd "$(dirname "$0")/.."
FOLDER=${1:?usage: bash benchmarks/honest_table.sh FOLDER [DATA]}
DATA=${2:-../shared/data}
PYTHON=${PYTHON:-python3}
TRACKS=${TRACKS:-encoder paper}
SEEDS=${SEEDS:-3}
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)
[ ! -d "$DATA" ] || DATA=$(cd "$DATA" && pwd)
has_gpu=$("$PYTHON" -c 'import torch; print(int(torch.cuda.is_available()))')

# name, folder in DATA, domain, shares of the time, its other options; five folds are five trainings of each model
SETS=(
  "scenes||generated scenes|1|size: 128"
  "roads|epfl-roads|aerial images|1|size: 256"
  "cwfid|cwfid|crops and weeds|1|masks: annotations, size: 256"
  "camvid|camvid|street scenes|2|size: 256"
  "isbi|isbi|medical|2|size: 256, folds: 5, seeds: 1, group-by: blocks"
)
found=() total=0
for one in "${SETS[@]}"; do
  IFS='|' read -r name folder domain shares options <<<"$one"
  [ -z "$folder" ] || [ -d "$DATA/$folder" ] || { echo "$name is left out: $DATA/$folder is not there"; continue; }
  [ "$has_gpu" = 1 ] || [ "${LIMIT:-}" != 1 ] || [ -z "$folder" ] || continue
  found+=("$one") total=$((total + shares))
done

# write TRACK: the suite's file
write() {
  local track=$1 name folder domain shares options
  echo "track: $track"
  echo "seeds: $SEEDS"
  if [ "$track" = encoder ] && [ -n "${WEIGHTS:-}" ]; then
    echo "encoder: ${ENCODER:-resnet18}"
    echo "weights: $(realpath "$WEIGHTS")"
  else
    echo "weights: none"
  fi
  [ "$has_gpu" = 1 ] || { echo "epochs: 1"; echo "batch-size: 4"; }
  echo "data-sets:"
  for one in "${found[@]}"; do
    IFS='|' read -r name folder domain shares options <<<"$one"
    if [ "$has_gpu" = 1 ]; then
      options="$options, budget: $((shares * share - 5))s" # a few seconds to start and to end
    else
      options=$(sed -E 's/size: [0-9]+/size: 32/; s/folds: 5/folds: 2/' <<<"$options")
    fi
    echo "  $name: {${folder:+data: $DATA/$folder, }domain: $domain, $options}"
  done
}

share=$(((${TABLE_SECONDS:-600} - 30) / ($(wc -w <<<"$TRACKS") * total)))
[ "$share" -ge 25 ] || { echo "TABLE_SECONDS is too small for ${#found[@]} data sets"; exit 2; }
status=0
for track in $TRACKS; do
  [ -f "$FOLDER/$track.yaml" ] || write "$track" >"$FOLDER/$track.yaml"
  "$PYTHON" -m segarena suite "$FOLDER/$track.yaml" --out "$FOLDER/$track" --resume "$FOLDER/$track" \
    ${JOBS:+--jobs "$JOBS"} 2>&1 | tee -a "$FOLDER/$track.log" || status=$?
done
for track in $TRACKS; do
  [ ! -f "$FOLDER/$track/report.html" ] || echo "$track: $FOLDER/$track/report.html"
done
exit "$status"
