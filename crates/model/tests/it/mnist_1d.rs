//! MNIST-1D: series that a convolution reads and a perceptron does not.

use chainrule_datasets::synthetic::mnist_1d;
use chainrule_layers::Architecture;
use chainrule_model::{Model, Task, Trainer};
use chainrule_tensor::Shape;

/// The accuracy on 1,000 other series.
fn accuracy(network: &str, epochs: usize) -> f64 {
    let (train, test) = (mnist_1d::<f32>(4000, 1), mnist_1d(1000, 2));
    let network = Architecture::parse(Shape::Flat(40), network).unwrap();
    let mut model = Model::new(network.build::<f32>(None), 1);
    Trainer::new(&Task::new(&train)).epochs(epochs).batch(64).fit(&mut model).unwrap();
    model.evaluate(&test).unwrap().metrics.accuracy().unwrap()
}

#[test]
fn a_convolutional_network_reads_mnist_1d_and_a_perceptron_does_not() {
    let convolutional = accuracy(
        "reshape 40x1, conv 32 5 padding 2 no-bias, batch-norm, relu, max-pool 2, conv 32 5 padding 2 no-bias, batch-norm, relu, \
         max-pool 2, conv 64 3 padding 1 no-bias, batch-norm, relu, global-avg-pool, dense 10",
        12,
    );
    // Greydanus and Kobak (2024), table 1: 94 % and 68 %.
    assert!(convolutional >= 0.94, "{convolutional}");
    let perceptron = accuracy("dense 100, relu, dense 100, relu, dense 10", 20);
    assert!((0.55..0.8).contains(&perceptron), "{perceptron}");
}
