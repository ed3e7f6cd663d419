-- Verdicts on records that exist already in what the run is compared with. `chosen` (registered): row, action, place,
-- record_id (there), similarity, exact; `places` (registered): place, name. $threshold: similarity from which on a near
-- duplicate goes; $position: where this rule stands in the order. No partner: the ids are those of another version.
insert into verdicts
select
    chosen.row,
    'dedup',
    'known_before',
    $position,
    chosen.action,
    chosen.similarity,
    if(chosen.exact, 1.0, $threshold),
    null,
    chosen.similarity,
    places.name || ': ' || chosen.record_id
    || if(chosen.exact, ', same record', if(chosen.similarity = 1, ', the same words', ', nearly the same words'))
from chosen
join places using (place)
