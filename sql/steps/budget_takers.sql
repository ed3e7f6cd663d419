-- How many records stayed (taker null) and how many each rule took, over all records: one pass for the overall budget
-- and those of single rules. Braces are filled by dataprep.budgets.check: the files of the run's table of records.
select if(status = 'kept', null, rule) as taker, count(*) as records
from {records}
group by taker
order by taker;
