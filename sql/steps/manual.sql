-- The verdicts of people. $position: before all rules.
insert into verdicts
select
    row,
    'decisions',
    if(decision = 'drop', 'dropped_by_hand', 'released_by_hand'),
    $position,
    decision,
    null,
    null,
    null,
    null,
    detail
from manual;
