"""What differs between two versions, record by record, and the cause of each difference: `dataprep diff A B`.

Everything comes from what the versions stored: records, ledgers, manifests. Nothing is judged again, so a cause is what
happened. Text is read for two things only: examples, and rows that an edit at the source may have turned into other
records.
"""

from dataprep.compare.diff import Diff, diff

__all__ = ["Diff", "diff"]
