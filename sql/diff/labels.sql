-- How many records of the splits carry each label, in both versions; none where no record has a label.
select
    label,
    count(*) filter (where side = 'a') as records_a,
    count(*) filter (where side = 'b') as records_b,
    records_a / nullif(sum(records_a) over (), 0) as share_a,
    records_b / nullif(sum(records_b) over (), 0) as share_b
from sides
where split is not null
group by label
qualify count(label) over () > 0
order by abs(coalesce(share_b, 0) - coalesce(share_a, 0)) desc, label nulls last;
