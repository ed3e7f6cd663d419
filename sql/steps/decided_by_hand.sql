-- The records that people decided about, as far as they are in this run and unchanged. `by_hand` (registered): record_id,
-- digest (hex or null), decision, split, detail. A record that has changed since comes with `changed` true.
select
    rows.row,
    by_hand.record_id,
    by_hand.decision,
    by_hand.split,
    by_hand.detail,
    by_hand.digest is not null and by_hand.digest <> lower(hex(rows.digest)) as changed
from by_hand
join rows using (record_id)
order by rows.row;
