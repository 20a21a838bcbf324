use chainrule_tensor::{Rng, Scalar, hash};

use super::augmentation::Augmentation;
use super::colour::{cutout, jitter};
use super::draws::Draws;
use super::elastic::Field;
use super::mix::Mixing;
use super::warp::{Motion, Sampler, copy};
use crate::image::shape::ImageShape;
use crate::streams;

/// An [`Augmentation`] at work, with memory for one image, made once.
#[derive(Debug, Clone)]
pub(crate) struct Augmenter<A> {
    what: Augmentation,
    shape: ImageShape,
    full: Option<A>,
    /// Of the epoch; `None` leaves images as they are.
    keys: Option<streams::AugmentationKeys>,
    /// The image before it is varied.
    image: Vec<A>,
    sampler: Sampler<A>,
    field: Option<Field>,
}

impl<A: Scalar> Augmenter<A> {
    /// Of images of this shape, with numbers up to `full`, if that is known.
    pub(crate) fn new(what: Augmentation, shape: ImageShape, full: Option<f64>) -> Self {
        let ImageShape { height, width, channels } = shape;
        Self {
            what,
            shape,
            full: full.map(A::of),
            keys: None,
            image: vec![A::zero(); height * width * channels],
            sampler: Sampler::new(shape),
            field: what.elastic.map(|elastic| Field::new(elastic, height, width)),
        }
    }

    /// Begins an epoch.
    pub(crate) fn begin(&mut self, seed: u64, epoch: u64) {
        self.keys = Some(streams::augmentation(seed, epoch));
    }

    /// Varies nothing until the next epoch begins.
    pub(crate) fn pause(&mut self) {
        self.keys = None;
    }

    /// Where an image is to be written before it is [varied](Self::vary).
    pub(crate) fn image(&mut self) -> &mut [A] {
        &mut self.image
    }

    /// Writes the image as it is in this epoch, where it is that of the example with this index.
    pub(crate) fn vary(&mut self, example: usize, out: &mut [A]) {
        let Self { what, shape, image, sampler, .. } = self;
        let keys = self.keys.filter(|_| what.varies_images());
        let Some(keys) = keys else { return out.copy_from_slice(image) };
        let draws = Draws::new(keys.examples, example);
        let motion = Motion::draw(what, draws);
        if let Some(field) = &mut self.field {
            field.draw(draws);
            sampler.sample(&motion, Some(field), image, out);
        } else if motion.is_exact() {
            copy(&motion, *shape, image, out);
        } else {
            sampler.sample(&motion, None, image, out);
        }
        if what.brightness > 0.0 || what.contrast > 0.0 {
            jitter(what, draws, shape.channels, self.full, out);
        }
        if what.cutout > 0 {
            cutout(what.cutout, draws, *shape, out);
        }
    }

    /// How the examples of the batch with this number are mixed, if they are.
    pub(crate) fn mixing(&self, batch: usize) -> Option<Mixing> {
        let keys = self.keys.filter(|_| self.what.mixes())?;
        let mut rng = Rng::new(hash(keys.batches, batch as u64, 0));
        Some(Mixing::draw(&self.what, self.shape, &mut rng))
    }
}
