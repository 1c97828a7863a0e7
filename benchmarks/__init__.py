"""The measurements behind docs/: `python -m benchmarks PAGE`, from the repository root.

`pages` lists the pages, their files and their command lines. What benchmarks share with the commands `aec evaluate`,
`compare` and `bench` is in `aecodec.evaluation`.
"""
