"""Models: their description, file and networks, and the ladder and the lossless stage that run them.

`aecodec.models` was once the function that lists models, which is `aecodec.list_models` now. Calling this package still
lists them, with a DeprecationWarning.
"""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aecodec.models.catalogue import ModelInfo


class _CallablePackage(ModuleType):
    def __call__(self) -> list[ModelInfo]:
        from aecodec.models.catalogue import list_models

        warnings.warn("aecodec.models() is now aecodec.list_models()", DeprecationWarning, stacklevel=2)
        return list_models()


sys.modules[__name__].__class__ = _CallablePackage
