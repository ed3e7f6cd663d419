-- Exact duplicates. Pairs are found among all cleaned records, whatever rules said, as star edges from the first in the
-- stated order: held-out side first (test, validation), then records of the parent version, preferred sources, sources,
-- record id. Which copies go is then decided among those still in.
-- `pinned` (registered): row, side (0 test, 1 validation, 2 train or none), given, in_parent; `source_order`
-- (registered): source_index, preference.
create table members as
select
    rows.copy_set,
    rows.row,
    pinned.side,
    pinned.given,
    row_number() over (
        partition by rows.copy_set
        order by pinned.side, not pinned.in_parent, source_order.preference, rows.source_index, rows.id_rank
    ) as place
from rows
join pinned using (row)
join source_order using (source_index)
where rows.copy_set is not null;

create table pairs as
select representative.row as a, copy.row as b, 'exact' as kind, 1.0::double as similarity
from members as copy
join members as representative using (copy_set)
where representative.place = 1 and copy.place > 1;
