-- How many records in train equal a held-out record, as a whole or on the input side, or are alike one. Must be none: an
-- exact join of the held-out side against train on the keys and the verified pairs themselves, independent of how groups
-- were made. `alike` (registered): a, b.
with placed as (
    select outcome.row, outcome.split <> 'train' as held_out, rows.copy_set, rows.input_key
    from outcome
    join rows using (row)
    where outcome.status = 'kept'
),

held_out as (
    select row, copy_set, input_key from placed where held_out
),

beside as (
    select a as row from alike where b in (select row from held_out)
    union
    select b from alike where a in (select row from held_out)
)

select count(*)
from placed
where
    not held_out
    and (
        copy_set in (select copy_set from held_out where copy_set is not null)
        or input_key in (select input_key from held_out)
        or row in (select row from beside)
    );
