#!/bin/sh
# Writes the files of this folder with an earlier version of the program: `make.sh PROGRAM`, built from commit 795566a.
set -eu
program=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# A model of a table, and what it predicts.
{
    echo width,colour,weight
    for i in $(seq 40); do
        [ $((i % 2)) = 0 ] && colour=red || colour=blue
        echo "$((i % 9)).5,$colour,$((i % 9 * 3 + i % 2 * 4)).25"
    done
} >"$work/table.csv"
(cd "$work" && "$program" train --data table.csv --target weight --layers 4 --epochs 3 --seed 7 --out model --quiet)
cp "$work/model/last.safetensors" model.safetensors
printf 'width,colour\n1.5,red\n8.5,blue\n' >new.csv
"$program" predict model.safetensors new.csv >predictions.csv

# A run that was killed after the checkpoint of step 45, in its third epoch of 16 steps, and the model of the same run, not killed.
set -- --data moons --layers 3 --batch 50 --dropout 0.1 --validation 0.2 --patience 3 --seed 7
(cd "$work" && "$program" train "$@" --epochs 4 --out whole --quiet)
cp "$work/whole/last.safetensors" whole.safetensors
(cd "$work" && exec "$program" train "$@" --epochs 100000 --checkpoint-every 15 --out run --quiet) &
while [ ! -e "$work/run/checkpoints/step-0000000045.safetensors" ]; do :; done
kill -9 $!
rm -rf run
mkdir -p run/checkpoints
sed 's/epochs = 100000/epochs = 4/' "$work/run/config.toml" >run/config.toml
cp "$work/run/metrics.jsonl" run
cp "$work/run/checkpoints/step-0000000045.safetensors" run/checkpoints
