//! Where matrix products come from, as features of the workspace's crates.

/// A source of BLAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "OpenBLAS is a name")]
pub(crate) enum Blas {
    /// The system's OpenBLAS: the default features.
    OpenBlas,
    /// Apple's Accelerate framework, part of macOS.
    Accelerate,
    /// Pure Rust: nothing to install, anywhere.
    None,
}

impl Blas {
    pub(crate) const ALL: [Self; 3] = [Self::OpenBlas, Self::Accelerate, Self::None];

    /// What `train`, `gradcheck` and `bench` use here: macOS brings a BLAS along, elsewhere it is OpenBLAS.
    pub(crate) const fn native() -> Self {
        if cfg!(target_os = "macos") { Self::Accelerate } else { Self::OpenBlas }
    }

    /// The cargo arguments that select it, for one package as for the whole workspace.
    pub(crate) const fn features(self) -> &'static [&'static str] {
        match self {
            Self::OpenBlas => &[],
            Self::Accelerate => {
                &["--no-default-features", "--features", "chainrule/accelerate,chainrule/curvature"]
            }
            Self::None => &["--no-default-features"],
        }
    }

    /// The word for it in the name of a CI cell.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OpenBlas => "openblas",
            Self::Accelerate => "accelerate",
            Self::None => "noblas",
        }
    }
}
