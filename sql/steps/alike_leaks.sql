-- Verdicts on records of the train side that are alike a held-out record. `chosen` (registered): row, partner, test
-- (whether the partner is in test, else in validation), similarity, whole (of the whole records, else of their inputs);
-- the similarity is NaN where one conversation begins with the other.
-- $threshold: of near duplicates; $position: where these rules stand in the order.
insert into verdicts
select
    row,
    'splits',
    if(test, 'leaks_into_test', 'leaks_into_validation'),
    $position,
    'drop',
    if(isnan(similarity), null, similarity),
    if(isnan(similarity), null, $threshold),
    partner,
    if(isnan(similarity), null, similarity),
    case
        when isnan(similarity) then 'one conversation begins with the other'
        when whole then 'nearly the same words'
        else 'nearly the same input'
    end
from chosen
