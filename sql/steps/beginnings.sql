-- Conversations that another one begins with, which is still in. View `prefixes` of gather; `fate`: what went.
select distinct row
from prefixes
where whole and prefix_set in (select prefix_set from prefixes anti join fate using (row) where not whole)
