"""What files cost and what they decode to, beside other codecs: measures over data sets, sweeps, tables, plots, pages.

Nothing that codes pictures imports this. Plots need the extra `bench`.
"""
