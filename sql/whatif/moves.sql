-- Records by where they are and where they would be.
select before, after, count(*) as records
from both_sides
group by before, after
order by before, after
