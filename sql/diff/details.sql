-- What both versions say about each difference. `home` is a version that has the record in a split, `away` the other.
create table details as
select
    differences.*,
    if(kind = 'added', 'b', 'a') as home,
    if(kind = 'added', 'a', 'b') as away,
    a.record_id is not null as in_a,
    b.record_id is not null as in_b,
    coalesce(a.content_digest <> b.content_digest, false) as text_differs,
    coalesce(a.digest <> b.digest, false) as row_differs,
    coalesce(a.given_split is distinct from b.given_split, false) as pin_differs,
    coalesce(a.group_id is distinct from b.group_id, false) as group_differs,
    if(kind = 'added', b.source, a.source) as source,
    if(kind = 'added', b.digest, a.digest) as digest,
    if(kind = 'added', b.content_digest, a.content_digest) as content_digest,
    if(kind = 'added', b.group_id, a.group_id) as group_id,
    if(kind = 'added', a.step, b.step) as away_step,
    if(kind = 'added', a.rule, b.rule) as away_rule,
    if(kind = 'added', a.partner_id, b.partner_id) as partner_id,
    a.path as path_a,
    a.line as line_a,
    a.label as label_a,
    b.path as path_b,
    b.line as line_b,
    b.label as label_b
from differences
left join a using (record_id)
left join b using (record_id);
