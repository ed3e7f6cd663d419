-- The version's signals: one row a record, one column a signal.
select ids.record_id, signals.* exclude (row)
from signals
join ids using (row)
