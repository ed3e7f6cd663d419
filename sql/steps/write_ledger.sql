-- The version's ledger, by record in row order and by order of the flow: cleaners as they
-- were applied, then rules. Columns as in dataprep.store.tables.LEDGER.
select
    record_id, step, rule, action, decisive, value, threshold, partner_id, similarity, detail, edits
from ledger
order by row, position, sequence, rule
