#!/bin/bash
# What this project does on a GPU, and how fast: tests, checks, training steps, peers, inference, whole commands.
#
#   bash benchmarks/gpu.sh FOLDER
#
# runs in a checkout in at most 6 minutes (GPU_SECONDS) and writes, into FOLDER, a log and a JSON file for each step,
# gpu.json with all results, and a table, which is printed last; FOLDER.tar.gz has all of it but weights. Each step has a
# limit of its own, and one that fails does not stop the others. PYTHON names the interpreter (python3), with torch and the other requirements; the package
# need not be installed. STEPS restricts it to the steps named. Without a GPU, all runs at a tiny size as a check.
set -u
cd "$(dirname "$0")/.."
FOLDER=${1:?usage: bash benchmarks/gpu.sh FOLDER}
PYTHON=${PYTHON:-python3}
ALL="environment tests checks seeds resume compiled training recorded where peers compare losses inference upconv input"
STEPS=${STEPS:-$ALL}
END=$((SECONDS + ${GPU_SECONDS:-350}))
mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 SEGARENA_CACHE="$FOLDER/cache"
rm -f "$FOLDER/steps.txt"

wanted() { [[ " $STEPS " == *" $1 "* ]]; }

# step NAME SECONDS COMMAND...: run with a limit, into FOLDER/NAME.log
step() {
  local name=$1 limit=$2 start=$SECONDS left=$((END - SECONDS)) status
  shift 2
  [ "$left" -gt 3 ] || { echo "$name: no time left" >>"$FOLDER/steps.txt"; return 0; }
  [ "$limit" -lt "$left" ] || limit=$left
  timeout -k 5 "$limit" "$@" >"$FOLDER/$name.log" 2>&1
  status=$?
  echo "$name $((SECONDS - start)) s$([ $status = 0 ] || echo " STATUS $status")" >>"$FOLDER/steps.txt"
  [ $status = 0 ] || { echo "--- $name: status $status"; tail -n 4 "$FOLDER/$name.log"; }
}

wanted environment && step environment 60 "$PYTHON" benchmarks/gpu/environment.py "$FOLDER"

# Beside these checks, whose times do not count, networks are compiled and the tests run that need no GPU.
background=()
if wanted compiled; then
  for one in "fcn 0" "unet 0" "pspnet 8" "deeplabv3 8"; do
    TORCHINDUCTOR_COMPILE_THREADS=3 step "compiled_${one% *}" 140 \
      "$PYTHON" benchmarks/gpu/training.py "$FOLDER" compile $one &
    background+=($!)
  done
fi
if wanted tests; then
  CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 step tests_cpu 110 nice "$PYTHON" -m pytest -q -n 6 --dist loadfile \
    -p no:cacheprovider -p no:benchmark tests/kernels tests/training tests/scoring tests/models &
  background+=($!)
  step tests_gpu 140 "$PYTHON" -m pytest -q -n 6 -m gpu -rf -p no:cacheprovider -p no:benchmark tests
fi
wanted checks && step checks 50 "$PYTHON" benchmarks/gpu/checks.py "$FOLDER"
wanted seeds && step seeds 60 "$PYTHON" benchmarks/gpu/whole.py "$FOLDER" seeds
wanted resume && step resume 60 "$PYTHON" benchmarks/gpu/whole.py "$FOLDER" resume
[ ${#background[@]} = 0 ] || wait "${background[@]}"

# Nothing runs beside these.
wanted training && step training 75 "$PYTHON" benchmarks/gpu/training.py "$FOLDER"
wanted recorded && step recorded 40 "$PYTHON" benchmarks/gpu/recorded.py "$FOLDER"
wanted where && step where 45 "$PYTHON" benchmarks/gpu/where.py "$FOLDER"
wanted peers && step peers 50 "$PYTHON" benchmarks/gpu/peers.py "$FOLDER"
wanted losses && step losses 25 "$PYTHON" benchmarks/gpu/losses.py "$FOLDER"
wanted compare && step compare 70 "$PYTHON" benchmarks/gpu/whole.py "$FOLDER" compare
wanted inference && step inference 40 "$PYTHON" benchmarks/gpu/inference.py "$FOLDER"
wanted upconv && step upconv 15 "$PYTHON" benchmarks/gpu/upconv.py "$FOLDER"
if wanted input && [ -f benchmarks/input.py ]; then
  step input 40 "$PYTHON" benchmarks/input.py --seconds 1.5 --json "$FOLDER/input.json"
  cat "$FOLDER/input.log"
fi
"$PYTHON" benchmarks/gpu/tables.py "$FOLDER" | tee "$FOLDER/table.txt"
tar -czf "$FOLDER.tar.gz" -C "$FOLDER" --exclude=cache --exclude='*.safetensors' --exclude='*.pt' . && echo "all of it: $FOLDER.tar.gz"
