//! The messages of `onnx.proto` that an import needs, as views of the file.

use super::error::{ImportError, quoted};
use super::wire::{Fields, Wire, packed_varints};

/// Nodes of a graph.
const MOST_NODES: usize = 50_000;
/// Names of values that nodes take and give, in all.
const MOST_NAMES: usize = 250_000;
/// Arrays, inputs and outputs of a graph.
const MOST_VALUES: usize = 50_000;
/// Axes of an array.
const MOST_AXES: usize = 8;

/// `ModelProto`.
#[derive(Debug)]
pub(super) struct Model<'a> {
    pub(super) graph: Graph<'a>,
    /// Domain and version.
    opsets: Vec<(&'a str, i64)>,
    pub(super) metadata: Vec<(&'a str, &'a str)>,
}

impl<'a> Model<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let (mut graph, mut opsets, mut metadata) = (None, Vec::new(), Vec::new());
        for field in Fields::of(bytes) {
            let (number, value) = field?;
            match number {
                7 => graph = Some(value.bytes()),
                8 => opsets.push(opset(value.bytes())?),
                14 => metadata.push(pair(value.bytes())?),
                25 => return Err(ImportError::format("functions in it: export it with them inlined")),
                _ => {}
            }
            if opsets.len().max(metadata.len()) > MOST_VALUES {
                return Err(ImportError::size(format!(
                    "it has more than {MOST_VALUES} operator sets or properties"
                )));
            }
        }
        let graph = graph.ok_or_else(|| ImportError::format("there is no graph in it"))?;
        if opsets.is_empty() {
            return Err(ImportError::format("it names no operator set"));
        }
        Ok(Self { graph: Graph::parse(graph)?, opsets, metadata })
    }

    /// The version of an operator set; 1 where the model does not name it.
    pub(super) fn opset(&self, domain: &str) -> i64 {
        let is_usual = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        let same = |(theirs, _): &&(&str, i64)| *theirs == domain || is_usual(theirs) && is_usual(domain);
        self.opsets.iter().find(same).map_or(1, |&(_, version)| version)
    }
}

fn opset(message: &[u8]) -> Result<(&str, i64), ImportError> {
    let mut set = ("", 1);
    for field in Fields::of(message) {
        match field? {
            (1, domain) => set.0 = domain.text()?,
            (2, version) => set.1 = version.whole(),
            _ => {}
        }
    }
    Ok(set)
}

/// A key and a value.
fn pair(message: &[u8]) -> Result<(&str, &str), ImportError> {
    let mut pair = ("", "");
    for field in Fields::of(message) {
        match field? {
            (1, key) => pair.0 = key.text()?,
            (2, value) => pair.1 = value.text()?,
            _ => {}
        }
    }
    Ok(pair)
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<Value<'a>>,
    pub(super) outputs: Vec<Value<'a>>,
}

impl<'a> Graph<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, ImportError> {
        let (mut graph, mut names) = (Self::default(), 0);
        for field in Fields::of(message) {
            let (number, value) = field?;
            let bytes = value.bytes();
            match number {
                1 => {
                    let node = Node::parse(bytes)?;
                    names += node.inputs.len() + node.outputs.len();
                    graph.nodes.push(node);
                }
                5 => graph.initializers.push(Tensor::parse(bytes)?),
                11 => graph.inputs.push(Value::parse(bytes)?),
                12 => graph.outputs.push(Value::parse(bytes)?),
                15 => return Err(ImportError::format("sparse arrays in it, which are not read")),
                _ => {}
            }
            if graph.nodes.len() > MOST_NODES || names > MOST_NAMES {
                return Err(ImportError::size(format!(
                    "it has more than {MOST_NODES} nodes or {MOST_NAMES} names"
                )));
            }
            if graph.initializers.len() + graph.inputs.len() + graph.outputs.len() > MOST_VALUES {
                return Err(ImportError::size(format!(
                    "it has more than {MOST_VALUES} arrays, inputs and outputs"
                )));
            }
        }
        Ok(graph)
    }
}

/// `NodeProto`.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    name: &'a str,
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    message: &'a [u8],
}

impl<'a> Node<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, ImportError> {
        let mut node =
            Self { inputs: Vec::new(), outputs: Vec::new(), name: "", operator: "", domain: "", message };
        for field in Fields::of(message) {
            match field? {
                (1, value) => node.inputs.push(value.text()?),
                (2, value) => node.outputs.push(value.text()?),
                (3, value) => node.name = value.text()?,
                (4, value) => node.operator = value.text()?,
                (7, value) => node.domain = value.text()?,
                _ => {}
            }
            if node.inputs.len() + node.outputs.len() > MOST_NAMES {
                return Err(ImportError::size(format!(
                    "a node has more than {MOST_NAMES} inputs and outputs"
                )));
            }
        }
        Ok(node)
    }

    /// Its name or, without one, that of what it gives, as a message shows it.
    pub(super) fn shown(&self) -> String {
        quoted(if self.name.is_empty() {
            self.outputs.first().copied().unwrap_or_default()
        } else {
            self.name
        })
    }

    /// The setting of this name.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<Attribute<'a>>, ImportError> {
        for field in Fields::of(self.message) {
            if let (5, message) = field? {
                let attribute = Attribute { message: message.bytes() };
                if attribute.value(1)?.map(Wire::text).transpose()? == Some(name) {
                    return Ok(Some(attribute));
                }
            }
        }
        Ok(None)
    }
}

/// `AttributeProto`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'a> {
    message: &'a [u8],
}

impl<'a> Attribute<'a> {
    fn value(&self, number: u64) -> Result<Option<Wire<'a>>, ImportError> {
        for field in Fields::of(self.message) {
            let (found, value) = field?;
            if found == number {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    pub(super) fn float(&self) -> Result<Option<f64>, ImportError> {
        Ok(self
            .value(2)?
            .map(|value| if let Wire::Four(bytes) = value { f32::from_le_bytes(bytes).into() } else { 0.0 }))
    }

    pub(super) fn int(&self) -> Result<Option<i64>, ImportError> {
        Ok(self.value(3)?.map(Wire::whole))
    }

    pub(super) fn text(&self) -> Result<Option<&'a str>, ImportError> {
        self.value(4)?.map(Wire::text).transpose()
    }

    pub(super) fn tensor(&self) -> Result<Option<Tensor<'a>>, ImportError> {
        self.value(5)?.map(|value| Tensor::parse(value.bytes())).transpose()
    }

    /// Several whole numbers, of which a layer has few.
    pub(super) fn ints(&self) -> Result<Vec<i64>, ImportError> {
        const MOST: usize = 4096;
        let mut ints = Vec::new();
        for field in Fields::of(self.message) {
            if let (8, value) = field? {
                for int in packed_varints(value) {
                    ints.push(int?);
                    if ints.len() > MOST {
                        return Err(ImportError::size(format!("a setting has more than {MOST} numbers")));
                    }
                }
            }
        }
        Ok(ints)
    }

    pub(super) fn floats(&self) -> Result<Vec<f64>, ImportError> {
        let mut floats = Vec::new();
        for field in Fields::of(self.message) {
            match field? {
                (7, Wire::Four(bytes)) => floats.push(f32::from_le_bytes(bytes).into()),
                (7, Wire::Bytes(bytes)) => {
                    floats
                        .extend(bytes.as_chunks().0.iter().map(|&four| f64::from(f32::from_le_bytes(four))));
                }
                _ => {}
            }
        }
        Ok(floats)
    }

    pub(super) fn texts(&self) -> Result<Vec<&'a str>, ImportError> {
        let mut texts = Vec::new();
        for field in Fields::of(self.message) {
            if let (9, value) = field? {
                texts.push(value.text()?);
                if texts.len() > MOST_VALUES {
                    return Err(ImportError::size(format!("a setting has more than {MOST_VALUES} words")));
                }
            }
        }
        Ok(texts)
    }
}

/// `TensorProto`.
#[derive(Debug, Clone)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<usize>,
    /// `TensorProto.DataType`.
    pub(super) kind: i64,
    /// The numbers as they lie, little-endian.
    pub(super) raw: Option<&'a [u8]>,
    /// Whether the numbers lie in another file.
    pub(super) is_external: bool,
    message: &'a [u8],
}

impl<'a> Tensor<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, ImportError> {
        let mut tensor = Self { name: "", dims: Vec::new(), kind: 0, raw: None, is_external: false, message };
        for field in Fields::of(message) {
            match field? {
                (1, dims) => {
                    for length in packed_varints(dims) {
                        let length = usize::try_from(length?)
                            .map_err(|_| ImportError::format("an array has a negative length"))?;
                        tensor.dims.push(length);
                        if tensor.dims.len() > MOST_AXES {
                            return Err(ImportError::size(format!(
                                "an array has more than {MOST_AXES} axes"
                            )));
                        }
                    }
                }
                (2, kind) => tensor.kind = kind.whole(),
                (3, _) => {
                    return Err(ImportError::format("an array in several segments, which are not read"));
                }
                (8, name) => tensor.name = name.text()?,
                (9, raw) => tensor.raw = Some(raw.bytes()),
                (14, location) => tensor.is_external = location.whole() == 1,
                _ => {}
            }
        }
        Ok(tensor)
    }

    /// The fields with this number: numbers that are not raw, or what is said of the other file.
    pub(super) fn fields(
        &self,
        number: u64,
    ) -> impl Iterator<Item = Result<Wire<'a>, ImportError>> + use<'a> {
        let wanted = move |field: Result<(u64, Wire<'a>), ImportError>| match field {
            Ok((found, value)) if found == number => Some(Ok(value)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        Fields::of(self.message).filter_map(wanted)
    }

    /// What is said of the other file: `location`, `offset`, `length`.
    pub(super) fn external(&self, wanted: &str) -> Result<Option<&'a str>, ImportError> {
        for value in self.fields(13) {
            let (key, text) = pair(value?.bytes())?;
            if key == wanted {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// `ValueInfoProto` of a tensor.
#[derive(Debug)]
pub(super) struct Value<'a> {
    pub(super) name: &'a str,
    /// `TensorProto.DataType`; 0 where it is no tensor.
    pub(super) kind: i64,
    /// The lengths, `None` for those that are not known; `None` where it is no tensor or of any shape.
    pub(super) dims: Option<Vec<Option<usize>>>,
}

impl<'a> Value<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, ImportError> {
        let mut value = Self { name: "", kind: 0, dims: None };
        for field in Fields::of(message) {
            match field? {
                (1, name) => value.name = name.text()?,
                (2, kind) => value.read_type(kind.bytes())?,
                _ => {}
            }
        }
        Ok(value)
    }

    fn read_type(&mut self, message: &[u8]) -> Result<(), ImportError> {
        for field in Fields::of(message) {
            let (1, tensor) = field? else { continue };
            for field in Fields::of(tensor.bytes()) {
                match field? {
                    (1, kind) => self.kind = kind.whole(),
                    (2, shape) => self.dims = Some(lengths(shape.bytes())?),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The lengths of a `TensorShapeProto`.
fn lengths(message: &[u8]) -> Result<Vec<Option<usize>>, ImportError> {
    let mut lengths = Vec::new();
    for field in Fields::of(message) {
        let (1, dimension) = field? else { continue };
        let mut length = None;
        for field in Fields::of(dimension.bytes()) {
            if let (1, value) = field? {
                // Some writers have 0 or −1 for a length that is not known.
                length = usize::try_from(value.whole()).ok().filter(|&length| length > 0);
            }
        }
        lengths.push(length);
        if lengths.len() > MOST_AXES {
            return Err(ImportError::size(format!("an input has more than {MOST_AXES} axes")));
        }
    }
    Ok(lengths)
}
