-- Exact duplicates. Pairs are found among all cleaned records, whatever rules said, as star edges from the first in the
-- stated order; which copies go is then decided among those still in.
create table members as
select
    copy_set,
    row,
    side,
    given,
    row_number() over (
        partition by copy_set order by side, not in_parent, preference, source_index, id_rank
    ) as place
from core
where copy_set is not null;

create table pairs as
select representative.row as a, copy.row as b, 'exact' as kind, 1.0::double as similarity
from members as copy
join members as representative using (copy_set)
where representative.place = 1 and copy.place > 1;
