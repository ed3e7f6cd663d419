-- Conversations that others begin with, and those others: a line for each and each that it begins with (`number`), with
-- whether it ends there (`other`) and the place of its id among theirs (`rank`).
select
    prefixes.row,
    prefixes.prefix_set as number,
    prefixes.whole as other,
    dense_rank() over (order by rows.record_id) as rank
from prefixes
join rows using (row)
