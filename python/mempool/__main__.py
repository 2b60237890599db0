# SPDX-License-Identifier: MIT
"""`python -m mempool` is the command `mempool`."""

import sys

from ._cli import main

sys.exit(main())
