//! Tables of names with their parameters: how a program, a configuration file and a checkpoint speak of a loss, an update
//! rule or an initialiser.
//!
//! [`names!`](crate::names) makes an enum of names, and [`registry!`](crate::registry!) one beside it that carries parameters,
//! from one table. A name that no line of the table has is an [`UnknownName`], which says which ones there are.

use std::fmt::Debug;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Below this similarity two words have nothing to do with each other.
const ALIKE: f64 = 0.7;

/// A fault of a text shown by its place, the bytes `at` of it: what stands from there on.
///
/// ```
/// use chainrule_tensor::registry::quoted;
///
/// assert_eq!(quoted("dense ten", &(6..9)), "at `ten`");
/// assert_eq!(quoted("dense", &(5..5)), "where it ends");
/// ```
pub fn quoted(text: &str, at: &Range<usize>) -> String {
    let rest: String = text[at.start.min(text.len())..].chars().take(40).collect();
    if rest.is_empty() { "where it ends".to_owned() } else { format!("at `{rest}`") }
}

/// The name that `word` was most likely meant to be, if any of them resembles it (Jaro–Winkler similarity).
///
/// # References
/// Winkler, "String comparator metrics and enhanced decision rules in the Fellegi–Sunter model of record linkage", 1990.
///
/// ```
/// use chainrule_tensor::registry::nearest;
///
/// assert_eq!(nearest("cros-entropy", ["huber", "cross-entropy"]), Some("cross-entropy"));
/// assert_eq!(nearest("x", ["huber", "cross-entropy"]), None);
/// ```
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names.into_iter().map(|name| (strsim::jaro_winkler(word, name), name));
    let best = alike.max_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| second.cmp(first)));
    best.filter(|&(similarity, _)| similarity >= ALIKE).map(|(_, name)| name)
}

/// A name that a table does not have.
///
/// ```
/// use chainrule_tensor::registry::UnknownName;
///
/// let error = UnknownName::new("loss", "hubert", ["cross-entropy", "huber"]);
/// assert_eq!(
///     error.to_string(),
///     r#"there is no loss "hubert"; did you mean huber? the names are cross-entropy, huber"#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no {what} {name:?}; {}the names are {}", hint(*nearest), names.join(", "))]
pub struct UnknownName {
    what: &'static str,
    name: String,
    nearest: Option<&'static str>,
    names: Vec<&'static str>,
}

impl UnknownName {
    /// Of the table of a `what`, which has these names.
    pub fn new(what: &'static str, name: &str, names: impl IntoIterator<Item = &'static str>) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        Self { what, name: name.to_owned(), nearest: nearest(name, names.iter().copied()), names }
    }

    /// The name that was most likely meant.
    pub fn nearest(&self) -> Option<&'static str> {
        self.nearest
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("did you mean {name}? "))
}

/// A parameter with a value that its formula does not allow.
///
/// ```
/// use chainrule_tensor::registry::InvalidParameter;
///
/// let error = InvalidParameter::check("huber", "delta", -1.0, "above 0", |delta| delta > 0.0).unwrap_err();
/// assert_eq!(error.to_string(), "huber: delta = -1 is not above 0");
/// ```
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{owner}: {parameter} = {value} is not {expected}")]
pub struct InvalidParameter {
    owner: &'static str,
    parameter: &'static str,
    value: f64,
    expected: &'static str,
}

impl InvalidParameter {
    /// Whether a parameter of `owner` is finite and as it should be.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(
        owner: &'static str,
        parameter: &'static str,
        value: f64,
        expected: &'static str,
        holds: impl FnOnce(f64) -> bool,
    ) -> Result<(), Self> {
        if value.is_finite() && holds(value) {
            return Ok(());
        }
        Err(Self { owner, parameter, value, expected })
    }
}

/// The parameters of one line of a table. As a configuration, what is left out has its default.
pub trait Parameters: Debug + Clone + PartialEq + Default + Serialize + DeserializeOwned + 'static {
    /// Whether every value is one that the formula allows.
    ///
    /// # Errors
    /// Names the first that is not.
    fn validate(&self) -> Result<(), InvalidParameter> {
        Ok(())
    }
}

/// An enum of names: `ALL`, `NAMES`, `name`, `Display`, `FromStr` and serde from one table.
///
/// The crate that calls it depends on `serde` with the feature `derive`.
///
/// ```
/// chainrule_tensor::names! {
///     /// A colour by its name.
///     pub enum Colour: "colour" {
///         /// As blood.
///         Red = "red",
///         /// As the sky at noon.
///         LightBlue = "light-blue",
///     }
/// }
///
/// assert_eq!("light-blue".parse::<Colour>(), Ok(Colour::LightBlue));
/// assert_eq!("lightblue".parse::<Colour>().unwrap_err().nearest(), Some("light-blue"));
/// assert_eq!(Colour::NAMES, ["red", "light-blue"]);
/// ```
#[macro_export]
macro_rules! names {
    (
        $(#[$doc:meta])*
        $visibility:vis enum $Kind:ident: $what:literal {
            $($(#[$line:meta])* $Variant:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        $visibility enum $Kind {
            $($(#[$line])* $Variant),+
        }

        impl $Kind {
            /// All of them, in the order of their table.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];
            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $Kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $Kind {
            type Err = $crate::registry::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|kind| kind.name() == name);
                found.copied().ok_or_else(|| $crate::registry::UnknownName::new($what, name, Self::NAMES.iter().copied()))
            }
        }

        impl From<$Kind> for &'static str {
            fn from(kind: $Kind) -> Self {
                kind.name()
            }
        }

        impl TryFrom<String> for $Kind {
            type Error = $crate::registry::UnknownName;

            fn try_from(name: String) -> Result<Self, Self::Error> {
                name.parse()
            }
        }
    };
}

/// A table of names with their parameters: the enum of names as [`names!`](crate::names) makes it, and an enum that carries the
/// [`Parameters`](crate::registry::Parameters) of each.
///
/// Through serde the second is a map with the key `name` and the parameters that are not to have their defaults; a name
/// alone, as text, stands for it with all of its defaults. Parameters that are not allowed are refused there.
///
/// After the table come the methods that each line's parameters have. One without `self` that returns `Option<Self>` finds the first
/// line whose parameters answer. One that makes a `Box<dyn …<A>>` is compiled where the table stands, for both number types.
///
/// ```
/// use chainrule_tensor::registry::{InvalidParameter, Parameters};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// pub struct Square {
///     side: f64,
/// }
/// impl Parameters for Square {
///     fn validate(&self) -> Result<(), InvalidParameter> {
///         InvalidParameter::check("square", "side", self.side, "at least 0", |side| side >= 0.0)
///     }
/// }
/// impl Square {
///     fn area(&self) -> f64 {
///         self.side * self.side
///     }
/// }
///
/// chainrule_tensor::registry! {
///     /// A form by its name.
///     pub enum FormKind: "form";
///     /// A form.
///     pub enum Form {
///         /// Four equal sides.
///         Square(Square) = "square",
///     }
///     /// Its area.
///     fn area(&self) -> f64;
/// }
///
/// let form: Form = serde_json::from_str(r#"{ "name": "square", "side": 3.0 }"#).unwrap();
/// assert_eq!((form.kind(), form.area()), (FormKind::Square, 9.0));
/// assert_eq!(serde_json::from_str::<Form>(r#""square""#).unwrap(), FormKind::Square.spec());
/// assert!(serde_json::from_str::<Form>(r#"{ "name": "square", "side": -1.0 }"#).is_err());
/// ```
#[macro_export]
macro_rules! registry {
    (
        $(#[$kind_doc:meta])*
        pub enum $Kind:ident: $what:literal;
        $(#[$doc:meta])*
        pub enum $Spec:ident {
            $($(#[$line:meta])* $Variant:ident($Parameters:ty) = $name:literal),+ $(,)?
        }
        $($methods:tt)*
    ) => {
        $crate::names! {
            $(#[$kind_doc])*
            pub enum $Kind: $what {
                $($(#[$line])* $Variant = $name),+
            }
        }

        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name", remote = "Self")]
        pub enum $Spec {
            $(
                $(#[$line])*
                #[serde(rename = $name)]
                $Variant($Parameters)
            ),+
        }

        impl $Kind {
            /// With its usual parameters.
            pub fn spec(self) -> $Spec {
                match self {
                    $(Self::$Variant => $Spec::$Variant(Default::default())),+
                }
            }
        }

        impl $Spec {
            /// Which one it is.
            pub const fn kind(&self) -> $Kind {
                match self {
                    $(Self::$Variant(_) => $Kind::$Variant),+
                }
            }
        }

        $crate::registry! {
            @methods $Spec [$(($Variant $Parameters))+]
            /// Whether every parameter has a value that the formula allows.
            ///
            /// # Errors
            /// Names the first that does not.
            fn validate(&self) -> Result<(), $crate::registry::InvalidParameter>;
            $($methods)*
        }

        $(
            impl From<$Parameters> for $Spec {
                fn from(parameters: $Parameters) -> Self {
                    Self::$Variant(parameters)
                }
            }
        )+

        impl From<$Kind> for $Spec {
            fn from(kind: $Kind) -> Self {
                kind.spec()
            }
        }

        impl std::fmt::Display for $Spec {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.kind().fmt(f)
            }
        }

        impl serde::Serialize for $Spec {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Spec {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $Spec;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("the name of a ", $what, ", or a map with its name and parameters"))
                    }

                    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<$Spec, E> {
                        name.parse::<$Kind>().map($Kind::spec).map_err(E::custom)
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, map: M) -> Result<$Spec, M::Error> {
                        let spec = $Spec::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                        spec.validate().map_err(serde::de::Error::custom)?;
                        Ok(spec)
                    }
                }

                deserializer.deserialize_any(Visitor)
            }
        }
    };
    (@methods $Spec:ident $variants:tt) => {};
    (
        @methods $Spec:ident [$(($Variant:ident $Parameters:ty))+]
        $(#[$doc:meta])*
        fn $method:ident<$Number:ident: $Bound:path>($argument:ident: $Type:ty) -> Option<Self>;
        $($rest:tt)*
    ) => {
        impl $Spec {
            $(#[$doc])*
            pub fn $method<$Number: $Bound>($argument: $Type) -> Option<Self> {
                $(if let Some(parameters) = <$Parameters>::$method($argument) {
                    return Some(Self::$Variant(parameters));
                })+
                None
            }
        }

        $crate::registry! { @methods $Spec [$(($Variant $Parameters))+] $($rest)* }
    };
    (
        @methods $Spec:ident [$(($Variant:ident $Parameters:ty))+]
        $(#[$doc:meta])*
        fn $method:ident<$Number:ident: $Bound:path>(&self $(, $argument:ident: $Type:ty)*) -> Box<dyn $Made:ident<$Of:ident>>;
        $($rest:tt)*
    ) => {
        $crate::registry! {
            @instantiated $Spec [$($Variant)+] ($($argument),*)
            $(#[$doc])*
            fn $method<$Number: $Bound>(&self $(, $argument: $Type)*) -> $Made;
        }

        $crate::registry! { @methods $Spec [$(($Variant $Parameters))+] $($rest)* }
    };
    (
        @methods $Spec:ident [$(($Variant:ident $Parameters:ty))+]
        $(#[$doc:meta])*
        fn $method:ident $(<$Number:ident: $Bound:path>)? (&self $(, $argument:ident: $Type:ty)*) -> $Result:ty;
        $($rest:tt)*
    ) => {
        impl $Spec {
            $crate::registry! {
                @method [$($Variant)+] ($($argument),*)
                $(#[$doc])*
                fn $method $(<$Number: $Bound>)? (&self $(, $argument: $Type)*) -> $Result;
            }
        }

        $crate::registry! { @methods $Spec [$(($Variant $Parameters))+] $($rest)* }
    };
    (
        @instantiated $Spec:ident [$($Variant:ident)+] $arguments:tt
        $(#[$doc:meta])*
        fn $method:ident<$Number:ident: $Bound:path>(&self $(, $argument:ident: $Type:ty)*) -> $Made:ident;
    ) => {
        impl $Spec {
            $(#[$doc])*
            pub fn $method<$Number: $Bound>(&self $(, $argument: $Type)*) -> Box<dyn $Made<$Number>> {
                fn made<$Number: $Bound>(spec: &$Spec $(, $argument: $Type)*) -> Box<dyn $Made<$Number>> {
                    match spec {
                        $($Spec::$Variant(parameters) => parameters.$method $arguments),+
                    }
                }
                // Neither generic nor inlined: what they make is compiled here, and not in each program.
                #[inline(never)]
                fn single(spec: &$Spec $(, $argument: $Type)*) -> Box<dyn $Made<f32>> {
                    made(spec $(, $argument)*)
                }
                #[inline(never)]
                fn double(spec: &$Spec $(, $argument: $Type)*) -> Box<dyn $Made<f64>> {
                    made(spec $(, $argument)*)
                }
                $crate::instantiate::instantiated::<$Number, Box<dyn $Made<$Number>>, _, _, _>(
                    (self $(, $argument)*),
                    |(spec $(, $argument)*)| single(spec $(, $argument)*),
                    |(spec $(, $argument)*)| double(spec $(, $argument)*),
                )
            }
        }
    };
    (
        @method [$($Variant:ident)+] $arguments:tt
        $(#[$doc:meta])*
        fn $method:ident $(<$Number:ident: $Bound:path>)? (&self $(, $argument:ident: $Type:ty)*) -> $Result:ty;
    ) => {
        $(#[$doc])*
        pub fn $method $(<$Number: $Bound>)? (&self $(, $argument: $Type)*) -> $Result {
            match self {
                $(Self::$Variant(parameters) => parameters.$method $arguments),+
            }
        }
    };
}
