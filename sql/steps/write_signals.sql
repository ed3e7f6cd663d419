-- The version's signals: one row a record, one column a signal.
select rows.record_id, signals.* exclude (row)
from signals
join rows using (row)
