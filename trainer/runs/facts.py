"""What a training run was made with: code, packages, machine. Never text of the data, never the environment.

The code is that of the repository in which the recipe lies, with what was changed and not committed. Of that only files
of code and configuration are taken (`_CODE`): a repository may hold data too (and a notebook shows some of them), which
have no place in a run's folder.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "dataprep",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "safetensors",
    "numpy",
    "pyarrow",
)
"""What a loss may depend on."""
_CODE: Final = ("py", "pyi", "sh", "sql", "toml", "cfg", "ini", "yaml", "yml", "jinja", "jinja2", "j2")
MAX_DIFF_BYTES: Final = 1_000_000
_SECONDS: Final = 20
"""How long git may take: a repository on a slow network drive must not keep a run from starting."""


@dataclass(frozen=True)
class Facts:
    """What a run was made with, JSON-able.

    Attributes:
        code: `commit`, `branch`, `dirty` (whether tracked files were changed), `untracked` (number of files) and
            `diff_bytes`; `commit` is None outside a repository.
        packages: version of Python and of each package that is installed.
        hardware: `system`, `cpu`, `cores` (that this process may use), `memory_bytes`, `gpus` (name, memory_bytes).
        diff: of code that was changed and not committed, as bytes for `code.diff`; empty where there is none.
    """

    code: dict[str, Any]
    packages: dict[str, str]
    hardware: dict[str, Any]
    diff: bytes


def collect(folder: Path) -> Facts:
    """What a run is made with whose recipe lies in `folder`."""
    code, diff = _code(folder)
    return Facts(code, _packages(), _hardware(), diff)


def _code(folder: Path) -> tuple[dict[str, Any], bytes]:
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    status = _git(folder, "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames")
    if not commit or status is None:
        return {"commit": None}, b""
    entries = [entry for entry in status.split(b"\0") if entry]
    untracked = sum(entry.startswith(b"?? ") for entry in entries)
    kinds = [f":(top,glob)**/*.{suffix}" for suffix in _CODE]
    diff = _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "HEAD", "--", *kinds)
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or b""
    code = {
        "commit": commit.decode().strip(),
        "branch": branch.decode(errors="replace").strip() or None,
        "dirty": len(entries) > untracked,
        "untracked": untracked,
        "diff_bytes": len(diff or b""),
    }
    return code, _cut(diff or b"")


def _cut(diff: bytes) -> bytes:
    """At most a megabyte: a larger one is generated code, and the commit still says most."""
    if len(diff) <= MAX_DIFF_BYTES:
        return diff
    return diff[: diff.rfind(b"\n", 0, MAX_DIFF_BYTES) + 1]


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it is not installed, fails or takes too long. It runs nothing and locks nothing."""
    program = shutil.which("git")
    if program is None:
        return None
    # Inside a hook git names its own repository by these, which need not be the recipe's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - the program by its full path, arguments of ours
            [program, "-c", "core.fsmonitor=false", "--no-optional-locks", *arguments],
            cwd=folder,
            env=environment | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _packages() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _hardware() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": _gpus(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _gpus() -> list[dict[str, Any]]:
    """GPUs that torch sees. Not imported for this: a process that trains has it, and others use no GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    devices = (torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count()))
    return [{"name": device.name, "memory_bytes": device.total_memory} for device in devices]
