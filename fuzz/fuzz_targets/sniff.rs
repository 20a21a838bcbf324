//! What a text is taken for: read again by the dialect that was found, it is the same table.
#![no_main]

use chainrule_datasets::{HeaderRow, Impute, ReadOptions, TableOptions, csv};
use chainrule_fuzz::{LITTLE, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let impute = Some(Impute::Median);
    let free = ReadOptions::from(TableOptions { impute, ..TableOptions::default() });
    let read = |options: &ReadOptions| csv::decode::<f64>(text, "fuzz".as_ref(), options);
    let Ok(found) = bounded(text, LITTLE, || read(&free)) else { return };
    assert!(found.summary().to_string().chars().count() < 100_000);
    let dialect = found.schema().and_then(|schema| schema.dialect.clone()).expect("a text has one");
    let told = ReadOptions::from(TableOptions {
        impute,
        delimiter: u8::try_from(dialect.delimiter).ok(),
        header: if dialect.header { HeaderRow::Present } else { HeaderRow::Absent },
        comment: dialect.comment.and_then(|comment| u8::try_from(comment).ok()),
        skip_rows: Some(dialect.skip_rows),
        ..TableOptions::default()
    });
    let again = read(&told).expect("it was read before");
    // A missing cell is NaN, which differs from itself.
    assert!(found == again || format!("{found:?}") == format!("{again:?}"), "{found:?}\n{again:?}");
});
