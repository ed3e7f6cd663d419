-- What is shown of some records, without their text. View `records` of one version or stopped run; $ids: of the records.
select record_id, status, split, step, rule, label, path, line, digest
from records
where record_id in (select unnest($ids))
