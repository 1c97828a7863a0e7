"""The optimizer SOAP: Adam, in bases in which the gradients of a layer's inputs and of its units hardly correlate."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any  # of the backend of Keras

LARGEST = 512  # inputs or units; where a layer has more, that side keeps its own basis
EVERY = 10  # steps from one turn of the bases to the next


class Soap(keras.optimizers.Optimizer):
    """Shampoo with Adam in the preconditioner's eigenbasis (Vyas et al. 2024, arXiv:2409.11321).

    Kernels (k, k, inputs, units) have a basis for the inputs and one for the units, which all places of the kernel
    share. Every tenth step, one orthogonal iteration brings both nearer to the eigenvectors of the gradients' mean
    covariance, instead of an exact decomposition. Variables of another rank are trained as by Adam.

    ``learning_rate``: a number or a schedule. ``beta_1``, ``beta_2``: decay of the means of gradients, and of their
    squares and covariances. ``epsilon``: added to the root of the mean square. ``options`` are those of every optimizer
    of Keras.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
        name: str = "soap",
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: list[Any]) -> None:
        """Create the state: means, mean squares, and each axis' basis and covariance, or None."""
        if self.built:
            return
        super().build(variables)
        self.means = [self.add_variable_from_reference(variable, name="mean") for variable in variables]
        self.squares = [self.add_variable_from_reference(variable, name="square") for variable in variables]
        self.axes = [[self._axis(variable, axis) for axis in (-2, -1)] for variable in variables]

    def _axis(self, variable: Any, axis: int) -> tuple[Any, Any] | None:
        if len(variable.shape) != 4 or not 1 < variable.shape[axis] <= LARGEST:
            return None
        shape = (variable.shape[axis],) * 2
        basis = self.add_variable(shape, initializer=keras.initializers.Identity(), name="basis")
        return basis, self.add_variable(shape, initializer="zeros", name="covariance")

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable and its state."""
        index = self._get_variable_index(variable)
        axes = self.axes[index]
        count = ops.cast(self.iterations + 1, "float32")
        mean = self.means[index] + (gradient - self.means[index]) * (1.0 - self.beta_1)
        turned = _turned(gradient, axes)
        square = self.squares[index] + (turned * turned - self.squares[index]) * (1.0 - self.beta_2)
        size = ops.sqrt(square / (1.0 - self.beta_2**count)) + self.epsilon
        step = _turned(mean, axes) / (1.0 - self.beta_1**count) / size
        self.assign_sub(variable, ops.cast(learning_rate, "float32") * _turned(step, axes, back=True))
        self.assign(self.means[index], mean)
        self.assign(self.squares[index], square)
        for axis, state in zip((-2, -1), axes, strict=True):
            if state is not None:
                basis, covariance = state
                self._turn(basis, covariance, _covariance(gradient, axis))

    def _turn(self, basis: Any, covariance: Any, now: Tensor) -> None:
        """Count a gradient's covariance, and turn the basis if it is time."""
        new = covariance + (now - covariance) * (1.0 - self.beta_2)
        self.assign(covariance, new)
        due = ops.equal(self.iterations % EVERY, 0)
        nearer = ops.cond(due, lambda: ops.qr(ops.matmul(new, basis.value))[0], lambda: basis.value)
        self.assign(basis, nearer)


def _turned(kernel: Tensor, axes: list[tuple[Any, Any] | None], *, back: bool = False) -> Tensor:
    """A kernel in the bases of its axes, or ``back`` from them."""
    inputs, units = (state and state[0].value for state in axes)
    if inputs is not None:
        kernel = ops.matmul(inputs if back else ops.transpose(inputs), kernel)
    if units is not None:
        kernel = ops.matmul(kernel, ops.transpose(units) if back else units)
    return kernel


def _covariance(gradient: Tensor, axis: int) -> Tensor:
    """The products of a gradient's (k, k, inputs, units) rows along an axis with each other, summed over the rest."""
    rows = ops.reshape(ops.moveaxis(gradient, axis, 0), (gradient.shape[axis], -1))
    return ops.matmul(rows, ops.transpose(rows))
