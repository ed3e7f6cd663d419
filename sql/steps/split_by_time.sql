-- The oldest groups train, the newest test. Groups of equal time stay together: the running total counts whole ties.
select
    group_id,
    case
        when middle <= $train then 'train'
        when middle <= $train + $validation then 'validation'
        else 'test'
    end as split
from (
    select
        group_id,
        (
            sum(size) over (order by time)
            - sum(size) over (partition by time) / 2.0
        ) / sum(size) over () as middle
    from groups
)
order by group_id;
