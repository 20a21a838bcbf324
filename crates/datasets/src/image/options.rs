/// How image files become examples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageOptions {
    /// Height and width. `None` keeps a size that all images share if both sides are at most 64, and takes 32 x 32
    /// otherwise.
    pub size: Option<(usize, usize)>,
    /// 1 for greyscale, 3 for RGB. `None` takes 3 if any image has colours.
    pub channels: Option<usize>,
}
