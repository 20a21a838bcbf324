//! Axes and windows of images.

use super::*;

#[test]
fn a_transposed_convolution_comes_back_with_every_border_and_output_padding() {
    let mut tried = 0;
    for at in 0..4 * 3 * 3 {
        let (kernel, stride, padding) = (at / 9 + 1, at / 3 % 3 + 1, at % 3);
        for (more, dilation) in [(0, 1), (0, 2), (1, 1), (2, 1), (1, 2)] {
            let words = format!(
                "conv-transpose 2 {kernel} stride {stride} padding {padding} output-padding {more} dilation {dilation}"
            );
            for input in ["3x4x2", "5x1"] {
                let architecture = Architecture::parse(input.parse().unwrap(), &words).unwrap();
                if architecture.validated().is_ok() {
                    check_there_and_back::<f32>(&words, architecture, 1e-5);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn one_channel_that_comes_first_is_the_last_axis_here() {
    let ends = |dims: &[u64], nodes: &[Vec<u8>]| {
        let imported = import_bytes::<f32>(&model(dims, nodes), None).unwrap();
        (imported.input.shape, imported.input.order, imported.checkpoint.card.architecture.to_string())
    };
    let picture = [tensor("w", &[1, 1, 3, 3], &[0.5; 9]), node("Conv", &["x", "w"], "y")];
    let words = "conv 1 3 no-bias".to_owned();
    assert_eq!(ends(&[2, 1, 6, 5], &picture), (Shape::image(6, 5, 1), vec![1, 2, 0], words));
    let series = [tensor("w", &[1, 1, 3], &[0.5; 3]), node("Conv", &["x", "w"], "y")];
    assert_eq!(ends(&[2, 1, 6], &series).0, Shape::sequence(6, 1));
    let dense = tensor("w", &[30, 2], &[0.5; 60]);
    let flat = [dense, node("Flatten", &["x"], "v"), node("MatMul", &["v", "w"], "y")];
    assert_eq!(ends(&[2, 1, 6, 5], &flat).2, "flatten, dense 2");
    assert_eq!(ends(&[2, 1, 6, 5], &flat).0, Shape::image(6, 5, 1));
    // A layer that takes the last axis for the features says so.
    let rows = [tensor("w", &[5, 2], &[0.5; 10]), node("MatMul", &["x", "w"], "y")];
    assert_eq!(ends(&[2, 1, 5], &rows).0, Shape::sequence(1, 5));
}
