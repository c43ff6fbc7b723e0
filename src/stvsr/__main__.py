"""``python -m stvsr`` is the command ``stvsr``."""

import sys

from stvsr.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
