use chainrule_tensor::hash;

/// The random numbers of one example in one epoch, each known by its number: which others are drawn changes none of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    key: u64,
    example: u64,
}

/// What a number is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Flip,
    ShiftAcross,
    ShiftDown,
    Rotate,
    Scale,
    Shear,
    CropAcross,
    CropDown,
    CutoutAcross,
    CutoutDown,
    Brightness,
    Contrast,
    ContrastFirst,
}

/// Where the numbers of the fields of displacements begin.
const FIELDS: u64 = 1 << 32;

impl Draws {
    /// Of an example, under the key of the epoch.
    pub(super) fn new(key: u64, example: usize) -> Self {
        Self { key, example: example as u64 }
    }

    fn bits(self, what: Use) -> u64 {
        hash(self.key, self.example, what as u64)
    }

    /// From U(0, 1).
    pub(super) fn unit(self, what: Use) -> f64 {
        (self.bits(what) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From U(low, high).
    pub(super) fn uniform(self, what: Use, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit(what)
    }

    /// One of `0..count`.
    pub(super) fn below(self, what: Use, count: usize) -> usize {
        ((u128::from(self.bits(what)) * count as u128) >> 64) as usize
    }

    /// With probability ½.
    pub(super) fn coin(self, what: Use) -> bool {
        self.bits(what) >> 63 == 1
    }

    /// The displacements of pixel `i`, both from U(−1, 1).
    #[inline(always)]
    pub(super) fn displacement(self, i: usize) -> [f32; 2] {
        const UNIT: f32 = 1.0 / (1_u64 << 31) as f32;
        let bits = hash(self.key, self.example, FIELDS + i as u64);
        [bits as i32 as f32 * UNIT, (bits >> 32) as i32 as f32 * UNIT]
    }
}
