//! The order in which files hold parameters: that of PyTorch's state dicts.

use chainrule_layers::{
    Branches, Conv, Dense, Dropout, Flatten, Identity, Join, Layer, LayerNorm, Repeat, Reshape, Residual,
    Sequential, Tanh, Tied,
};
use chainrule_tensor::Shape;

#[test]
fn weights_behind_a_flattened_picture_are_stored_channels_first() {
    let network: Sequential<f64> = Sequential::input(Shape::image(3, 4, 2))
        .then(|s| Conv::new(s, 5, 2))
        .then(Flatten::new)
        .then(|n| Dropout::new(n, 0.5))
        .then(|n| Dense::new(n, 7))
        .then(|n| Dense::new(n, 30));
    let layout = network.layout();
    let entry = |name: &str| layout.entries().iter().find(|entry| entry.name == name).unwrap();
    // torch.nn.Conv2d(2, 5, 2).weight.shape
    assert_eq!(entry("0.weight").storage.shape(), [5, 2, 2, 2]);
    // torch.nn.Linear(30, 7).weight.shape
    assert_eq!(entry("3.weight").storage.shape(), [7, 30]);
    let ours: Vec<f64> = (0..30 * 7).map(f64::from).collect();
    let file = entry("3.weight").storage.to_file(&ours);
    for output in 0..7 {
        for (channel, row, column) in
            (0..5).flat_map(|c| (0..2).flat_map(move |i| (0..3).map(move |j| (c, i, j))))
        {
            let stored = file[output * 30 + (channel * 2 + row) * 3 + column];
            assert_eq!(stored, ours[((row * 3 + column) * 5 + channel) * 7 + output]);
        }
    }
    // A dense layer mixes what it takes: the order ends there. And data are flattened as they are.
    assert_eq!(entry("4.weight").storage, entry("4.weight").storage_as_it_lies());
    let data: Sequential<f64> =
        Sequential::input(Shape::image(3, 4, 2)).then(Flatten::new).then(|n| Dense::new(n, 7));
    let weight = &data.layout().entries()[0];
    assert_eq!(weight.storage, weight.storage_as_it_lies());
}

/// Where here each number of an entry is that a file has.
fn places(network: &Sequential<f64>, name: &str) -> Vec<usize> {
    let entry = network.layout().entries().iter().find(|entry| entry.name == name).unwrap();
    let here: Vec<f64> = (0..entry.size()).map(|at| at as f64).collect();
    entry.storage.to_file(&here).into_iter().map(|at| at as usize).collect()
}

/// The weight of a dense layer in a file, with this order of its inputs and of its outputs.
fn transposed(inputs: &[usize], outputs: &[usize]) -> Vec<usize> {
    outputs.iter().flat_map(|out| inputs.iter().map(move |at| at * outputs.len() + out)).collect()
}

/// Two pixels with two channels each, which PyTorch flattens channel by channel.
const FLATTENED: [usize; 4] = [0, 2, 1, 3];
const SAME: [usize; 4] = [0, 1, 2, 3];

#[test]
fn the_order_of_a_flattened_picture_is_that_of_inputs_and_not_of_a_bias_of_as_many_numbers() {
    let network: Sequential<f64> = Sequential::input(Shape::image(2, 1, 2))
        .then(|s| Conv::new(s, 2, 1))
        .then(Flatten::new)
        .then(LayerNorm::new)
        .then(|n| Dense::new(n, 4));
    assert_eq!(places(&network, "2.weight"), FLATTENED);
    assert_eq!(places(&network, "2.bias"), FLATTENED);
    assert_eq!(places(&network, "3.weight"), transposed(&FLATTENED, &SAME));
    assert_eq!(places(&network, "3.bias"), SAME);
}

#[test]
fn branches_behind_a_flattened_picture_keep_its_order() {
    let flattened =
        || Sequential::input(Shape::image(2, 1, 2)).then(|s| Conv::new(s, 2, 1)).then(Flatten::new);
    let body = |n: Shape| Sequential::input(n).then(|n| Dense::new(n, 3)).then(|n| Dense::new(n, 4));
    // What is added to x has its order.
    let residual = flattened().then(|n| Residual::new(body(n))).then(|n| Dense::new(n, 1));
    let three = [0, 1, 2];
    assert_eq!(places(&residual, "2.body.0.weight"), transposed(&FLATTENED, &three));
    assert_eq!(places(&residual, "2.body.0.bias"), three);
    assert_eq!(places(&residual, "2.body.1.weight"), transposed(&three, &FLATTENED));
    assert_eq!(places(&residual, "2.body.1.bias"), FLATTENED);
    assert_eq!(places(&residual, "3.weight"), FLATTENED);
    // Side by side each has its own.
    let concat = flattened()
        .then(|n| Branches::new(Join::Concat, Dense::new(n, 4)).and(Identity::new(n)))
        .then(|n| Dense::new(n, 1));
    assert_eq!(places(&concat, "2.0.weight"), transposed(&FLATTENED, &SAME));
    assert_eq!(places(&concat, "3.weight"), [0, 1, 2, 3, 4, 6, 5, 7]);
    // What is applied again gives what it takes.
    let repeat = flattened().then(|n| Repeat::new(2, Dense::new(n, 4))).then(|n| Dense::new(n, 1));
    assert_eq!(places(&repeat, "2.body.weight"), transposed(&FLATTENED, &FLATTENED));
    assert_eq!(places(&repeat, "2.body.bias"), FLATTENED);
    assert_eq!(places(&repeat, "3.weight"), FLATTENED);
    let tied = flattened().then(|n| Tied::new(n, 3, Tanh::new)).then(|n| Dense::new(n, 1));
    assert_eq!(places(&tied, "2.weight"), transposed(&FLATTENED, &three));
    assert_eq!(places(&tied, "2.bias"), three);
    assert_eq!(places(&tied, "2.output_bias"), FLATTENED);
    assert_eq!(places(&tied, "3.weight"), FLATTENED);
}

#[test]
fn branches_that_flatten_their_input_have_the_order_of_pictures_only_beside_a_convolution() {
    let picture = Shape::image(2, 1, 2);
    let dense = |s: Shape| Sequential::input(s).then(Flatten::new).then(|n| Dense::new(n, 4));
    let conv = |s: Shape| Sequential::input(s).then(|s| Conv::new(s, 2, 1)).then(Flatten::new);
    let sum = |first: Sequential<f64>| {
        Sequential::input(picture)
            .then(|s| Branches::new(Join::Sum, first).and(dense(s)))
            .then(|n| Dense::new(n, 1))
    };
    let (data, pictures) = (sum(dense(picture)), sum(conv(picture)));
    assert_eq!(places(&data, "0.1.1.weight"), transposed(&SAME, &SAME));
    assert_eq!(places(&data, "1.weight"), SAME);
    assert_eq!(places(&pictures, "0.1.1.weight"), transposed(&FLATTENED, &FLATTENED));
    assert_eq!(places(&pictures, "0.1.1.bias"), FLATTENED);
    assert_eq!(places(&pictures, "1.weight"), FLATTENED);
}

#[test]
fn what_is_reshaped_to_a_picture_comes_channel_by_channel() {
    let network: Sequential<f64> = Sequential::input(3)
        .then(|n| Dense::new(n, 4))
        .then(LayerNorm::new)
        .then(|n| Reshape::new(n, Shape::image(2, 1, 2)))
        .then(|s| Conv::new(s, 1, 1));
    assert_eq!(places(&network, "0.weight"), transposed(&[0, 1, 2], &FLATTENED));
    assert_eq!(places(&network, "0.bias"), FLATTENED);
    assert_eq!(places(&network, "1.weight"), FLATTENED);
    // Rows of data are in the order of whoever made them.
    let data: Sequential<f64> = Sequential::input(4)
        .then(LayerNorm::new)
        .then(|n| Reshape::new(n, Shape::image(2, 1, 2)))
        .then(|s| Conv::new(s, 1, 1));
    assert_eq!(places(&data, "0.weight"), SAME);
}
