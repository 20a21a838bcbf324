//! Tables of text: the first byte chooses how they are read, and what was read once is read again by its own schema.
#![no_main]

use chainrule_datasets::{Column, HeaderRow, Impute, Pipeline, ReadOptions, TableOptions, TaskKind, csv};
use chainrule_fuzz::{LITTLE, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, text)) = bytes.split_first() else { return };
    let options = ReadOptions {
        target: [Column::Last, Column::Index(0)][usize::from(choice >> 6 & 1)].clone().into(),
        task: [TaskKind::Auto, TaskKind::Auto, TaskKind::Classification, TaskKind::Regression]
            [usize::from(choice >> 2 & 3)],
        table: TableOptions {
            header: [HeaderRow::Auto, HeaderRow::Present, HeaderRow::Absent, HeaderRow::Auto]
                [usize::from(choice & 3)],
            impute: [None, None, Some(Impute::Mean), Some(Impute::Median)][usize::from(choice >> 4 & 3)],
            categorical: if choice >> 7 == 1 { vec![Column::Index(1)] } else { Vec::new() },
            ..TableOptions::default()
        },
        ..ReadOptions::default()
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
    for line in std::str::from_utf8(text).unwrap_or_default().lines().take(16) {
        if let Ok(row) = csv::decode_row::<f32>(line, "fuzz".as_ref(), &schema) {
            assert!(!row.cells(0).iter().any(|x| x.is_infinite()), "{line:?}");
        }
    }
    let table =
        TableOptions { schema: Some(schema), header: options.table.header, ..TableOptions::default() };
    let again = ReadOptions::from(table);
    let features = csv::decode_features::<f32>(text, "fuzz".as_ref(), &again).expect("it was read before");
    let mut row = vec![0.0; inputs];
    for (i, x) in x.outer_iter().enumerate() {
        features.row(i, &mut row);
        assert_eq!(x.as_slice(), Some(&row[..]));
    }
});
