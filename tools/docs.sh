#!/usr/bin/env bash
# Builds the guides and a reference of the public Python as a static site in build/docs, about 15 s.
# A link that leads nowhere and a docstring that cannot be read are errors. Arguments go to Sphinx.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
install_lm_zoo "[docs]"
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}"
python -P -m sphinx --quiet --builder=html --fail-on-warning --keep-going --fresh-env \
  --conf-dir=tools/docs --doctree-dir=build/doctrees "$@" . build/docs
cp build/docs/README.html build/docs/index.html
echo "== The site: $PWD/build/docs/index.html"
