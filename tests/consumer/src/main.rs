//! Succeeds if the library learned XOR.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match consumer::learn_xor()? {
        1.0 => Ok(()),
        accuracy => Err(format!("XOR was learned to {accuracy} only").into()),
    }
}
