#!/bin/sh
# Runs of the main job as a shell script writes them: shell_loop.sh PYTHON DATA EPOCHS RUNS PLOTS
set -e
for seed in $(seq 1 "$4"); do
    "$1" "$(dirname "$0")/keras_script.py" "$2" "$3" "$seed" "$5/$seed.png"
done
