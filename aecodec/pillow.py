"""The public name of the Pillow plugin: ``aecodec.pillow.register()``."""

from aecodec.integrations.pillow import AecImageFile, register

__all__ = ["AecImageFile", "register"]
