-- Pairs of duplicates that are no copies, each once, the preferred one first. `chosen` (registered): row, partner,
-- partner_first. $kind: prefix, conflict or answer. They make no clusters: -1 is nobody's row number.
insert into pairs
select distinct
    if(partner_first, partner, row),
    if(partner_first, row, partner),
    $kind,
    null::double,
    -1
from chosen
