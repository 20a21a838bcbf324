use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Error;
use crate::image::shape::ImageShape;

/// How training images are varied: each epoch sees another version of each image. The default varies nothing.
///
/// It is written in words, in any order, each at most once: `shift 2, rotate 10, elastic 34 4`.
///
/// | Words | Range | What happens to an image |
/// |---|---|---|
/// | `flip` | | mirrored left to right with probability ½ |
/// | `shift s` | pixels, above 0 | moved by (a, b): whole numbers from −s to s, each equally likely, or, if s has a fraction, real numbers from U(−s, s) |
/// | `rotate r` | degrees, to 180 | turned about its centre by U(−r, r) |
/// | `scale p` | per cent, to 90 | enlarged by the factor U(1 − p/100, 1 + p/100) |
/// | `shear r` | degrees, to 60 | sheared along its rows by the tangent of U(−r, r) |
/// | `elastic α σ` | pixels | distorted by two fields U(−1, 1), smoothed by a Gaussian of standard deviation σ, times α |
/// | `crop n` | pixels | padded by n on each side, then cropped to its size at a random place |
/// | `cutout n` | pixels | a square of n × n at a random centre is erased |
/// | `brightness b` | above 0 | multiplied by U(max(0, 1 − b), 1 + b) |
/// | `contrast c` | above 0 | x ← f·x + (1 − f)·m for f from U(max(0, 1 − c), 1 + c), where m is the mean of its luma |
/// | `mixup α` | above 0 | mixed with another one: λx + (1 − λ)x′, and so are the targets; λ from Beta(α, α) for each batch |
/// | `cutmix α` | above 0 | a rectangle is replaced by that of another one, and the targets are mixed by its area; λ from Beta(α, α) for each batch |
///
/// # Order
/// The first seven are one map from the pixels of the result to those of the image, so that an image is interpolated once, and
/// nothing that a later step brings back is cut off by an earlier one:
///
/// p ↦ F·S⁻¹·H⁻¹·R⁻¹·(p + d(p) − t − c) + c
///
/// with the centre c, the displacement d(p), the shift t with that of the crop, rotation R, shear H, scale S and mirror F. The
/// interpolation is bilinear; a flip and a shift by whole pixels alone copy pixels exactly. Brightness and contrast follow, in random
/// order, then cutout, then mixup or cutmix; with both, each batch takes one of them with probability ½.
///
/// # Background
/// What comes from outside the image, and what cutout erases, is 0 before the [`Pipeline`](crate::Pipeline): black where pixels
/// are brightness. Brightness and contrast cut numbers off at 0 and at the [full scale](Dataset::full_scale) of the data, if it
/// has one.
///
/// # Randomness
/// All of it is a function of (seed, epoch, index of the example), for mixup and cutmix of (seed, epoch, number of the batch):
/// images have the same bits for any number of threads and processes, and after any resume.
///
/// # References
/// - `elastic`, affine maps: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual
///   document analysis", ICDAR 2003. On images of 29 × 29, they take α = 34 and σ = 4. Outside the image, the fields are 0.
/// - `crop`, `flip`: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.
/// - `cutout`: DeVries and Taylor, arXiv 1708.04552. The square may reach beyond the image.
/// - `brightness`, `contrast`: `ColorJitter` of torchvision.
/// - `mixup`: Zhang, Cisse, Dauphin and Lopez-Paz, ICLR 2018. `cutmix`: Yun et al., ICCV 2019, algorithm 1. The other image is the
///   neighbour in the shuffled batch: examples 0 and 1 are mixed with each other, and so are 2 and 3, …; a last example without
///   a neighbour is not mixed.
///
/// ```
/// use chainrule_datasets::{Augmentation, Batches, Encoding, digits};
///
/// let augmentation: Augmentation = "rotate 10,shift 1".parse()?;
/// assert_eq!(augmentation.to_string(), "shift 1, rotate 10");
/// let fault = "rotat 10".parse::<Augmentation>().unwrap_err();
/// assert!(fault.to_string().contains("did you mean rotate?"));
///
/// let train = digits::<f32>().train;
/// let batches = Batches::new(&train, &train.pixel_scaling(), Encoding::Index, 32);
/// let mut batches = batches.augmented(&augmentation)?;
/// batches.shuffle(7, 1);
/// let first = batches.next_batch().unwrap().x().to_owned();
/// batches.shuffle(7, 1);
/// assert_eq!(batches.next_batch().unwrap().x(), first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Augmentation {
    pub(super) flip: bool,
    /// Pixels; 0 for none, as in all that follow.
    pub(super) shift: f64,
    /// Degrees.
    pub(super) rotate: f64,
    /// Per cent.
    pub(super) scale: f64,
    /// Degrees.
    pub(super) shear: f64,
    pub(super) elastic: Option<Elastic>,
    pub(super) crop: usize,
    pub(super) cutout: usize,
    pub(super) brightness: f64,
    pub(super) contrast: f64,
    /// α of Beta(α, α).
    pub(super) mixup: f64,
    /// α of Beta(α, α).
    pub(super) cutmix: f64,
}

/// The parameters of an elastic distortion, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Elastic {
    /// The factor of the smoothed fields.
    pub(super) alpha: f64,
    /// The standard deviation of the Gaussian.
    pub(super) sigma: f64,
}

impl Augmentation {
    /// Whether it varies nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it mixes examples, so that targets of classes become shares of several.
    pub fn mixes(&self) -> bool {
        self.mixup > 0.0 || self.cutmix > 0.0
    }

    /// Whether it changes single images; mixing them is not meant.
    pub(super) fn varies_images(&self) -> bool {
        !Self { mixup: 0.0, cutmix: 0.0, ..*self }.is_none()
    }

    /// Checks that it can be applied to these examples.
    ///
    /// # Errors
    /// If it varies something and the examples are no images, or it moves or erases more pixels than they have.
    pub fn check<A: Scalar>(&self, data: &Dataset<A>) -> Result<(), Error> {
        if self.is_none() {
            return Ok(());
        }
        let fault = |fault: String| Err(Error::data(data.name(), fault));
        let Some(ImageShape { height, width, .. }) = data.image() else {
            let inputs = data.inputs();
            return fault(format!(
                "augmentation is for images, and an example is a row of {inputs} numbers: omit --augment"
            ));
        };
        let moved = [("shift", self.shift), ("crop", self.crop as f64), ("cutout", self.cutout as f64)];
        let side = height.min(width);
        match moved.into_iter().find(|(_, pixels)| *pixels >= side as f64) {
            Some((word, pixels)) => fault(format!(
                "`{word} {pixels}` leaves nothing of an image of {height} x {width} pixels: take fewer than {side}"
            )),
            None => Ok(()),
        }
    }
}
