# SPDX-License-Identifier: MIT
"""Where the figures were taken: what a reader needs to compare them with others."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def machine() -> dict[str, object]:
    cpus = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpus, re.MULTILINE)
    folder = Path("/sys/devices/system/cpu/vulnerabilities")
    mitigations = {each.name: each.read_text().strip() for each in sorted(folder.iterdir())} if folder.exists() else {}
    memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "hypervisor": " hypervisor " in cpus,
        "memory_mib": int(memory[1]) // 1024 if memory else 0,
        "kernel": platform.release(),
        "page_table_isolation": "PTI" in mitigations.get("meltdown", ""),
        "mitigations": mitigations,
        "load_average_at_start": os.getloadavg(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "") if hasattr(platform, "freedesktop_os_release") else "",
    }


def first_line(*command: str) -> str:
    """What a program says of its version; empty where there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip().partition("\n")[0] if done.returncode == 0 else ""
