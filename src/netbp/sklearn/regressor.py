"""NetworkRegressor: a network with the quadratic cost (9) as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from netbp.costs import quadratic
from netbp.sklearn.classifier import goes_in_batches
from netbp.sklearn.estimator import NetworkEstimator
from netbp.sklearn.refusals import checked
from netbp.types import Array, Matrix


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A dense network with linear outputs, trained on the quadratic cost (9); y may have several columns.

    The parameters and the fitted attributes are those of `NetworkClassifier`, without classes_. method may also be
    "levenberg-marquardt", the best for small networks. alpha: lambda = alpha n_L/2 in (33), for n_L columns of y. standardise: y is
    brought to mean 0 and deviation 1 too, y_scale_, and loss_ is then in these units. Raises ValueError for cells that are no
    finite numbers, naming row and column.
    """

    _cost = quadratic

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train. X: (N, n_1); y: (N,) or (N, n_L); sample_weight: (N,), how much each point counts: 2 as much as two copies."""
        goes_on = self._goes_on()
        X, y = self._read(X, y, reset=not goes_on)
        return self._learn(X, y, sample_weight, goes_on)

    @available_if(goes_in_batches)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these points only; the first call's points set the standardisation."""
        X, y = self._read(X, y, reset=not hasattr(self, "p_"))
        return self._learn_more(X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """The outputs, (m,) for one target or (m, n_L)."""
        a = self._outputs(X)
        return a[:, 0] if a.shape[1] == 1 else a

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Matrix, Matrix]:
        X, y = checked(self, X, y, multi_output=True, y_numeric=True, reset=reset)
        y = y.astype(float)
        return X, y[:, None] if y.ndim == 1 else y
