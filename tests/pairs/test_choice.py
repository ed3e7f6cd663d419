"""Which duplicates stay, against going through the records one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.kernels.greedy import COPY, NEAR, NONE
from dataprep.pairs.choice import Likeness, choose_duplicates

THRESHOLD = 0.8


@st.composite
def cases(draw):
    n = draw(st.integers(1, 12))
    cell_of = [draw(st.integers(0, i)) for i in range(n)]
    cells = np.array([i if cell_of[i] == i else cell_of[i] for i in range(n)])
    cells = np.array([cell if cells[cell] == cell else row for row, cell in enumerate(cells.tolist())])
    firsts = sorted(set(cells.tolist()))
    sets = st.frozensets(st.integers(1, 8), min_size=1, max_size=6), st.frozensets(st.integers(1, 4), max_size=3)
    words = {first: tuple(draw(each) for each in sets) for first in firsts}
    giant = [first for first in firsts if draw(st.booleans())]
    copies = np.array([draw(st.integers(-1, 2)) for _ in range(n)])
    copies = np.array([-1 if copy < 0 else 100 + 10 * copy for copy in copies.tolist()])
    order = np.array(draw(st.permutations(range(n))))
    must_stay = np.array([draw(st.booleans()) and draw(st.booleans()) for _ in range(n)])
    return cells, words, giant if len(giant) > 1 else [], copies, order, must_stay


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def alikeness(one: tuple[frozenset[int], ...], other: tuple[frozenset[int], ...]) -> float:
    """The lesser similarity of whole records and of answers, of which some have none."""
    return min(map(jaccard, one, other))


@given(cases())
def test_the_kept_set_is_that_of_going_through_the_records_in_order(case):
    cells, words, giant, copies, order, must_stay = case
    firsts = sorted(words)
    near = [
        (a, b, alikeness(words[a], words[b]))
        for place, a in enumerate(firsts)
        for b in firsts[place + 1 :]
        if not (a in giant and b in giant) and alikeness(words[a], words[b]) > 0.3
    ]
    earlier, later, similarity = (np.array(column) for column in zip(*near, strict=True)) if near else ([], [], [])
    sets = []
    for column in range(2):
        members = [sorted(words[first][column]) for first in giant]
        values = np.array([value for some in members for value in some], np.uint64)
        sets += [np.cumsum([0, *map(len, members)]), values]
    likeness = Likeness(
        cells,
        np.array(earlier, np.int64),
        np.array(later, np.int64),
        np.array(similarity, float),
        [np.array(giant)] if giant else [],
        np.array(giant, np.int64),
        *sets,
    )
    found = choose_duplicates(order, copies[order], must_stay[order], likeness, THRESHOLD)

    kept: list[int] = []
    for place, row in enumerate(order.tolist()):
        copied = [other for other in kept if copies[row] >= 0 and copies[other] == copies[row]]
        alike = {other: alikeness(words[cells[row]], words[cells[other]]) for other in kept}
        close = {other: value for other, value in alike.items() if value >= THRESHOLD}
        expected = COPY if copied else NEAR if close else NONE
        assert found.kind[place] == expected
        if expected != NONE:
            partner = int(order[found.partner[place]])
            assert partner in kept
            assert found.similarity[place] == (1.0 if copied else alike[partner])
            assert copied or alike[partner] >= THRESHOLD
        if expected == NONE or must_stay[row]:
            kept.append(row)
