"""Neural networks on a CPU, trained by Chainrule.

``chainrule.sklearn`` has estimators with the parameters of scikit-learn's perceptrons; `Model` is any network in words; the
functions are the derivatives of its loss. Importing ``chainrule`` needs numpy and nothing else.
"""

from ._chainrule import Objective, __version__
from .derivatives import gauss_newton_vector, hessian, hvp, spectrum, value_and_grad
from .model import Model

__all__ = [
    "Model",
    "Objective",
    "__version__",
    "gauss_newton_vector",
    "hessian",
    "hvp",
    "spectrum",
    "value_and_grad",
]
