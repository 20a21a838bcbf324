//! Headers and cells as other programs write them: an index, years, odd dates, signs.

use chainrule_datasets::{ReadOptions, TableOptions};

use crate::dialects::{lines, raw, read, read_as};

#[test]
fn an_empty_cell_before_names_is_the_head_of_an_index() {
    let body = lines(30, |i| format!("{i},{i}.5,1.{i},{}", i % 2));
    let data = read(&format!(",0,1,2\n{body}"));
    assert_eq!((data.len(), data.feature_names()), (30, vec![String::new(), "0".into(), "1".into()]));
    for index in ["a", "2024-01-"] {
        let body = lines(28, |i| format!("{index}{i:02},{},{}", ["red", "blue"][i % 2], ["x", "y"][i % 2]));
        let options =
            ReadOptions::from(TableOptions { drop: vec!["\"\"".parse().unwrap()], ..Default::default() });
        let data = read_as(&format!(",hue,kind\n{body}"), "t.csv", &options).unwrap();
        assert_eq!((data.len(), data.feature_names()), (28, vec!["hue=blue".to_owned(), "hue=red".into()]));
    }
    // A number that is a name and a position is refused; quotes make it a name, and none is the column without a name.
    let drop = |column: &str| {
        let options =
            ReadOptions::from(TableOptions { drop: vec![column.parse().unwrap()], ..Default::default() });
        read_as(&format!(",0,1,2\n{body}"), "t.csv", &options)
    };
    assert!(drop("0").unwrap_err().to_string().contains("'\"0\"'"));
    assert_eq!(drop("\"0\"").unwrap().feature_names(), ["", "1"]);
    assert_eq!(drop("").unwrap().feature_names(), ["0", "1"]);
}

#[test]
fn whole_numbers_above_fractions_are_a_header_and_above_whole_numbers_an_example() {
    let body = lines(30, |i| format!("{i}.5,1.{i},2.{i},{}", i % 2));
    for head in ["1,2,3,4", "2019,2020,2021,2022", "\"1\",\"2\",\"3\",\"4\""] {
        assert_eq!(read(&format!("{head}\n{body}")).feature_names().len(), 3, "{head}");
        assert_eq!(read(&format!("{head}\n{body}")).len(), 30, "{head}");
    }
    let error = read_as(&format!("2021,2019,2020,7\n{body}"), "t.csv", &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("--header present or absent"), "{error}");
    for first in ["0,0,0,1", "3,1.5,2.5,1"] {
        assert_eq!(read(&format!("{first}\n{body}")).len(), 31, "{first}");
    }
    assert_eq!(read(&format!("1,2,3\n{}", lines(30, |i| format!("{i},{},{}", i * i, i % 2)))).len(), 31);
}

#[test]
fn a_column_named_last_is_found_by_its_name() {
    let body = lines(30, |i| format!("{i},{},{}", i % 2, i % 3));
    let text = format!("a,last,b\n{body}");
    let named = ReadOptions { target: "last".parse().unwrap(), ..ReadOptions::default() };
    let data = read_as(&text, "t.csv", &named).unwrap();
    assert_eq!((data.feature_names(), data.outputs()), (vec!["a".to_owned(), "b".into()], 2));
    assert_eq!(read(&text).feature_names(), ["a", "last"]);
}

#[test]
fn a_blank_after_a_minus_separates_no_thousands() {
    for minus in ["- 1.5", "−1.5"] {
        let data = read(&format!("x,y\n{minus},0\n{}", lines(20, |i| format!("{i}.5,{}", i % 2))));
        assert_eq!(raw(&data)[(0, 0)], -1.5);
        let form = data.schema().unwrap().features[0].form.to_string();
        assert_eq!(form, "negative numbers in brackets or as − 5");
    }
}

#[test]
fn a_date_that_is_none_among_dates_is_named_with_its_line() {
    for odd in ["0000-00-00", "2024-02-30", "soon"] {
        let dates = lines(28, |i| format!("2024-01-{i:02},{}", i % 2));
        let error =
            read_as(&format!("on,y\n{dates}{odd},1\n"), "t.csv", &ReadOptions::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("line 30, column 1 (on)") && error.contains("--missing"), "{error}");
    }
}

#[test]
fn blanks_are_spaces_and_tabs() {
    let table = TableOptions { delimiter: Some(b' '), ..TableOptions::default() };
    let text = lines(30, |i| format!("{i}.0   {}\t\"car {}\"", i % 5, ["a", "b"][i % 2]));
    let data = read_as(&text, "t.data", &ReadOptions::from(table)).unwrap();
    assert_eq!((data.inputs(), data.class_names().join(",")), (2, "car a,car b".to_owned()));
}

#[test]
fn lines_beyond_the_end_are_skipped_at_once() {
    let table = TableOptions { skip_rows: Some(usize::MAX), ..TableOptions::default() };
    let error = read_as("1,2\n3,4\n", "t.csv", &ReadOptions::from(table)).unwrap_err().to_string();
    assert!(error.contains("--skip-rows"), "{error}");
}

#[test]
fn the_target_is_no_category_that_could_be_asked_for() {
    let table = TableOptions { categorical: vec!["y".parse().unwrap()], ..TableOptions::default() };
    let error = read_as("x,y\n1.5,2\n2.5,3\n", "t.csv", &ReadOptions::from(table)).unwrap_err().to_string();
    assert!(error.contains("--task classification"), "{error}");
}
