"""Signals: measured properties of a record's cleaned text.

A family is one file in this folder that defines `FAMILY`; it is found by being here. Families share one scan of the
text, and none of them knows another: adding one leaves the stored values of the others as they are.

A record's *answer* is its last assistant turn; its *input* is all turns before that, or all turns where there is no
answer. Counts are over the whole record unless the name says otherwise. Shares are in 0..1, and 0 for empty text.

>>> import pyarrow as pa
>>> from dataprep.record import TURNS_TYPE, Turns
>>> texts = pa.array([[{"role": "text", "content": "spam spam spam eggs"}]], TURNS_TYPE)
>>> measure(Turns(texts))["size"]["n_words"].to_pylist()
[4]
"""

from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn
from dataprep.signals.registry import families, measure, signal_columns

__all__ = ["Family", "SignalColumn", "TextBlock", "families", "measure", "signal_columns"]
