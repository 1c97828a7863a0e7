"""Collections of pictures as people keep them: idx and npz files, tile sheets, folders."""
