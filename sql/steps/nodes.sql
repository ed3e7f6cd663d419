-- Records still in, with the node of each: records with equal input sides share one. Records without any input text
-- fall back to the whole record, then to themselves.
create table nodes as
select
    rows.row,
    lower(hex(coalesce(keys.input_key, keys.record_key, rows.digest))) as node,
    rows.group_key,
    pins.pin,
    pins.side,
    rows.label,
    rows.time
from rows
join keys using (row)
join pins using (row)
anti join fate using (row);
