use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The contents of a file with a vector of each of these names, as long as the name.
fn shard(names: &[&str]) -> Vec<u8> {
    let array = |name: &&str| {
        TensorBytes::new((*name).to_owned(), vec![name.len()], &vec![name.len() as f32; name.len()])
    };
    to_bytes(&names.iter().map(array).collect::<Vec<_>>(), HashMap::new())
}

/// A file and the names of its vectors.
type File<'a> = (&'a str, &'a [&'a str]);

/// What is made of an index, with these files beside it.
fn merged(index: &str, files: &[File<'_>]) -> Result<Vec<u8>, ShardError> {
    let files: BTreeMap<&str, Vec<u8>> = files.iter().map(|&(name, names)| (name, shard(names))).collect();
    to_safetensors(Path::new("theirs/index.json"), index.as_bytes(), |name| {
        let missing =
            || TensorFileError::Io { path: name.into(), source: std::io::ErrorKind::NotFound.into() };
        files.get(name).cloned().ok_or_else(missing)
    })
}

const A: &str = "a.safetensors";
const B: &str = "b.safetensors";

#[test]
fn the_arrays_of_all_shards_are_one_file() {
    let index = r#"{"metadata": {"total_size": 24, "format": "pt"}, "weight_map":
        {"xyz": "b.safetensors", "x": "a.safetensors", "xx": "a.safetensors"}}"#;
    let bytes = merged(index, &[(A, &["x", "xx"]), (B, &["xyz"])]).unwrap();
    assert_eq!(bytes, shard(&["x", "xx", "xyz"]));
    // Without the number of bytes.
    let index = r#"{"weight_map": {"x": "a.safetensors"}}"#;
    assert_eq!(merged(index, &[(A, &["x"])]).unwrap(), shard(&["x"]));
}

#[test]
fn an_index_that_its_shards_contradict_is_refused() {
    let index =
        r#"{"metadata": {"total_size": 12}, "weight_map": {"x": "a.safetensors", "xx": "b.safetensors"}}"#;
    let files: [File<'_>; 2] = [(A, &["x"]), (B, &["xx"])];
    assert!(merged(index, &files).is_ok());
    let cases: [(&str, &[File<'_>], &str); 6] = [
        (
            index,
            &[(A, &["x"]), (B, &["xx", "x"])],
            r#""x" is in b.safetensors, and the index says a.safetensors"#,
        ),
        (
            index,
            &[(A, &["xx"]), (B, &["x"])],
            r#""xx" is in a.safetensors, and the index says b.safetensors"#,
        ),
        (index, &[(A, &["x", "y"]), (B, &["xx"])], r#"a.safetensors has "y", which the index does not name"#),
        (index, &[(A, &[]), (B, &["xx"])], r#"a.safetensors has no array "x", which the index names"#),
        (index, &[(A, &["x"])], "b.safetensors"),
        (&index.replace("12", "13"), &files, "says 13 bytes of arrays, and its shards have 12"),
    ];
    for (index, files, part) in cases {
        let error = merged(index, files).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let twice = r#"{"weight_map": {"x": "a.safetensors", "x": "b.safetensors"}}"#;
    let error = merged(twice, &files).unwrap_err().to_string();
    assert!(
        error.contains("theirs/index.json: not a readable index") && error.contains(r#""x" is in it twice"#),
        "{error}"
    );
}

#[test]
fn files_outside_of_the_folder_are_never_asked_for() {
    for name in [
        "../a.safetensors",
        "/etc/a.safetensors",
        "b/a.safetensors",
        "..",
        "",
        ".safetensors",
        "a.bin",
        r"..\\a.safetensors",
        "c:a.safetensors",
        "a\\u0000.safetensors",
        "a.safetensors/",
    ] {
        let index = format!(r#"{{"weight_map": {{"x": "{name}"}}}}"#);
        let asked = to_safetensors(Path::new("i"), index.as_bytes(), |name| panic!("asked for {name}"));
        let error = asked.unwrap_err().to_string();
        assert!(
            error.contains("no name of a .safetensors file in the folder of the index"),
            "{name}: {error}"
        );
    }
}

#[test]
fn what_is_no_index_is_refused() {
    let long =
        format!(r#"{{"weight_map": {{"x": "a.safetensors"}}, "note": "{}"}}"#, "x".repeat(LONGEST_INDEX));
    let many: Vec<String> = (0..=MOST_SHARDS).map(|at| format!(r#""{at}": "{at}.safetensors""#)).collect();
    let many = format!(r#"{{"weight_map": {{{}}}}}"#, many.join(", "));
    for (index, part) in [
        ("", "EOF"),
        ("{}", "weight_map"),
        (r#"{"weight_map": {}}"#, "no array"),
        (r#"{"weight_map": ["a.safetensors"]}"#, "names of arrays"),
        (r#"{"weight_map": {"x": 1}}"#, "invalid type"),
        (r#"{"metadata": {"total_size": "many"}, "weight_map": {"x": "a.safetensors"}}"#, "invalid type"),
        (&"[".repeat(100_000), "not a readable index"),
        (&long, "4 MiB"),
        (&many, "more than 10000 files"),
    ] {
        let error = merged(index, &[]).unwrap_err();
        assert!(matches!(error, ShardError::Index { .. }), "{error}");
        assert!(error.to_string().contains(part) && error.to_string().len() < 500, "{error}");
    }
}

#[test]
fn an_index_is_known_by_its_name() {
    assert!(is_index(Path::new("a/model.safetensors.index.json")));
    assert!(!is_index(Path::new("index.json")) && !is_index(Path::new("model.safetensors")));
}

proptest! {
    #[test]
    fn any_text_is_an_index_or_an_error(text in any::<Vec<u8>>()) {
        let _ = to_safetensors(Path::new("i"), &text, |_| Ok(shard(&["x"])));
    }

    #[test]
    fn whatever_is_changed_is_read_or_refused(edits in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut files = [
            br#"{"metadata": {"total_size": 12}, "weight_map": {"x": "a.safetensors", "xx": "a.safetensors"}}"#.to_vec(),
            shard(&["x", "xx"]),
        ];
        for (of_shard, at, byte) in edits {
            let file = &mut files[usize::from(of_shard)];
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(bytes) = to_safetensors(Path::new("i"), &files[0], |_| Ok(files[1].clone())) {
            let file = TensorFile::parse(Path::new("i"), &bytes).unwrap();
            prop_assert_eq!(file.names().len(), 2);
        }
    }
}
