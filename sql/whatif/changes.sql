-- Records that change sides, in order of rows.
select
    both_sides.row,
    rows.record_id,
    rows.source,
    rows.label,
    rows.group_key,
    both_sides.before,
    both_sides.after,
    both_sides.step_before,
    both_sides.rule_before,
    both_sides.step_after,
    both_sides.rule_after
from both_sides
join rows using (row)
where both_sides.before <> both_sides.after

