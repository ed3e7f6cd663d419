-- Which copies go. $action: drop, hold, flag or none; $position: where these rules stand in the order.
-- A given held-out side stays whole: its own copies are only flagged. A copy on the train side of a given held-out
-- record leaks, whatever the action for ordinary copies.
insert into verdicts
with present as (
    select members.*, row_number() over (partition by copy_set order by place) as present_place
    from members
    anti join fate using (row)
)
select
    copy.row,
    'dedup',
    case
        when kept.given and copy.side = 2 and kept.side = 0 then 'leaks_into_test'
        when kept.given and copy.side = 2 and kept.side = 1 then 'leaks_into_validation'
        else 'exact_duplicate'
    end as rule,
    $position,
    case
        when rule <> 'exact_duplicate' then 'drop'
        when copy.given and copy.side < 2 then 'flag'
        else $action
    end as action,
    1.0,
    1.0,
    kept.row,
    1.0,
    'same record'
from present as copy
join present as kept using (copy_set)
where kept.present_place = 1 and copy.present_place > 1 and not (rule = 'exact_duplicate' and $action = 'none');
