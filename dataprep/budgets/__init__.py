"""Budgets: the most that rules may take, overall, each by itself, and of every slice, before a run refuses to publish.

A filter that is right for a whole dataset can be wrong for one part of it: a rule of thumb about words removes most of
a language written without spaces, and the totals hardly move. So a budget is measured where the records come from.
"""
