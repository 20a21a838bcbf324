//! Tables of text: the first byte chooses how they are read, and what was read once is read again by its own schema.
#![no_main]

use chainrule_datasets::csv::{self, Column, Header, Impute, Options};
use chainrule_datasets::{Pipeline, Task};
use chainrule_fuzz::{LITTLE, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, text)) = bytes.split_first() else { return };
    let options = Options {
        header: [Header::Auto, Header::Present, Header::Absent, Header::Auto][usize::from(choice & 3)],
        task: [Task::Auto, Task::Auto, Task::Classification, Task::Regression][usize::from(choice >> 2 & 3)],
        impute: [None, None, Some(Impute::Mean), Some(Impute::Median)][usize::from(choice >> 4 & 3)],
        target: [Column::Last, Column::Index(0)][usize::from(choice >> 6 & 1)].clone(),
        categories: if choice >> 7 == 1 { vec![Column::Index(1)] } else { Vec::new() },
        ..Options::default()
    };
    let read = bounded(text, LITTLE, || csv::decode::<f32>(text, "fuzz".as_ref(), &options));
    let Ok(data) = read else { return };
    let (rows, inputs) = data.features().dim();
    // One-hot columns are written out here, which batches never do for a whole file.
    if rows * inputs > 1 << 20 {
        return;
    }
    let x = data.inputs_through(&Pipeline::new());
    assert!(x.iter().all(|x| x.is_finite()));
    let schema = data.schema().expect("a table has one").clone();
    schema.check().expect("what was just built is sound");
    let again = Options { schema: Some(schema), header: options.header, ..Options::default() };
    let features = csv::decode_features::<f32>(text, "fuzz".as_ref(), &again).expect("it was read before");
    let mut row = vec![0.0; inputs];
    for (i, x) in x.outer_iter().enumerate() {
        features.row(i, &mut row);
        assert_eq!(x.as_slice(), Some(&row[..]));
    }
});
