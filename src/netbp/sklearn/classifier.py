"""NetworkClassifier: a network with the softmax log loss (32) as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from netbp.costs import softmax, softmax_log_loss
from netbp.sklearn.choices import is_stochastic
from netbp.sklearn.estimator import NetworkEstimator
from netbp.sklearn.refusals import check_labels, checked, shown
from netbp.types import Array, Matrix, Vector


def goes_in_batches(estimator: Any) -> bool:
    """Whether `partial_fit` makes sense. Raises AttributeError where it does not."""
    if not is_stochastic(estimator.method):
        raise AttributeError(f'partial_fit needs method="stochastic" or an nb.StochasticGradient, not {estimator.method!r}')
    return True


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A dense network with one output per class, trained on the softmax log loss (32).

    hidden_layer_sizes: the widths of the hidden layers; () for a linear model. activation: theirs, by name or an nb.Activation.
    method: "lbfgs"; "stochastic", Adam in batches; or a netbp method, whose own settings then count. alpha: the penalty, lambda =
    alpha/2 in (33). batch_size, learning_rate_init: of "stochastic". max_iter: iterations, or epochs where batches are drawn.
    tol: L-BFGS stops when no entry of the gradient is larger; "stochastic", when the cost has not fallen by this share in
    n_iter_no_change epochs. standardise: whether each column is first brought to mean 0 and deviation 1. early_stopping: hold
    validation_fraction of the points out, stop when their cost has not improved in n_iter_no_change iterations, and keep the best
    p. warm_start: `fit` goes on from the p of the last one. random_state: a seed for start, batches and split. engine: who does
    the arithmetic; None lets netbp choose.

    Fitted: classes_, n_features_in_, feature_names_in_, n_iter_, loss_, loss_curve_; network_, p_, run_ (the nb.Run), problem_ (the
    nb.Problem, which a pickle leaves out), x_scale_. Raises ValueError for cells that are no finite numbers, naming row and
    column, for one class only, and for a label seen once.
    """

    _cost = softmax_log_loss
    classes_: Array

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train. X: (N, n_1); y: (N,), labels; sample_weight: (N,), how much each point counts: 2 as much as two copies."""
        goes_on = self._goes_on()
        X, y = self._read(X, y, reset=not goes_on)
        classes, codes = np.unique(y, return_inverse=True)
        weight = self._weights(sample_weight, X)
        check_labels(classes, codes, weight)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(f"warm_start goes on with the classes {self.classes_}, but y has {classes}: set warm_start=False")
        self.classes_ = classes
        return self._learn(X, np.eye(len(classes))[codes], weight, goes_on, codes)

    @available_if(goes_in_batches)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these points only. classes: all that will ever come, needed in the first call.

        The first call's points set the standardisation. Raises ValueError for a label that is not among the classes.
        """
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise ValueError("the first call of partial_fit needs classes, all the labels that will ever come")
        X, y = self._read(X, y, reset=first)
        known = np.unique(classes) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"partial_fit began with the classes {known}, but classes is now {classes}: they cannot change")
        if len(known) < 2:
            raise ValueError(f"there is only one class, {known}: a classifier needs at least 2")
        codes = np.searchsorted(known, y).clip(max=len(known) - 1)
        if (strange := np.flatnonzero(known[codes] != y)).size:
            raise ValueError(f"the label {shown(y[strange[0]])} in row {strange[0]} is not among the classes {known}")
        self.classes_ = known
        return self._learn_more(X, np.eye(len(known))[codes], sample_weight)

    def predict(self, X: Any) -> Array:
        """The label of the largest output, (m,)."""
        places = self._outputs(X).argmax(axis=1)
        return np.asarray(self.classes_[places])

    def predict_proba(self, X: Any) -> Matrix:
        """The probabilities of section 7.3, (m, classes)."""
        return softmax(self._outputs(X))

    def predict_log_proba(self, X: Any) -> Matrix:
        """Their logarithms, -infinity for a probability that is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> Matrix | Vector:
        """The outputs a^[L], (m, classes); with two classes the second less the first, (m,), the logarithm of the odds."""
        a = self._outputs(X)
        return a[:, 1] - a[:, 0] if a.shape[1] == 2 else a

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Matrix, Array]:
        X, y = checked(self, X, y, reset=reset)
        check_classification_targets(y)
        return X, y
