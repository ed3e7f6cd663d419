"""Calling machine code: whatever numba takes crosses unharmed, memory goes back, and code on disk needs no numba."""

from __future__ import annotations

import enum
import gc
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dataprep.kernels import cache_folder, kernel
from dataprep.kernels.native.load import MachineCode
from dataprep.kernels.sorting import ascending

REPOSITORY = Path(__file__).parents[2]


class Pair(NamedTuple):
    """Two arrays and a number."""

    left: npt.NDArray[Any]
    right: npt.NDArray[Any]
    number: int


@kernel
def weighed(array: npt.NDArray[Any]) -> float:
    """A sum that knows where each value stands."""
    total = 0.0
    for row in range(array.shape[0]):
        for column in range(array.shape[1]):
            total += array[row, column] * (10 * row + column + 1)
    return total


ARRAYS: dict[str, npt.NDArray[Any]] = {
    "flags": np.array([[True, False], [False, True]]),
    "bytes": np.array([[1, 255]], np.uint8),
    "float": np.array([[0.5], [1.5]], np.float32),
    "large": np.array([[1 << 40, 3]], np.uint64),
    "Fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "stretched": np.arange(24).reshape(3, 8)[:, ::2],
    "reversed": np.arange(12).reshape(3, 4)[::-1, ::-1],
    "read only": np.frombuffer(bytes(range(12)), np.int8).reshape(3, 4),
    "not aligned": np.frombuffer(b"." + np.arange(6).tobytes(), np.int64, offset=1).reshape(2, 3),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_all_kinds_are_read_where_they_are(name: str) -> None:
    array = ARRAYS[name]
    weights = 10 * np.arange(array.shape[0])[:, None] + np.arange(array.shape[1]) + 1
    assert weighed(array) == (array.astype(float) * weights).sum()


@kernel
def echoed(flag: bool, number: int, real: float, small: np.uint8, large: np.uint64, single: np.float32) -> Any:
    """What was given."""
    return not flag, -number, real / 2, small, large, single


@given(
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, width=64),
    st.integers(0, 255),
    st.integers(0, 2**64 - 1),
    st.floats(allow_nan=False, width=32),
)
def test_numbers_cross_whole(flag: bool, number: int, real: float, small: int, large: int, single: float) -> None:
    found = echoed(flag, number, real, np.uint8(small), np.uint64(large), np.float32(single))
    assert found == (not flag, -number, real / 2, small, large, single)
    assert list(map(type, found)) == [bool, int, float, int, int, float]


@kernel
def turned(pair: Pair, more: tuple[int, Pair]) -> Pair:
    """Of two nested pairs one."""
    return Pair(pair.right + more[0], more[1].left.copy(), pair.number + more[1].number)


@kernel
def nothing(array: npt.NDArray[Any]) -> None:
    """Write and give nothing."""
    array[0] = 7


def test_named_tuples_come_and_go_with_their_names() -> None:
    pair = Pair(np.arange(3), np.ones((2, 2)), 5)
    other = Pair(np.array(["2020", "2021"], "M8[Y]"), np.empty(0), 2)
    found = turned(pair, (1, other))
    assert isinstance(found, Pair)
    assert found.left.tolist() == [[2, 2], [2, 2]]
    assert found.right.dtype == other.left.dtype
    assert found.right.tolist() == other.left.tolist()
    assert found.number == 7
    array = np.zeros(2)
    nothing(array)
    assert array.tolist() == [7, 0]


@kernel
def halves(array: npt.NDArray[Any]) -> Any:
    """Three arrays that lie in one memory, and one that lies in the argument."""
    made = array + 1
    middle = array.size // 2
    return made, made[:middle], made[middle:], array[1:]


def test_arrays_share_memory_until_the_last_of_them_goes() -> None:
    given_array = np.arange(100_000)
    whole, first, second, after = halves(given_array)
    del whole
    gc.collect()
    first[:] += 1
    assert first[0] == 2
    del first
    assert second[-1] == 100_000
    assert np.shares_memory(after, given_array)
    del given_array
    assert after[-1] == 99_999
    assert after.flags.writeable


@kernel
def filled(size: int) -> npt.NDArray[np.int64]:
    """As many ones."""
    return np.ones(size, np.int64)


def test_memory_is_given_back() -> None:
    resource = pytest.importorskip("resource")
    filled(10_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):  # 1.6 GB
        filled(10_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_what_an_interrupt_comes_before_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during a kernel is raised when it returns, before Python has its result."""
    resource = pytest.importorskip("resource")
    filled(10_000_000)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (code,) = (code for key, code in vars(filled)["_codes"].items() if key == (int,))
    assert isinstance(code, MachineCode)
    monkeypatch.setattr(code, "_read", interrupted)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        with pytest.raises(KeyboardInterrupt):
            filled(10_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


@kernel
def rest(_first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """All but the first value of the second."""
    return second[1:]


def test_a_view_keeps_the_argument_that_it_lies_in_and_no_other() -> None:
    first, second = np.arange(5), np.arange(5) + 1
    one, other = weakref.ref(first), weakref.ref(second)
    view = rest(first, second)
    del first, second
    gc.collect()
    assert one() is None
    assert other() is not None
    assert view.tolist() == [2, 3, 4, 5]


def test_what_may_not_be_written_stays_so() -> None:
    view = rest(np.arange(1), np.frombuffer(b"abc", np.uint8))
    assert view.tobytes() == b"bc"
    assert not view.flags.writeable


def test_empty_arrays_come_and_go() -> None:
    assert filled(0).shape == (0,)
    assert weighed(np.empty((0, 5))) == 0


def test_too_little_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match=r"test_native\.filled"):
        filled(1 << 50)


class Colour(enum.IntEnum):
    """A number that is more than a number."""

    RED = 1


@pytest.mark.parametrize(
    ("array", "said"),
    [
        ("text", "not str"),
        (Colour.RED, "not Colour"),
        (np.ma.array([1, 2], mask=[True, False]), "not MaskedArray"),
        (np.zeros(2, [("x", "i4"), ("y", "f4")]), "not of .*'x'"),
        (np.array(["text"]), "not of <U4"),
    ],
)
def test_what_is_no_array_or_number_is_refused(array: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        nothing(array)


@kernel
def negative(number: int) -> int:
    """Its opposite."""
    return -number


def test_integers_are_of_64_bits_whatever_came_before() -> None:
    with pytest.raises(OverflowError, match=r"negative"):
        negative(2**63)
    assert negative(5) == -5
    assert negative(-(2**63) + 1) == 2**63 - 1


def test_arguments_are_counted() -> None:
    with pytest.raises(TypeError, match="takes 1 arguments, not 2"):
        negative(1, 2)  # type: ignore[call-arg]


@kernel
def mixed(signed: int, unsigned: np.uint64) -> Any:
    """Their sum."""
    return signed + unsigned


def test_signed_and_unsigned_make_signed() -> None:
    assert mixed(-3, np.uint64(2)) == -1
    assert mixed(1, np.uint64(2**63 + 1)) == -(2**63) + 2


LARGE = np.arange(400_000)


@kernel
def from_a_large_table(place: int) -> int:
    """Uses an array that numba refers to by its address."""
    return int(LARGE[place])


@kernel
def places(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Uses a function that numba brings along."""
    return np.flatnonzero(flags)


@kernel
def listing(size: int) -> int:
    """Uses a list, which kernels have no runtime for."""
    found = [size]
    for number in range(size):
        found.extend([number])
    return len(found)


@kernel
def endless(number: int) -> int:
    """Calls itself."""
    return endless(number - 1) if number else 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: listing(3), "NRT_"),
        (lambda: places(np.ones(3, np.bool_)), "numba_"),
        (lambda: from_a_large_table(3), "numba.dynamic.globals"),
        (lambda: endless(3), "call themselves"),
    ],
)
def test_what_the_next_process_would_not_have_is_refused_when_it_is_compiled(call: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()


def test_kernels_of_other_modules_are_not_kept() -> None:
    filled(1)
    folder = cache_folder()
    assert folder is None or not list(folder.glob("filled-*"))


def test_the_interpreter_goes_on_meanwhile_and_threads_do_not_mix() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(filled, range(1, 400)))
    assert [int(each.sum()) for each in found] == list(range(1, 400))


@given(arrays.arrays(np.int32, st.integers(0, 200), elements=st.integers(-50, 50)), st.floats(0, 1))
def test_a_beginning_is_sorted_and_the_rest_stays(array: npt.NDArray[np.int32], share: float) -> None:
    count = int(share * len(array))
    expected = [*sorted(array[:count].tolist()), *array[count:].tolist()]
    ascending(array, count)
    assert array.tolist() == expected


KNOWN = """
import sys
import numpy as np
from dataprep.kernels.scan import count_newlines
print(count_newlines(np.frombuffer(b'a\\n', np.uint8)), 'numba' in sys.modules)
"""


def test_code_on_disk_needs_no_numba_and_damaged_code_is_made_again(tmp_path: Path) -> None:
    def run() -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
        return subprocess.run(
            [sys.executable, "-c", KNOWN], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert run() == "1 True"
    assert run() == "1 False"
    (code,) = tmp_path.rglob("*.code")
    for damaged in (code.read_bytes()[:-100], b""):
        code.write_bytes(damaged)
        assert run() == "1 True"
        assert run() == "1 False"


FORKED = """
import os, threading
import numpy as np
from dataprep.kernels.scan import count_newlines
lines = np.frombuffer(b'a\\n', np.uint8)
thread = threading.Thread(target=count_newlines, args=(lines,))
thread.start()
child = os.fork()
found = count_newlines(lines)
if not child:
    os._exit(found)
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), found)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_that_is_made_while_a_thread_compiles_goes_on(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1 1\n"
