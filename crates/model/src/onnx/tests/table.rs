//! Operators on tables, and what a graph with columns makes of cells.

use std::f64::consts::TAU;

use chainrule_datasets::{ColumnKind, Feature, Input, Label, NumberForm, Schema};

use super::*;

/// The value of a cell or of what is made of it, one row.
#[derive(Debug, Clone, PartialEq)]
enum Row {
    Numbers(Vec<f64>),
    Words(Vec<String>),
}

impl Row {
    fn numbers(&self) -> &[f64] {
        match self {
            Row::Numbers(numbers) => numbers,
            Row::Words(words) => panic!("{words:?} are no numbers"),
        }
    }
}

fn words(node: &Node, name: &str) -> Option<Vec<String>> {
    let attribute = node.attribute.iter().find(|attribute| attribute.name == name)?;
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    Some(attribute.strings.iter().map(text).collect())
}

fn whole(node: &Node, name: &str) -> Option<Vec<i64>> {
    let attribute = node.attribute.iter().find(|attribute| attribute.name == name)?;
    Some(if attribute.ints.is_empty() { vec![attribute.i] } else { attribute.ints.clone() })
}

/// What an operator makes of one row, or the name of the node where it fails.
fn operator(node: &Node, inputs: &[&Row]) -> Result<Row, String> {
    let x = |at: usize| inputs[at].numbers();
    let pairs = |f: &dyn Fn(f64, f64) -> f64| {
        let length = x(0).len().max(x(1).len());
        let at = |row: &[f64], i: usize| row[i % row.len()];
        Row::Numbers((0..length).map(|i| f(at(x(0), i), at(x(1), i))).collect())
    };
    let truth = |is: bool| f64::from(u8::from(is));
    let each = |f: &dyn Fn(f64) -> f64| Row::Numbers(x(0).iter().map(|&x| f(x)).collect());
    Ok(match node.op_type.as_str() {
        "Add" => pairs(&|a, b| a + b),
        "Sub" => pairs(&|a, b| a - b),
        "Mul" => pairs(&|a, b| a * b),
        "Div" => pairs(&|a, b| a / b),
        "Less" => pairs(&|a, b| truth(a < b)),
        "Greater" => pairs(&|a, b| truth(a > b)),
        "Equal" => pairs(&|a, b| truth(a == b)),
        "Floor" => each(&f64::floor),
        "Sin" => each(&f64::sin),
        "Cos" => each(&f64::cos),
        "IsNaN" => each(&|x| truth(x.is_nan())),
        "Cast" | "Reshape" => inputs[0].clone(),
        "Where" => {
            let (a, b) = (x(1), x(2));
            let chosen = x(0).iter().enumerate();
            Row::Numbers(
                chosen.map(|(i, &c)| if c == 1.0 { a[i % a.len()] } else { b[i % b.len()] }).collect(),
            )
        }
        "Concat" => Row::Numbers((0..inputs.len()).flat_map(|at| x(at).to_vec()).collect()),
        "Gather" => {
            let found = x(1).iter().map(|&i| x(0).get(i as usize).copied().ok_or_else(|| node.name.clone()));
            Row::Numbers(found.collect::<Result<_, _>>()?)
        }
        "ArgMax" => Row::Numbers(vec![rows::argmax(x(0)) as f64]),
        "OneHotEncoder" => {
            let known = whole(node, "cats_int64s").unwrap();
            if !known.contains(&(x(0)[0] as i64)) {
                return Err(node.name.clone());
            }
            Row::Numbers(known.iter().map(|&code| truth(code == x(0)[0] as i64)).collect())
        }
        "LabelEncoder" => match (inputs[0], words(node, "keys_strings"), words(node, "values_strings")) {
            (Row::Words(cells), Some(keys), _) => {
                let codes = whole(node, "values_int64s").unwrap();
                let code = |cell| keys.iter().position(|key| key == cell).map_or(-1, |at| codes[at]);
                Row::Numbers(cells.iter().map(|cell| code(cell) as f64).collect())
            }
            (Row::Numbers(codes), _, Some(names)) => {
                assert_eq!(whole(node, "keys_int64s").unwrap().len(), names.len());
                Row::Words(codes.iter().map(|&code| names[code as usize].clone()).collect())
            }
            other => panic!("{other:?}"),
        },
        _ => {
            let numbers: Vec<&[f64]> = inputs.iter().map(|row| row.numbers()).collect();
            Row::Numbers(super::operator(node, &numbers))
        }
    })
}

/// The outputs for one row of cells, in the order of the inputs.
fn answers(graph: &proto::Graph, cells: &[Row]) -> Result<Vec<Row>, String> {
    let numbers = |tensor: &Tensor| -> Vec<f64> {
        let raw = &tensor.raw_data;
        match tensor.data_type {
            DOUBLE => raw.as_chunks().0.iter().map(|&eight| f64::from_le_bytes(eight)).collect(),
            FLOAT => raw.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four).into()).collect(),
            _ => raw.as_chunks().0.iter().map(|&eight| i64::from_le_bytes(eight) as f64).collect(),
        }
    };
    let mut known: HashMap<&str, Row> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name.as_str(), Row::Numbers(numbers(tensor))))
        .collect();
    for (input, cell) in graph.input.iter().zip(cells) {
        assert!(known.insert(&input.name, cell.clone()).is_none(), "{} is a constant too", input.name);
    }
    for node in &graph.node {
        let inputs: Vec<&Row> = node.input.iter().map(|name| &known[name.as_str()]).collect();
        let output = operator(node, &inputs)?;
        assert!(known.insert(&node.output[0], output).is_none(), "{} is written twice", node.output[0]);
    }
    Ok(graph.output.iter().map(|output| known[output.name.as_str()].clone()).collect())
}

fn column(name: &str, kind: ColumnKind, fill: Option<f64>) -> Feature {
    Feature { name: name.to_owned(), place: 0, kind, fill, form: NumberForm::Plain, twin: None }
}

/// A table of numbers, words and dates, in which names are those of what is inside of the graph.
fn columns() -> Vec<Feature> {
    let words = |words: &[&str]| ColumnKind::Category(words.iter().map(ToString::to_string).collect());
    vec![
        column("0.weight", ColumnKind::Number, Some(2.5)),
        column("label", words(&["dark red", "1", "TRUE"]), Some(1.0)),
        column("", ColumnKind::Number, None),
        column("table/column.0", words(&["a", "b"]), None),
        column("when", ColumnKind::Date { with_time: true }, Some(19_723.25)),
        column("day", ColumnKind::Date { with_time: false }, None),
        column("day", ColumnKind::Number, Some(-4.0)),
    ]
}

fn model<A: Scalar>(columns: Vec<Feature>, outputs: usize, output: Output) -> Checkpoint<A> {
    let schema = Schema {
        width: columns.len(),
        features: columns,
        targets: Vec::new(),
        named: true,
        impute: None,
        dialect: None,
    };
    let inputs = schema.inputs();
    let architecture = Architecture::perceptron(&[inputs, 4, outputs], activation::Tanh, 0.0);
    let theta = architecture.build::<A>(None).layout().init(&mut Rng::new(3)).to_vec();
    let transform = Pipeline::new().then(Transform::Standardise {
        mean: (0..inputs).map(|i| 0.5 * i as f64 - 1.0).collect(),
        deviation: (0..inputs).map(|i| 1.0 + i as f64).collect(),
    });
    let card = ModelCard {
        transform,
        input: Some(Input::Table(schema)),
        ..ModelCard::new(architecture, output, None)
    };
    Checkpoint { card, theta, statistics: Vec::new() }
}

fn graph<A: Scalar>(model: &Checkpoint<A>) -> proto::Graph {
    let options = OnnxOptions { inputs: OnnxInputs::of(&model.card), ..OnnxOptions::default() };
    assert_eq!(options.inputs, OnnxInputs::Columns);
    let bytes = model.to_onnx_with(options).unwrap();
    let decoded = Model::decode(bytes.as_slice()).unwrap();
    let sets: Vec<_> = decoded.opset_import.iter().map(|set| (set.domain.as_str(), set.version)).collect();
    assert_eq!((decoded.ir_version, sets), (8, vec![("", 17), ("ai.onnx.ml", 2)]));
    decoded.graph.unwrap()
}

fn number(x: f64) -> Row {
    Row::Numbers(vec![x])
}

fn word(text: &str) -> Row {
    Row::Words(vec![text.to_owned()])
}

fn waves(fraction: f64) -> [f64; 2] {
    [(TAU * fraction).sin(), (TAU * fraction).cos()]
}

#[test]
fn raw_cells_give_what_the_encoded_row_gives() {
    let mut model = model::<f64>(columns(), 3, Output::Softmax);
    model.card.classes = ["dark red", "b", "c"].map(str::to_owned).to_vec();
    let graph = graph(&model);
    let names: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["0.weight", "label", "Unnamed: 0", "table/column.0", "when", "day", "day.1"]);
    let names: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["label_", "probabilities"]);
    assert_eq!(graph.input[4].doc_string, column_inputs(model.card_schema())[4].note.unwrap());

    // Monday 2024-01-01 06:00, and 2024-02-29, a Thursday and day 59 of 366.
    let monday = [vec![19_723.25], waves(0.25).to_vec(), waves(0.0).to_vec(), waves(0.0).to_vec()].concat();
    let leap = [vec![19_782.0], waves(3.0 / 7.0).to_vec(), waves(59.0 / 366.0).to_vec()].concat();
    let row = |first: f64, label: [f64; 3], b: f64, last: f64| {
        [&[first][..], &label, &[7.0, 1.0 - b, b], &monday, &leap, &[last]].concat()
    };
    let cells = |first: f64, label: &str, b: &str, when: f64, last: f64| {
        [number(first), word(label), number(7.0), word(b), number(when), number(19_782.0), number(last)]
    };
    let network = model.card.architecture.build::<f64>(None);
    for (cells, encoded) in [
        (cells(1.0, "dark red", "a", 19_723.25, 3.0), row(1.0, [1.0, 0.0, 0.0], 0.0, 3.0)),
        // Missing cells, and other spellings of the same words.
        (cells(f64::NAN, "", "b", f64::NAN, f64::NAN), row(2.5, [0.0, 1.0, 0.0], 1.0, -4.0)),
        (cells(1.0, "nA", "b", 19_723.25, 3.0), row(1.0, [0.0, 1.0, 0.0], 1.0, 3.0)),
        (cells(1.0, "1.0", "b", 19_723.25, 3.0), row(1.0, [0.0, 1.0, 0.0], 1.0, 3.0)),
        (cells(1.0, "True", "b", 19_723.25, 3.0), row(1.0, [0.0, 0.0, 1.0], 1.0, 3.0)),
    ] {
        let x = ArrayView2::from_shape((1, encoded.len()), &encoded).unwrap();
        let expected = predict(&network, Output::Softmax, &model.card.transform, &model.theta, &x);
        let expected = expected.as_slice().unwrap();
        let answers = answers(&graph, &cells).unwrap();
        assert_eq!(answers[0], word(&model.card.classes[rows::argmax(expected)]));
        let near = answers[1].numbers().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near, "{cells:?}: {answers:?} are not {expected:?}");
    }
    for (cells, fault) in [
        (cells(1.0, "red", "b", 0.0, 0.0), "label: a word that the model does not know"),
        (cells(1.0, "1", "", 0.0, 0.0), "table/column.0: a word that the model does not know"),
        (
            cells(f64::INFINITY, "1", "a", 0.0, 0.0),
            "a cell is missing or infinite, and the model has no value for it",
        ),
        (
            cells(1.0, "1", "a", f64::INFINITY, 0.0),
            "a cell is missing or infinite, and the model has no value for it",
        ),
    ] {
        assert_eq!(answers(&graph, &cells).unwrap_err(), fault);
    }
    let mut missing = cells(1.0, "1", "a", 0.0, 0.0);
    missing[5] = number(f64::NAN);
    assert!(answers(&graph, &missing).unwrap_err().starts_with("a cell is missing"));
}

#[test]
fn each_day_of_four_hundred_years_has_its_parts() {
    let model =
        model::<f64>(vec![column("day", ColumnKind::Date { with_time: false }, None)], 1, Output::Identity);
    let graph = graph(&model);
    let network = model.card.architecture.build::<f64>(None);
    // 1600-03-01, a Wednesday, begins an era of the Gregorian calendar.
    let (mut day, mut year, mut of_year) = (-135_080_i64, 1600_i64, 60_i64);
    for count in 0..146_097_i32 {
        let length = 365 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        if count % 97 == 0 || of_year == 0 || of_year + 1 == length || (58..61).contains(&of_year) {
            let of_week = (2 + count) % 7;
            let parts = [waves(f64::from(of_week) / 7.0), waves(of_year as f64 / length as f64)].concat();
            let x = [vec![day as f64], parts].concat();
            let x = ArrayView2::from_shape((1, 5), &x).unwrap();
            let expected =
                predict(&network, Output::Identity, &model.card.transform, &model.theta, &x)[(0, 0)];
            let answers = answers(&graph, &[number(day as f64)]).unwrap();
            assert!((answers[0].numbers()[0] - expected).abs() < 1e-9, "{year}, day {of_year}");
        }
        day += 1;
        of_year += 1;
        if of_year == length {
            (year, of_year) = (year + 1, 0);
        }
    }
}

#[test]
fn labels_regressions_and_lone_probabilities_have_their_outputs() {
    let numbers = || vec![column("a", ColumnKind::Number, None), column("b", ColumnKind::Number, None)];
    let names = |graph: &proto::Graph| -> Vec<String> {
        graph.output.iter().map(|output| output.name.clone()).collect()
    };
    let cells = [number(0.3), number(-0.4)];

    let mut labels = model::<f32>(numbers(), 2, Output::Sigmoid);
    let words = |words: [&str; 2]| words.map(str::to_owned);
    labels.card.labels = vec![
        Label { name: "wet".to_owned(), words: words(["dry", "wet"]) },
        Label { name: "hot".to_owned(), words: words(["0", "1"]) },
    ];
    let of_labels = graph(&labels);
    assert_eq!(names(&of_labels), ["label", "probabilities"]);
    let found = answers(&of_labels, &cells).unwrap();
    let p = found[1].numbers();
    let expected = [["dry", "wet"][usize::from(p[0] > 0.5)], ["0", "1"][usize::from(p[1] > 0.5)]];
    assert_eq!(found[0], Row::Words(expected.map(str::to_owned).to_vec()));

    let mut lone = model::<f32>(numbers(), 1, Output::Sigmoid);
    lone.card.classes = words(["no", "yes"]).to_vec();
    let of_lone = graph(&lone);
    let found = answers(&of_lone, &cells).unwrap();
    assert_eq!(found[0], word(["no", "yes"][usize::from(found[1].numbers()[0] > 0.5)]));

    assert_eq!(names(&graph(&model::<f32>(numbers(), 2, Output::Identity))), ["variable"]);
}

#[test]
fn our_own_import_refuses_a_table_by_its_operator() {
    let mut model = model::<f32>(columns(), 3, Output::Softmax);
    model.card.classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    let columns = OnnxOptions { inputs: OnnxInputs::Columns, ..OnnxOptions::default() };
    let refused = import_bytes::<f32>(&model.to_onnx_with(columns).unwrap(), None).unwrap_err().to_string();
    for words in ["it has 7 inputs", "OneHotEncoder", "ai.onnx.ml", "--inputs matrix"] {
        assert!(refused.contains(words), "{refused}");
    }
    let imported = import_bytes::<f32>(&model.to_onnx(), None).unwrap();
    assert_eq!(imported.checkpoint.theta, model.theta);
    assert_eq!(imported.checkpoint.card.classes, model.card.classes);
    model.card.input = None;
    assert!(matches!(model.to_onnx_with(columns), Err(ExportError::NoTable)));
}

impl<A> Checkpoint<A> {
    fn card_schema(&self) -> &Schema {
        let Some(Input::Table(schema)) = &self.card.input else { panic!("no table") };
        schema
    }
}
