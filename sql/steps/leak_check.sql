-- How many records in train equal a held-out record, as a whole or on the input side. Must be none: an exact join of
-- the held-out side against train on the keys themselves, independent of how groups were made.
with placed as (
    select outcome.split, rows.copy_set, rows.input_key
    from outcome
    join rows using (row)
    where outcome.status = 'kept'
)

select count(*)
from placed
where
    split = 'train'
    and (
        copy_set in (select copy_set from placed where split <> 'train' and copy_set is not null)
        or input_key in (select input_key from placed where split <> 'train')
    );
