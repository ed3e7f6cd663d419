-- Records that ask the same (`number`) where not all of them say the same (`other`), with the place of their id among
-- theirs (`rank`).
select row, conflict_set as number, outcome as other, row_number() over (order by record_id) as rank
from rows
where conflict_set is not null
