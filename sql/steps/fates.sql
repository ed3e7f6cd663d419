-- Where the text of each record goes, in the order of rows: its split, held or dropped.
select rows.record_id, coalesce(outcome.split, outcome.status) as fate, rows.source
from outcome
join rows using (row)
order by outcome.row
