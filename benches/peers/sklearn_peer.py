"""scikit-learn: MLPClassifier.partial_fit, on several batches a call, in the order of the data.

It has no sigmoid on top of a squared error: that workload is MLPRegressor's, with linear outputs.
"""

import warnings

import common

args = common.command_line("scikit-learn")

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

warnings.filterwarnings("ignore")
# Rows of one call: enough that its checks cost little, few enough that a round can end in time.
ROWS = 2048


def partial_fit(workload, data):
    regression = workload.loss == "squared-error"
    model = (MLPRegressor if regression else MLPClassifier)(
        hidden_layer_sizes=workload.widths[1:-1],
        activation={"sigmoid": "logistic"}.get(workload.activation, workload.activation),
        solver="adam" if workload.optimizer == "adam" else "sgd",
        momentum=0.9 if workload.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        learning_rate_init=workload.rate,
        alpha=0.0,
        batch_size=workload.batch,
        shuffle=False,
        random_state=1,
    )
    rows = max(workload.batch, ROWS // workload.batch * workload.batch)
    pieces = [slice(i, i + rows) for i in range(0, len(data.x) - rows + 1, rows)]
    target = data.one_hot if regression else data.label
    classes = {} if regression else {"classes": np.arange(workload.widths[-1])}
    turn = 0

    if workload.forward_only:
        model.partial_fit(data.x[:256], target[:256], **classes)

        def run(steps):
            nonlocal turn
            for _ in range(steps):
                model.predict_proba(data.x[turn * workload.batch : (turn + 1) * workload.batch])
                turn = (turn + 1) % data.batches

        return run, 1

    def run(steps):
        nonlocal turn
        for _ in range(steps * workload.batch // rows):
            model.partial_fit(data.x[pieces[turn]], target[pieces[turn]], **classes)
            turn = (turn + 1) % len(pieces)

    return run, rows // workload.batch


common.main("scikit-learn", {"partial_fit": partial_fit}, {"scikit-learn": sklearn.__version__}, args)
