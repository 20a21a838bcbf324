"""scikit-learn's own checks of an estimator."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import MLPClassifier, MLPRegressor


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


# With a penalty, for one of the checks wants probabilities below 1.
@parametrize_with_checks([MLPClassifier(solver="lbfgs", alpha=1.0), MLPRegressor(solver="lbfgs", alpha=1.0)])
def test_scikit_learns_checks_pass_with_lbfgs(estimator, check):
    check(estimator)
