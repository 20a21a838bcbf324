//! NumPy's `.npz` files: several arrays under their names.

use std::io::{self, Cursor};
use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayD;
use ndarray_npy::{NpzWriter, WriteNpzError};

pub use crate::archive::decode;
use crate::{Error, write_atomic};

/// Writes arrays in their own number type, as `numpy.savez` does; `numpy.load` reads them.
///
/// # Errors
/// If the file cannot be written; then what stood there before is untouched.
///
/// ```
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("line.npz");
/// let arrays = [("slope".to_owned(), array![[2.0_f32, 1.0]].into_dyn()), ("height".to_owned(), array![0.5].into_dyn())];
/// chainrule_datasets::npz::write(&path, &arrays)?;
/// let mut file = ndarray_npy::NpzReader::new(std::fs::File::open(&path)?)?;
/// assert_eq!(file.names()?, ["slope", "height"]);
/// # Ok(())
/// # }
/// ```
pub fn write<A: Scalar>(path: &Path, arrays: &[(String, ArrayD<A>)]) -> Result<(), Error> {
    write_atomic(path, |file| {
        // The table of contents stands at the end, but each entry's header before it: the writer goes back and forth.
        let bytes = pack(arrays).map_err(|error| match error {
            WriteNpzError::Zip(error) => error.into(),
            WriteNpzError::Npy(error) => io::Error::other(error),
        })?;
        file.write_all(&bytes)
    })
}

fn pack<A: Scalar>(arrays: &[(String, ArrayD<A>)]) -> Result<Vec<u8>, WriteNpzError> {
    let mut npz = NpzWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        if A::NAME == <f64 as Scalar>::NAME {
            npz.add_array(name.as_str(), &array.map(|x| x.as_f64()))?;
        } else {
            npz.add_array(name.as_str(), &array.map(|x| x.as_f64() as f32))?;
        }
    }
    Ok(npz.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::{Array2, array};
    use ndarray_npy::NpzReader;

    use super::*;

    #[test]
    fn arrays_come_back_under_their_names_and_the_bytes_are_the_same_each_time() {
        let arrays = [
            ("0.weight".to_owned(), array![[1.5, -2.0]].into_dyn()),
            ("b".to_owned(), array![0.1].into_dyn()),
        ];
        let bytes = pack::<f64>(&arrays).unwrap();
        assert_eq!(bytes, pack::<f64>(&arrays).unwrap());
        let mut file = NpzReader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(file.by_name::<_, _>("0.weight").map(|x: Array2<f64>| x).unwrap(), array![[1.5, -2.0]]);
    }
}
