"""Collections of pictures as people keep them: idx and npz files, sheets of tiles, picture files and folders of them.

`readers` reads each kind; `tile_arrays` gathers training tiles, `items` pictures to measure, `stacks` pictures of one
size for studies.
"""
