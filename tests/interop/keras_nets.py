"""Keras networks that tf2onnx writes, in `chainrule import`: they must predict what Keras predicts.

Not a part of `cargo xtask interop`, since TensorFlow is large: `pip install tensorflow-cpu==2.15.1 tf2onnx==1.16.1 onnx==1.16.2`.
Usage: python keras_nets.py PROGRAM
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf2onnx
from tensorflow.keras import layers

from imported import Model
from models import TOLERANCE, difference


def perceptron():
    inputs = layers.Input((7,))
    hidden = layers.Dense(12, "tanh")(inputs)
    hidden = layers.Dense(9, "relu")(hidden)
    return inputs, layers.Dense(4, "softmax")(hidden)


def pictures():
    inputs = layers.Input((12, 10, 3))
    hidden = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    hidden = layers.MaxPooling2D(2)(hidden)
    hidden = layers.Conv2D(5, 3, strides=2, activation="elu")(hidden)
    hidden = layers.Flatten()(hidden)
    return inputs, layers.Dense(3)(hidden)


def normalised():
    inputs = layers.Input((8, 8, 3))
    hidden = layers.Conv2D(6, 3, padding="same", use_bias=False)(inputs)
    hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    shortcut = hidden
    hidden = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(hidden)
    hidden = layers.BatchNormalization()(hidden)
    hidden = layers.ReLU(6.0)(layers.Add()([hidden, shortcut]))
    return inputs, layers.Dense(5, "sigmoid")(layers.GlobalAveragePooling2D()(hidden))


def main(program):
    tf.keras.utils.set_random_seed(1)
    rng, fine = np.random.default_rng(1), True
    with tempfile.TemporaryDirectory() as folder:
        for net in (perceptron, pictures, normalised):
            inputs, outputs = net()
            model = tf.keras.Model(inputs, outputs)
            for layer in model.layers:
                # As after training: statistics that are not 0 and 1.
                layer.set_weights([weights + np.abs(rng.normal(0.0, 0.2, weights.shape)) for weights in layer.get_weights()])
            path = Path(folder) / f"{net.__name__}.onnx"
            signature = [tf.TensorSpec((None, *inputs.shape[1:]), tf.float32, name="x")]
            tf2onnx.convert.from_keras(model, input_signature=signature, opset=17, output_path=str(path))
            x = rng.normal(size=(9, *inputs.shape[1:])).astype(np.float32)
            expected = model.predict(x, verbose=0)
            assert expected.std() > 1e-4, "a constant prediction would agree with anything"
            read = Model(program, path)
            error = difference(read.predict(x), expected)
            fine &= error <= TOLERANCE
            network = next(line for line in read.text.splitlines() if line.startswith("network"))
            print(f"{net.__name__:12} largest difference {error:.1e}, allowed {TOLERANCE:.0e}   {network}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
