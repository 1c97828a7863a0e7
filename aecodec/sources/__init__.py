"""Data sources: idx and npz files, sheets of tiles, picture files and folders of them.

`readers` reads each kind; `tile_arrays` collects training tiles, `items` pictures to measure, `stacks` pictures of the
same size for studies.
"""
