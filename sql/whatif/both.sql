-- One line a record of the pipeline as it stands: where it is, and where the changed pipeline puts it. `stored_before`
-- and `stored_after` (registered): row, status, split, step, rule; in `stored_after` status null means undetermined.
create table both_sides as
select
    before.row,
    coalesce(before.split, before.status) as before,
    case
        when after.row is null or after.status is null then 'undetermined' else coalesce(after.split, after.status)
    end as after,
    before.step as step_before,
    before.rule as rule_before,
    after.step as step_after,
    after.rule as rule_after
from stored_before as before
left join stored_after as after using (row);
