-- How many records held out by time are older than the newest in train.
with placed as (
    select grouped.time, assigned.split
    from grouped
    join assigned using (group_id)
)

select count(*)
from placed
where split <> 'train' and time < (select max(time) from placed where split = 'train')
