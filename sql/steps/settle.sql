-- Take the decisive verdict of each record that is still in, from the verdicts of the steps so far:
-- drop before hold, then the order of the rules.
insert into fate
select verdicts.row, if(action = 'drop', 'dropped', 'held'), step, rule, partner
from verdicts
anti join fate using (row)
where action in ('drop', 'hold')
qualify row_number() over (partition by verdicts.row order by action = 'hold', position) = 1;
