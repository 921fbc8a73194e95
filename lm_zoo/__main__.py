"""`python -m lm_zoo` is the `lm-zoo` command."""

import sys

from lm_zoo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
