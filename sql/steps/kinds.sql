-- Verdicts on duplicates that are no copies. `chosen` (registered): row, partner, rule, action, value, threshold (NaN for
-- none). $kind: prefix, conflict or answer; $position: where the rule stands in the order.
insert into verdicts
select
    chosen.row,
    'dedup',
    chosen.rule,
    $position,
    chosen.action,
    if(isnan(chosen.value), null, chosen.value),
    if(isnan(chosen.threshold), null, chosen.threshold),
    chosen.partner,
    null,
    case
        when $kind = 'prefix' then 'a longer conversation begins with it'
        when $kind = 'answer' then 'the same answer'
        when own.label is distinct from other.label then 'the same input, another label'
        else 'the same input, another answer'
    end
from chosen
join rows as own on own.row = chosen.row
join rows as other on other.row = chosen.partner
