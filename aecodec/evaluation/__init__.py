"""Rate and distortion over data sets, compared with other codecs: measures, sweeps, tables, plots, pages.

The codec itself does not import this package. Plots need the extra `bench`.
"""
