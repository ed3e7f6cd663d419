-- Verdicts on duplicates of records that stay. `chosen` (registered): row, rule, action, kind, partner, similarity.
-- $threshold: similarity from which on a near duplicate goes; $position: where these rules stand in the order.
insert into verdicts
select
    row,
    'dedup',
    rule,
    $position,
    action,
    similarity,
    if(kind = 'exact', 1.0, $threshold),
    partner,
    similarity,
    if(kind = 'exact', 'same record', if(similarity = 1, 'the same words', 'nearly the same words'))
from chosen
