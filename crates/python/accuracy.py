"""The held-out score of both sides with their defaults, over five splits of five data sets: docs/python.md."""

import warnings

import numpy as np
from sklearn import datasets, neural_network
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

import chainrule.sklearn

warnings.filterwarnings("ignore")

DATA = {
    "iris": (datasets.load_iris, "MLPClassifier"),
    "wine": (datasets.load_wine, "MLPClassifier"),
    "breast cancer": (datasets.load_breast_cancer, "MLPClassifier"),
    "digits": (datasets.load_digits, "MLPClassifier"),
    "diabetes": (datasets.load_diabetes, "MLPRegressor"),
}

print("| data | score | chainrule | scikit-learn |\n|---|---|--:|--:|")
for name, (load, estimator) in DATA.items():
    X, y = load(return_X_y=True)
    is_classes = estimator == "MLPClassifier"
    splits = (StratifiedKFold if is_classes else KFold)(5, shuffle=True, random_state=0)
    scores = [
        np.mean([cross_val_score(getattr(side, estimator)(random_state=seed), X, y, cv=splits) for seed in range(3)])
        for side in (chainrule.sklearn, neural_network)
    ]
    print(f"| {name} | {'accuracy' if is_classes else 'R²'} | {scores[0]:.4f} | {scores[1]:.4f} |", flush=True)
