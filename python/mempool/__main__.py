# SPDX-License-Identifier: MIT
"""`python -m mempool` is the command `mempool`."""

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
