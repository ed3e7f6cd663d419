-- Verdicts on records that contain a benchmark item. `chosen` (registered): row, action, item (its name), kind, value,
-- threshold, said (what the kind is called). $position: where this rule stands in the order. No partner: an item is no
-- record of this version.
insert into verdicts
select
    row,
    'dedup',
    'contains_test_item',
    $position,
    action,
    value,
    threshold,
    null,
    if(kind = 'near', value, null),
    said || ': ' || item
from chosen
