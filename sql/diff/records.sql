-- All differences, a removed and an added record that are one (`matches`, registered: a, b, similarity) as changed.
with merged as (
    select
        kind, cause, rule, source,
        if(kind = 'added', null, record_id) as record_id_a,
        if(kind = 'removed', null, record_id) as record_id_b,
        split_a, split_b, label_a, label_b, path_a, line_a, path_b, line_b,
        partner_id, value, threshold_a, threshold_b, similarity, detail
    from causes
    where
        not (kind = 'removed' and record_id in (select a from matches))
        and not (kind = 'added' and record_id in (select b from matches))
    union all
    select
        'changed',
        if(removed.cause = 'pipeline' and added.cause = 'pipeline', 'pipeline', 'source'),
        if(removed.cause = 'pipeline' and added.cause = 'pipeline', added.rule, null),
        added.source,
        removed.record_id,
        added.record_id,
        removed.split_a, added.split_b, removed.label_a, added.label_b,
        removed.path_a, removed.line_a, added.path_b, added.line_b,
        null, null, null, null,
        matches.similarity,
        case
            when removed.cause = 'pipeline' and added.cause = 'pipeline' then added.detail
            when matches.same_text then 'the same text; its source or another column differs'
            else 'the row differs in the sources'
        end
    from matches
    join causes as removed on removed.kind = 'removed' and removed.record_id = matches.a
    join causes as added on added.kind = 'added' and added.record_id = matches.b
)

select *
from merged
order by
    case kind when 'added' then 0 when 'removed' then 1 when 'changed' then 2 else 3 end,
    source,
    coalesce(path_b, path_a),
    coalesce(line_b, line_a),
    coalesce(record_id_b, record_id_a);
