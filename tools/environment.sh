# Sourced by the scripts beside it: goes to the checkout and gives `python`, a virtual environment's.
# Uses the active environment if there is one, otherwise makes .venv with $PYTHON or a fitting one.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fits() { "$1" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

if [ -n "${VIRTUAL_ENV:-}" ]; then
  echo "== Using the active virtual environment $VIRTUAL_ENV"
else
  if [ ! -x .venv/bin/python ]; then
    chosen=""
    for candidate in ${PYTHON:-} python3 python3.12 python3.13 python3.11; do
      if fits "$candidate"; then chosen=$candidate; break; fi
    done
    if [ -z "$chosen" ]; then
      echo "error: no Python 3.11, 3.12 or 3.13 found; install one, or name it: PYTHON=/path/to/python3.12 bash $0" >&2
      exit 2
    fi
    echo "== Making a virtual environment in .venv with $("$chosen" --version)"
    "$chosen" -I -m venv .venv
  fi
  . .venv/bin/activate
fi

install_lm_zoo() {  # install_lm_zoo EXTRAS, e.g. "" or "[test]"
  echo "== Installing lm_zoo$1 and what it needs (about 2 GB on the first run)"
  python -I -m pip install --quiet --disable-pip-version-check --editable ".$1"
}
