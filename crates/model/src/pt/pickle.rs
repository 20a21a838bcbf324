//! The few instructions of Python's pickle that a state dict needs. Nothing is imported and nothing is called: a name that is not
//! listed here is an error.

use super::StateDictError;
use super::value::{Known, MOST_AXES, Place, Storage, Tensor, Value, known};

/// Values on the stack and in the memo.
const MOST_VALUES: usize = 1 << 20;
/// Dicts inside of dicts.
const DEEPEST: usize = 16;
/// What is on the stack.
#[derive(Debug, Clone, Copy)]
enum Item {
    Mark,
    Value(Place),
}

/// The instructions and what they have made.
pub(super) struct Machine<'p> {
    rest: &'p [u8],
    values: Vec<Value<'p>>,
    stack: Vec<Item>,
    memo: Vec<Option<Place>>,
}

type Outcome<T> = Result<T, StateDictError>;

impl<'p> Machine<'p> {
    pub(super) fn new(text: &'p [u8]) -> Self {
        Self { rest: text, values: Vec::new(), stack: Vec::new(), memo: Vec::new() }
    }

    /// The tensors by name, in the order of the dict.
    pub(super) fn run(mut self) -> Outcome<Vec<(String, Tensor<'p>)>> {
        while self.step()? {}
        let root = self.pop()?;
        let mut tensors = Vec::new();
        self.collect(root, "", 0, &mut tensors, &mut 0)?;
        Ok(tensors)
    }

    /// Adds the tensors of a value; a dict may be in itself, so that `visits` are counted.
    fn collect(
        &self,
        at: Place,
        path: &str,
        depth: usize,
        tensors: &mut Vec<(String, Tensor<'p>)>,
        visits: &mut usize,
    ) -> Outcome<()> {
        const MOST_TENSORS: usize = 20_000;
        const LONGEST: usize = 1000;
        *visits += 1;
        if *visits > MOST_VALUES {
            return Err(StateDictError::pickle(format!("its dicts have more than {MOST_VALUES} entries")));
        }
        match &self.values[at] {
            Value::Tensor(tensor) => {
                if tensors.len() == MOST_TENSORS || path.len() > LONGEST {
                    return Err(StateDictError::pickle("it has too many tensors, or too long names"));
                }
                tensors.push((path.to_owned(), tensor.clone()));
            }
            Value::Dict(entries) if depth < DEEPEST => {
                for &(key, value) in entries {
                    let key = match &self.values[key] {
                        Value::Text(text) => (*text).to_owned(),
                        Value::Int(number) => number.to_string(),
                        _ => continue,
                    };
                    let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                    self.collect(value, &path, depth + 1, tensors, visits)?;
                }
            }
            _ if depth == 0 => return Err(StateDictError::pickle("it holds no dict of tensors")),
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Outcome<&'p [u8]> {
        let cut_off = || StateDictError::archive("its description is cut off");
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A little-endian number of so many bytes.
    fn number(&mut self, bytes: usize) -> Outcome<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, length: u64) -> Outcome<&'p str> {
        let length = usize::try_from(length).map_err(|error| StateDictError::archive(error.to_string()))?;
        str::from_utf8(self.take(length)?).map_err(|_| StateDictError::archive("a name in it is no text"))
    }

    fn line(&mut self) -> Outcome<&'p str> {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let line = self.text(end.unwrap_or(self.rest.len()) as u64)?;
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, value: Value<'p>) -> Outcome<()> {
        if self.values.len() + self.stack.len() >= MOST_VALUES {
            return Err(StateDictError::pickle(format!("it has more than {MOST_VALUES} values")));
        }
        self.stack.push(Item::Value(self.values.len()));
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Outcome<Place> {
        match self.stack.pop() {
            Some(Item::Value(place)) => Ok(place),
            _ => Err(StateDictError::archive("its description takes a value that is not there")),
        }
    }

    fn top(&self) -> Outcome<Place> {
        match self.stack.last() {
            Some(&Item::Value(place)) => Ok(place),
            _ => Err(StateDictError::archive("its description takes a value that is not there")),
        }
    }

    /// The values since the last mark.
    fn since_mark(&mut self) -> Outcome<Vec<Place>> {
        let mark = self.stack.iter().rposition(|item| matches!(item, Item::Mark));
        let mark = mark.ok_or_else(|| StateDictError::archive("its description has no mark"))?;
        let values = self.stack.drain(mark..).skip(1);
        Ok(values.filter_map(|item| if let Item::Value(place) = item { Some(place) } else { None }).collect())
    }

    /// The last values as a tuple.
    fn tuple(&mut self, count: usize) -> Outcome<()> {
        let mut values = (0..count).map(|_| self.pop()).collect::<Outcome<Vec<_>>>()?;
        values.reverse();
        self.push(Value::Sequence(values))
    }

    fn remember(&mut self, at: u64) -> Outcome<()> {
        let at = usize::try_from(at).ok().filter(|&at| at < MOST_VALUES);
        let at = at.ok_or_else(|| StateDictError::pickle("it remembers too many values"))?;
        let place = self.top()?;
        if self.memo.len() <= at {
            self.memo.resize(at + 1, None);
        }
        self.memo[at] = Some(place);
        Ok(())
    }

    fn recall(&mut self, at: u64) -> Outcome<()> {
        let place = usize::try_from(at).ok().and_then(|at| self.memo.get(at).copied().flatten());
        let place =
            place.ok_or_else(|| StateDictError::archive("its description remembers nothing there"))?;
        if self.stack.len() >= MOST_VALUES {
            return Err(StateDictError::pickle(format!("it has more than {MOST_VALUES} values")));
        }
        self.stack.push(Item::Value(place));
        Ok(())
    }

    /// One instruction; `false` at the end.
    fn step(&mut self) -> Outcome<bool> {
        let instruction = self.take(1)?[0];
        if instruction == b'.' {
            return Ok(false);
        }
        if !self.literal(instruction)? && !self.memory(instruction)? && !self.collection(instruction)? {
            return Err(StateDictError::pickle(format!(
                "its description has the instruction 0x{instruction:02x}, which torch.save writes only where told to (pickle_protocol)"
            )));
        }
        Ok(true)
    }

    /// A value that stands in the text; whether the instruction is one of these.
    fn literal(&mut self, instruction: u8) -> Outcome<bool> {
        match instruction {
            b'N' | 0x88 | 0x89 => self.push(Value::Plain)?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Plain)?;
            }
            b'K' => self.integer(1)?,
            b'M' => self.integer(2)?,
            b'J' => {
                let number = self.number(4)? as u32;
                self.push(Value::Int(number.cast_signed().into()))?;
            }
            0x8a => {
                let length = self.number(1)? as usize;
                let bytes = self.take(length)?;
                let sign = bytes.last().is_some_and(|byte| byte >> 7 == 1);
                let filled = |at: usize| bytes.get(at).copied().unwrap_or(if sign { 0xff } else { 0 });
                // Longer ones are no lengths.
                self.push(Value::Int(i64::from_le_bytes(std::array::from_fn(filled))))?;
            }
            b'X' | 0x8c => {
                let length = self.number(if instruction == b'X' { 4 } else { 1 })?;
                let text = self.text(length)?;
                self.push(Value::Text(text))?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.name(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.values[module], &self.values[name]) {
                    (&Value::Text(module), &Value::Text(name)) => self.name(module, name)?,
                    _ => return Err(StateDictError::archive("a name in its description is no text")),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What moves values between the stack and the memo; whether the instruction is one of these.
    fn memory(&mut self, instruction: u8) -> Outcome<bool> {
        match instruction {
            // The protocol, and the length of a frame.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => {
                if self.stack.len() >= MOST_VALUES {
                    return Err(StateDictError::pickle(format!("it has more than {MOST_VALUES} values")));
                }
                self.stack.push(Item::Mark);
            }
            b'0' => drop(self.stack.pop()),
            b'q' | b'r' => {
                let at = self.number(if instruction == b'q' { 1 } else { 4 })?;
                self.remember(at)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' | b'j' => {
                let at = self.number(if instruction == b'h' { 1 } else { 4 })?;
                self.recall(at)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What makes or fills a value of others; whether the instruction is one of these.
    fn collection(&mut self, instruction: u8) -> Outcome<bool> {
        match instruction {
            b')' | b']' => self.push(Value::Sequence(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b't' | b'l' => {
                let values = self.since_mark()?;
                self.push(Value::Sequence(values))?;
            }
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b'a' => {
                let value = self.pop()?;
                self.append(&[value])?;
            }
            b'e' => {
                let values = self.since_mark()?;
                self.append(&values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let values = self.since_mark()?;
                self.set(&values)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => {
                // What an OrderedDict has beside its entries: the versions of modules.
                self.pop()?;
                if !matches!(self.values[self.top()?], Value::Dict(_)) {
                    return Err(StateDictError::pickle("it sets the state of an object"));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn integer(&mut self, bytes: usize) -> Outcome<()> {
        let number = self.number(bytes)?;
        self.push(Value::Int(number as i64))
    }

    fn append(&mut self, values: &[Place]) -> Outcome<()> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Sequence(list) => {
                list.extend(values);
                Ok(())
            }
            _ => Err(StateDictError::archive("its description appends to no list")),
        }
    }

    fn set(&mut self, values: &[Place]) -> Outcome<()> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Dict(entries) if values.len().is_multiple_of(2) => {
                entries.extend(values.as_chunks().0.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(StateDictError::archive("its description sets entries of no dict")),
        }
    }

    fn name(&mut self, module: &'p str, name: &'p str) -> Outcome<()> {
        let Some(known) = known(module, name) else {
            let both: String = format!("{module}.{name}").chars().take(100).collect();
            if module.starts_with("torch") && (name.ends_with("Storage") || name.starts_with("_rebuild_")) {
                return Err(StateDictError::Kind { kind: format!("{both:?}") });
            }
            return Err(StateDictError::pickle(format!("it holds {both:?}, which is no tensor")));
        };
        self.push(Value::Name(known))
    }

    /// The persistent id of a storage: ("storage", type, key, place, length).
    fn storage(&mut self) -> Outcome<()> {
        let id = self.pop()?;
        let fault = || StateDictError::pickle("it refers to something that is no storage");
        let Value::Sequence(parts) = &self.values[id] else { return Err(fault()) };
        let [word, kind, key, ..] = parts[..] else { return Err(fault()) };
        match (&self.values[word], &self.values[kind], &self.values[key]) {
            (Value::Text("storage"), &Value::Name(Known::Storage(kind)), &Value::Text(key)) => {
                self.push(Value::Storage(Storage { kind, key }))
            }
            _ => Err(fault()),
        }
    }

    fn lengths(&self, at: Place) -> Option<Vec<usize>> {
        let Value::Sequence(parts) = &self.values[at] else { return None };
        let length = |&part: &Place| {
            if let Value::Int(number) = self.values[part] { usize::try_from(number).ok() } else { None }
        };
        (parts.len() <= MOST_AXES).then(|| parts.iter().map(length).collect())?
    }

    /// The few lengths of a shape.
    fn parts_of(&self, at: Place) -> Outcome<Vec<Place>> {
        match &self.values[at] {
            Value::Sequence(parts) if parts.len() <= MOST_AXES => Ok(parts.clone()),
            _ => Err(StateDictError::pickle("a shape in it is none")),
        }
    }

    /// The value that a name of the list gives with arguments.
    fn reduce(&mut self) -> Outcome<()> {
        let (arguments, name) = (self.pop()?, self.pop()?);
        let fault = || StateDictError::pickle("a tensor in it is described in another way");
        let (Value::Name(name), Value::Sequence(parts)) = (&self.values[name], &self.values[arguments])
        else {
            return Err(StateDictError::pickle("it calls something that is no name"));
        };
        let value = match (*name, &parts[..]) {
            (Known::OrderedDict, []) => Value::Dict(Vec::new()),
            (Known::Size, [lengths]) => Value::Sequence(self.parts_of(*lengths)?),
            (Known::RebuildParameter, [tensor, ..]) => match &self.values[*tensor] {
                tensor @ Value::Tensor(_) => tensor.clone(),
                _ => return Err(fault()),
            },
            (Known::RebuildTensor, &[storage, offset, shape, strides, ref rest @ ..]) => {
                // The third of them, where there is one, says that the numbers stand for their negatives or conjugates.
                if let Some(&marks) = rest.get(2)
                    && !matches!(&self.values[marks], Value::Plain)
                    && !matches!(&self.values[marks], Value::Dict(entries) if entries.is_empty())
                {
                    let kind = "a view of another tensor's negative or conjugate numbers".to_owned();
                    return Err(StateDictError::Kind { kind });
                }
                let (Value::Storage(storage), &Value::Int(offset)) =
                    (&self.values[storage], &self.values[offset])
                else {
                    return Err(fault());
                };
                let (shape, strides) = self.lengths(shape).zip(self.lengths(strides)).ok_or_else(fault)?;
                let offset = usize::try_from(offset)
                    .ok()
                    .filter(|_| shape.len() == strides.len())
                    .ok_or_else(fault)?;
                Value::Tensor(Tensor { storage: *storage, offset, shape, strides })
            }
            _ => return Err(fault()),
        };
        self.push(value)
    }
}
