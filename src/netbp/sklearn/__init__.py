"""Networks as scikit-learn's estimators: `NetworkClassifier` and `NetworkRegressor`.

    from netbp.sklearn import NetworkClassifier

Raises ImportError where scikit-learn is not installed.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError("netbp.sklearn needs scikit-learn, which is not installed: pip install 'netbp[sklearn]'")

from netbp.sklearn.classifier import NetworkClassifier
from netbp.sklearn.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
