#!/usr/bin/env bash
# The main job: sets up, then trains an LSTM and a Transformer on the language reference that every
# Python carries, evaluates both, sets them side by side, and generates. Usage:
#   bash tools/quickstart.sh [RUNS_FOLDER]
# Stopped half-way, the same command goes on where it was.
set -euo pipefail
runs=${1:+$(realpath -m "$1")}
runs=${runs:-runs}  # in the checkout
. "$(dirname "$0")/environment.sh"
install_lm_zoo ""

started=$SECONDS
for model in lstm transformer; do
  echo
  echo "== Training: lm-zoo train --config=quickstart_$model --workdir=$runs/quickstart_$model"
  lm-zoo train --config=quickstart_$model --workdir="$runs/quickstart_$model"
  echo
  echo "== Evaluating: lm-zoo evaluate --workdir=$runs/quickstart_$model --split=test"
  lm-zoo evaluate --workdir="$runs/quickstart_$model" --split=test
done
echo
echo "== Comparing: lm-zoo compare $runs/quickstart_lstm $runs/quickstart_transformer"
lm-zoo compare "$runs/quickstart_lstm" "$runs/quickstart_transformer"
for model in lstm transformer; do
  echo
  echo "== Generating: lm-zoo generate --workdir=$runs/quickstart_$model --prompt='The class'"
  lm-zoo generate --workdir="$runs/quickstart_$model" --prompt="The class" \
    --max_new_tokens=200 --temperature=0.7 --seed=1
done
echo
echo "== Scoring: lm-zoo score --workdir=$runs/quickstart_transformer"
printf '%s\n' "The class definition is an executable statement." \
  "Statement executable an is definition class the." |
  lm-zoo score --workdir="$runs/quickstart_transformer"
echo
echo "Done in $((SECONDS - started)) s after the installation. To see the curves:"
[ -n "${VIRTUAL_ENV_PROMPT:-}" ] && echo "    . $VIRTUAL_ENV/bin/activate"
echo "    tensorboard --logdir $runs"
