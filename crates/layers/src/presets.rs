//! Networks with a name: published ones, and the one that suits pictures of some size.

use chainrule_tensor::Shape;

chainrule_tensor::names! {
    /// A published network for pictures, by its name.
    ///
    /// ```
    /// use chainrule_layers::{Architecture, Preset};
    ///
    /// let preset: Preset = "lenet5".parse()?;
    /// let network = Architecture::parse("28x28x1".parse()?, &preset.words(10))?;
    /// assert_eq!(network.outputs(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub enum Preset: "network" {
        /// LeNet-5, with a dense layer of plain outputs on top: LeCun et al., Proc. IEEE 86(11), 1998, fig. 2.
        Lenet5 = "lenet5",
        /// Two convolutions with a stride of 2, 5 and 50 features, and 100 units: Simard, Steinkraus and Platt, ICDAR 2003, fig. 3.
        Simard = "simard",
        /// Two convolutions with pools and 100 units, rectified: Nielsen, "Neural networks and deep learning", 2015, ch. 6.
        Nielsen = "nielsen",
        /// The residual network of MLPerf Tiny's image classification: Banbury et al., arXiv 2106.07597, 2021.
        Resnet8 = "resnet8",
        /// He, Zhang, Ren and Sun, CVPR 2016, section 4.2 with n = 3; shortcuts that change the shape are 1 × 1 convolutions (option B).
        Resnet20 = "resnet20",
        /// Blocks of depthwise and pointwise convolutions: Howard et al., "MobileNets", arXiv 1704.04861, 2017, table 1, in small.
        MobilenetTiny = "mobilenet-tiny",
        /// Pairs of 3 × 3 convolutions, twice the features after each pool: Simonyan and Zisserman, ICLR 2015, in small.
        VggSmall = "vgg-small",
    }
}

impl Preset {
    /// The network in words, with so many outputs.
    pub fn words(self, outputs: usize) -> String {
        let layers = match self {
            Preset::Lenet5 => vec![
                "conv 6 5 padding 2, tanh, avg-pool 2, conv 16 5, tanh, avg-pool 2, flatten".to_owned(),
                "dense 120, tanh, dense 84, tanh".to_owned(),
            ],
            // The paper's pictures have 29 × 29 pixels: a border of one behind those of 28 × 28.
            Preset::Simard => vec![
                "conv 5 5 stride 2 padding 1, tanh, conv 50 5 stride 2, tanh, flatten, dense 100, tanh"
                    .to_owned(),
            ],
            Preset::Nielsen => vec![
                "conv 20 5, relu, max-pool 2, conv 40 5, relu, max-pool 2, flatten, dense 100, relu"
                    .to_owned(),
            ],
            Preset::Resnet8 => {
                [vec![normed("conv 16 3 padding 1"), "relu".to_owned()], stages(1), pooled()].concat()
            }
            Preset::Resnet20 => {
                [vec![normed("conv 16 3 padding 1"), "relu".to_owned()], stages(3), pooled()].concat()
            }
            Preset::MobilenetTiny => {
                let first = vec![normed("conv 32 3 stride 2 padding 1"), "relu".to_owned()];
                [first, vec![separable(32, 64, 1), separable(64, 128, 2), separable(128, 128, 1)], pooled()]
                    .concat()
            }
            Preset::VggSmall => {
                let pair = |features: usize| {
                    let conv = format!("{}, relu", normed(&format!("conv {features} 3 padding 1")));
                    format!("{conv}, {conv}, max-pool 2")
                };
                let top = "flatten, dense 128, relu, dropout 0.5".to_owned();
                vec![pair(32), pair(64), pair(128), top]
            }
        };
        format!("{}, dense {outputs}", layers.join(", "))
    }
}

/// A convolution under a batch normalisation, which takes the place of its bias.
fn normed(conv: &str) -> String {
    format!("{conv} no-bias, batch-norm")
}

/// Three stages of `blocks` residual blocks, with 16, 32 and 64 features.
fn stages(blocks: usize) -> Vec<String> {
    let block = |features: usize, stride: usize| {
        let (stride, shortcut) = match stride {
            1 => (String::new(), String::new()),
            _ => (" stride 2".to_owned(), format!(" shortcut (conv {features} 1 stride 2)")),
        };
        let first = normed(&format!("conv {features} 3{stride} padding 1"));
        let second = normed(&format!("conv {features} 3 padding 1"));
        format!("residual ({first}, relu, {second}){shortcut}, relu")
    };
    let stage = |features: usize| {
        (0..blocks).map(move |i| block(features, if i == 0 && features > 16 { 2 } else { 1 }))
    };
    [16, 32, 64].into_iter().flat_map(stage).collect()
}

/// A depthwise convolution and a pointwise one.
fn separable(inputs: usize, outputs: usize, stride: usize) -> String {
    let stride = if stride == 1 { String::new() } else { format!(" stride {stride}") };
    let depthwise = normed(&format!("conv {inputs} 3{stride} padding 1 groups {inputs}"));
    format!("{depthwise}, relu, {}, relu", normed(&format!("conv {outputs} 1")))
}

fn pooled() -> Vec<String> {
    vec!["global-avg-pool".to_owned()]
}

/// Pictures with a shorter side than this go to a perceptron by default.
const SMALLEST: usize = 16;

/// A small convolutional network in words that suits pictures of some size: a 3 × 3 convolution, normalised and rectified, and a
/// pool, until the shorter side is less than 8; from 16 features on, twice as many after each pool. `None` for a shape that is no
/// picture or has a side of less than 16 pixels, where a perceptron does.
///
/// ```
/// use chainrule_layers::network_for_pictures;
/// use chainrule_tensor::Shape;
///
/// let words = network_for_pictures(Shape::image(28, 28, 1), 10).unwrap();
/// assert!(words.starts_with("conv 16 3 padding 1 no-bias, batch-norm, relu, max-pool 2, conv 32 3"), "{words}");
/// assert_eq!(network_for_pictures(Shape::image(8, 8, 1), 10), None);
/// ```
pub fn network_for_pictures(input: Shape, outputs: usize) -> Option<String> {
    /// Beyond it the first convolution passes over every second pixel.
    const LARGE: usize = 64;
    const MOST_FEATURES: usize = 128;
    let Shape::Image { height, width, .. } = input else { return None };
    let mut side = height.min(width);
    if side < SMALLEST {
        return None;
    }
    let (mut layers, mut features) = (Vec::new(), 16);
    while side >= 8 {
        let stride = if layers.is_empty() && side > LARGE { " stride 2" } else { "" };
        layers.push(format!("{}, relu, max-pool 2", normed(&format!("conv {features} 3{stride} padding 1"))));
        side /= if stride.is_empty() { 2 } else { 4 };
        features = (2 * features).min(MOST_FEATURES);
    }
    layers.push(format!("flatten, dense 128, relu, dense {outputs}"));
    Some(layers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;

    #[test]
    fn every_network_fits_the_pictures_it_was_made_for() {
        for &preset in Preset::ALL {
            let input = match preset {
                Preset::Lenet5 | Preset::Simard | Preset::Nielsen => Shape::image(28, 28, 1),
                _ => Shape::image(32, 32, 3),
            };
            let network = Architecture::parse(input, &preset.words(10)).unwrap();
            network.validated().unwrap();
            assert_eq!(network.outputs(), 10, "{preset}");
        }
    }

    #[test]
    fn the_published_numbers_of_parameters() {
        let parameters = |preset: Preset, input| {
            Architecture::parse(input, &preset.words(10)).unwrap().layout::<f32>().len()
        };
        // LeCun 1998 has fewer connections between the first maps and the second.
        assert_eq!(parameters(Preset::Lenet5, Shape::image(28, 28, 1)), 61_706);
        // 0.27 M in table 6 of He et al., without the projections of 2,560 + 512 + … parameters.
        let resnet20 = parameters(Preset::Resnet20, Shape::image(32, 32, 3));
        assert!((270_000..276_000).contains(&resnet20), "{resnet20}");
    }

    #[test]
    fn pictures_of_any_size_get_a_network() {
        for (height, width, channels) in
            [(16, 16, 1), (28, 28, 1), (32, 32, 3), (64, 40, 3), (224, 224, 3), (500, 17, 4)]
        {
            let input = Shape::image(height, width, channels);
            let network = Architecture::parse(input, &network_for_pictures(input, 7).unwrap()).unwrap();
            network.validated().unwrap();
            assert_eq!(network.outputs(), 7, "{input}");
        }
        assert_eq!(network_for_pictures(Shape::Flat(784), 10), None);
    }
}
