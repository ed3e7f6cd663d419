"""Where machine code is kept: private to the user, named by the sources, and there for the next process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = "from dataprep.kernels import cache_folder; print(cache_folder())"


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_importing_kernels_imports_no_numba() -> None:
    code = (
        "import sys, pkgutil, importlib, dataprep.kernels as kernels\n"
        "names = [each.name for each in pkgutil.iter_modules(kernels.__path__) if not each.name.endswith('_lanes')]\n"
        "for name in names: importlib.import_module(f'dataprep.kernels.{name}')\n"
        "print(len(names) > 5, 'numba' in sys.modules)"
    )
    assert run(code) == "True False"


def test_threads_may_call_a_kernel_for_the_first_time_together(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from concurrent.futures import ThreadPoolExecutor\n"
        "from dataprep.kernels.scan import count_newlines\n"
        "lines = np.frombuffer(b'a\\nb\\n', np.uint8)\n"
        "with ThreadPoolExecutor(8) as pool: print(sorted(set(pool.map(count_newlines, [lines] * 64))))"
    )
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == "[2]"


def test_the_user_cache_folder_is_used_and_closed_to_others(tmp_path: Path) -> None:
    folder = Path(run(FOLDER, XDG_CACHE_HOME=str(tmp_path), NUMBA_CACHE_DIR=""))
    assert folder.parent == tmp_path / "dataprep" / "kernels"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_the_user_chose_comes_first(tmp_path: Path) -> None:
    assert Path(run(FOLDER, NUMBA_CACHE_DIR=str(tmp_path))).parent == tmp_path


def test_an_unusable_cache_home_falls_back_to_the_temporary_folder(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    folder = Path(run(FOLDER, XDG_CACHE_HOME=str(occupied), NUMBA_CACHE_DIR="", TMPDIR=str(tmp_path)))
    assert folder.parent.parent == tmp_path
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_a_folder_that_others_can_write_is_not_trusted(tmp_path: Path) -> None:
    planted = tmp_path / f"dataprep-kernels-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    assert run(FOLDER, XDG_CACHE_HOME="/dev/null/x", NUMBA_CACHE_DIR="", TMPDIR=str(tmp_path)) == "None"
    code = (
        "import numpy as np; from dataprep.kernels import first_compile_pending as pending\n"
        "from dataprep.kernels.scan import count_newlines\n"
        "print(count_newlines(np.zeros(1, np.uint8)), pending())"
    )
    assert run(code, XDG_CACHE_HOME="/dev/null/x", NUMBA_CACHE_DIR="", TMPDIR=str(tmp_path)) == "0 True"
    assert not list(planted.rglob("*.code"))


def test_settings_of_the_compiler_have_folders_of_their_own(tmp_path: Path) -> None:
    usual = run(FOLDER, NUMBA_CACHE_DIR=str(tmp_path))
    assert run(FOLDER, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_BOUNDSCHECK="1") != usual
    assert run(FOLDER, NUMBA_CACHE_DIR=str(tmp_path)) == usual


def test_folders_above_are_closed_too(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        folder = Path(run(FOLDER, XDG_CACHE_HOME=str(tmp_path), NUMBA_CACHE_DIR=""))
    finally:
        os.umask(before)
    assert {each.stat().st_mode & 0o777 for each in (folder, folder.parent, folder.parent.parent)} == {0o700}


def test_the_first_compile_is_pending_until_a_kernel_has_run(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from dataprep.kernels import first_compile_pending as pending\n"
        "before = pending()\n"
        "from dataprep.kernels.scan import count_newlines\n"
        "print(before, count_newlines(np.zeros(1, np.uint8)), pending())"
    )
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == "True 0 False"
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == "False 0 False"
