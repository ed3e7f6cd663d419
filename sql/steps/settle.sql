-- Take the decisive verdict of each record that is still in, from the verdicts of the steps so far:
-- drop before hold, then the order of the rules. A hold that a person released decides nothing.
insert into fate
select verdicts.row, if(action = 'drop', 'dropped', 'held'), step, rule, partner
from verdicts
anti join fate using (row)
where action = 'drop' or (action = 'hold' and row not in (select row from manual where decision = 'release'))
qualify row_number() over (partition by verdicts.row order by action = 'hold', position) = 1;
