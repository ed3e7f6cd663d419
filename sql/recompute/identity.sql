-- A version's published tables (`records`, `ledger`) under the names that `steps/identity.sql` reads, so that the id is
-- derived again by the very statement that made it. Edits count by their number alone, which the ledger has as a value.
create view rows as
select row, record_id, unhex(digest) as digest, unhex(content_digest) as content_digest from records;

create view outcome as
select row, status, split from records;

create view edits as
select records.row, ledger.rule as cleaner, range(ledger.value::bigint) as edits, null as error
from ledger
join records using (record_id)
where ledger.action = 'edit';
