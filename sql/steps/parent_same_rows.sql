-- The records that the parent version keeps, where it was made from the very same gathered table: by row number.
-- $records: the parent's files of records.
select rows.row, rows.node, rows.group_node, kept.split
from read_parquet($records) as kept
join rows using (row)
where kept.split is not null
