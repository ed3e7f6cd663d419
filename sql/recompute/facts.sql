-- What rules read, for the records of `batch` (registered: record_id and the signals measured anew). Braces are filled
-- with quoted identifiers: {fields} of `records`, {meta} from its JSON, {measured} of `batch`, {stored} of `signals`.
create or replace table facts as
select batch.record_id{fields}{meta}{measured}{stored}
from batch
join records using (record_id)
left join signals using (record_id)
