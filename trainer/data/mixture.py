"""How often each example is seen in an epoch: groups repeated or thinned by weight, alike in every epoch and run."""

from __future__ import annotations

import difflib
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from trainer.recipe import MixtureConfig

_RANGE = 1 << 64


def mix(table: pa.Table, mixture: MixtureConfig | None) -> pa.Table:
    """The examples as often as their groups' weights say, in the order they had.

    Of a weight's fraction, that share of a group's records is seen once more; which ones is a hash of the record's id,
    so that a conversation's examples stay together and other records change nothing.

    Args:
        table: with `record_id` and `group`.
        mixture: weights; None leaves all as it is.

    Raises:
        InputError: a weight is for a group that is not there, or nothing remains.
    """
    if mixture is None:
        return table
    groups = table["group"].to_pylist()
    for name in mixture.weights:
        if name not in set(groups):
            raise _unknown(name, sorted(set(groups)), mixture.by)
    times = repetitions(table["record_id"].to_pylist(), groups, mixture.weights)
    if not times.any():
        raise InputError("the weights leave no example to train on", key="data.mixture.weights")
    return table.take(pa.array(np.repeat(np.arange(len(table)), times)))


def repetitions(record_ids: list[str], groups: list[str], weights: dict[str, float]) -> npt.NDArray[np.int64]:
    """Times that each example is seen in an epoch; a group without a weight has 1.

    >>> repetitions(["a", "b"], ["x", "y"], {"x": 2.0}).tolist()
    [2, 1]
    """
    times = np.empty(len(record_ids), np.int64)
    for place, (record_id, group) in enumerate(zip(record_ids, groups, strict=True)):
        whole, fraction = divmod(weights.get(group, 1.0), 1)
        times[place] = int(whole) + (fraction > 0 and _hash(record_id) < fraction * _RANGE)
    return times


def _hash(record_id: str) -> int:
    digest = blake2b(record_id.encode(errors="surrogatepass"), digest_size=8, person=b"trainer-mix").digest()
    return int.from_bytes(digest, "little")


def _unknown(name: str, there: list[str], by: str) -> InputError:
    close = difflib.get_close_matches(name, there, n=1)
    meant = f"; did you mean {quoted(close[0])}?" if close else ""
    listed = ", ".join(quoted(each) for each in there[:20] if each) or f"none: the rows have no {by}"
    message = f"no row to train on has the {by} {quoted(name)}{meant}"
    return InputError(message, key="data.mixture.weights", hint=f"there are: {listed}")
