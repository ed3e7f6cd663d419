-- The cause of each difference: why the version `away` does not have the record in a split, or not in this one, or not
-- with this text. What a person decided counts as a cause where only one version knows of it. `rule_changes` (registered): rule, same, threshold_a, threshold_b, detail;
-- `source_keys` (registered): side, source, detail, how the other version reads the source otherwise. $split_reason: the
-- key under `splits` that differs, if any; $signals: families of signals that are measured otherwise, in words, or null.
create table causes as
with decided as (
    select distinct record_id
    from (
        select record_id, rule
        from verdicts
        where step = 'decisions'
        group by record_id, rule
        having count(distinct side) = 1
    )
),

decisive as (
    select
        side,
        record_id,
        min(value) as value,
        min(threshold) as threshold,
        min(similarity) as similarity,
        min(detail) as detail
    from verdicts
    where decisive and record_id in (select record_id from details where kind in ('added', 'removed'))
    group by side, record_id
),

judged as (
    select
        details.*,
        places.record_id is not null as same_file,
        places.copies,
        places.reason,
        cleaners.names as cleaner_names,
        decided.record_id is not null as by_hand,
        decisive.value,
        decisive.threshold,
        decisive.similarity,
        decisive.detail as verdict_detail,
        rule_changes.same as same_rule,
        rule_changes.threshold_a,
        rule_changes.threshold_b,
        rule_changes.detail as rule_detail,
        source_keys.detail as source_detail,
        kind in ('added', 'removed') as in_or_out,
        in_a and in_b as known
    from details
    left join places using (record_id, away)
    left join cleaners using (record_id)
    left join decided using (record_id)
    left join decisive on decisive.record_id = details.record_id and decisive.side = details.away
    left join rule_changes on rule_changes.rule = details.away_rule and details.away_step = 'rules'
    left join source_keys on source_keys.source = details.source and source_keys.side = details.home
),

named as (
    select
        *,
        case
            when in_or_out and not known then if(same_file and not copies, 'pipeline', 'source')
            when kind = 'changed' then if(row_differs, 'source', 'edit')
            when by_hand then 'decision'
            when kind = 'moved' then 'split'
            when away_step = 'dedup' then 'duplicate'
            when away_step = 'splits' then 'split'
            when away_step = 'clean' then 'edit'
            when not same_rule then 'rule'
            when row_differs then 'source'
            when text_differs then 'edit'
            when $signals is not null then 'pipeline'
            else 'rule'
        end as cause
    from judged
)

select
    kind,
    cause,
    case
        when in_or_out and not known then if(cause = 'pipeline', coalesce(reason, 'read_otherwise'), null)
        when kind = 'changed' then cleaner_names
        when kind = 'moved' and cause = 'split' then
            case
                when pin_differs then 'pin'
                when $split_reason is not null then $split_reason
                when group_differs then 'group'
                else 'share'
            end
        else away_rule
    end as rule,
    source,
    record_id,
    known,
    split_a,
    split_b,
    label_a,
    label_b,
    path_a,
    line_a,
    path_b,
    line_b,
    partner_id,
    value,
    coalesce(threshold_a, if(away = 'a', threshold, null)) as threshold_a,
    coalesce(threshold_b, if(away = 'b', threshold, null)) as threshold_b,
    similarity,
    case
        when in_or_out and not known then
            case
                when reason is not null then 'the other version rejects this row'
                when copies then 'the other version has fewer copies of this row'
                when same_file then coalesce(source_detail, 'the other version reads this row otherwise')
                else 'not in the sources of the other version'
            end
        when kind = 'changed' and row_differs then 'the row differs in the sources'
        when kind = 'changed' then null
        when cause = 'rule' then rule_detail
        when cause = 'source' then 'the row differs in the sources; the rule is the same'
        when cause = 'edit' then coalesce(cleaner_names || ' changes it otherwise', verdict_detail)
        when cause = 'pipeline' then $signals
        when cause = 'duplicate' or away_step = 'splits' then verdict_detail
    end as detail,
    content_digest,
    group_id
from named;
