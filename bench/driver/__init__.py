# SPDX-License-Identifier: MIT
"""What bench/run.py is made of; see bench/README.md."""
