use std::collections::HashMap;
use std::path::Path;

use chainrule_layers::{Architecture, Stage};
use chainrule_tensor::{Entry, Layout, Shape};
use chainrule_train::tensors::{TensorBytes, TensorFile, to_bytes};

use super::{NameMap, Unmapped, find, widths};
use crate::decided::Decided;
use crate::parameter_map::ParameterMap;

/// A network for 4 inputs, in words.
fn layout(words: &str) -> Layout {
    Architecture { input: Shape::Flat(4), layers: Stage::network(words).unwrap() }.layout::<f32>()
}

/// The contents of a file with arrays of these names and shapes.
fn file(arrays: &[(&str, &[usize])]) -> Vec<u8> {
    let array = |&(name, shape): &(&str, &[usize])| {
        TensorBytes::new(name.to_owned(), shape.to_vec(), &vec![1.0_f32; shape.iter().product()])
    };
    to_bytes(&arrays.iter().map(array).collect::<Vec<_>>(), HashMap::new())
}

/// The array of each entry; `-` for a bias that is not there.
fn mapped(words: &str, arrays: &[(&str, &[usize])]) -> Result<(String, NameMap), Unmapped> {
    mapped_as(words, arrays, "")
}

/// The same where the lines of a map decide.
fn mapped_as(words: &str, arrays: &[(&str, &[usize])], lines: &str) -> Result<(String, NameMap), Unmapped> {
    let (layout, bytes) = (layout(words), file(arrays));
    let file = TensorFile::parse(Path::new("theirs"), &bytes).unwrap();
    let entries: Vec<&Entry> = layout.entries().iter().collect();
    let names = file.names();
    let said = ParameterMap::parse(Path::new("names.map"), lines).unwrap();
    let decided = Decided::new(&file, &names, "module.", &entries, &said)
        .map_err(|error| Unmapped::Mismatch(error.to_string()))?;
    let (sources, map) = find(&file, &names, "", &entries, &decided)?;
    Ok((sources.into_iter().map(|name| name.unwrap_or("-")).collect::<Vec<_>>().join(" "), map))
}

#[track_caller]
fn maps(words: &str, arrays: &[(&str, &[usize])], expected: &str) -> NameMap {
    let (sources, map) = mapped(words, arrays).unwrap();
    assert_eq!(sources, expected);
    map
}

#[track_caller]
fn refuses(words: &str, arrays: &[(&str, &[usize])], part: &str) {
    let (Unmapped::Ambiguous(fault) | Unmapped::Mismatch(fault)) = mapped(words, arrays).unwrap_err();
    assert!(fault.contains(part), "{fault}");
}

const TWO: &str = "dense 3, relu, dense 2";
const DEEP: &str = "dense 4, tanh, dense 4, tanh, dense 4";

#[test]
fn shapes_tell_what_names_do_not() {
    let map = maps(
        TWO,
        &[("head.bias", &[2]), ("head.weight", &[2, 3]), ("trunk.bias", &[3]), ("trunk.weight", &[3, 4])],
        "trunk.weight trunk.bias head.weight head.bias",
    );
    let said = [
        "trunk.weight = 0.weight  # [3, 4], by shape",
        "trunk.bias   = 0.bias    # [3], with its weight",
        "head.weight  = 2.weight  # [2, 3], by shape",
        "head.bias    = 2.bias    # [2], with its weight",
    ];
    assert_eq!(map.to_string(), said.join("\n"));
    let map = maps(
        TWO,
        &[("0.weight", &[3, 4]), ("0.bias", &[3]), ("2.weight", &[2, 3]), ("2.bias", &[2])],
        "0.weight 0.bias 2.weight 2.bias",
    );
    assert!(map.is_empty());
    // Without dots, the numbers are the layers.
    let flat: [(&str, &[usize]); 4] = [("W1", &[3, 4]), ("W2", &[2, 3]), ("b1", &[3]), ("b2", &[2])];
    maps(TWO, &flat, "W1 b1 W2 b2");
}

#[test]
fn numbers_in_names_order_arrays_of_one_shape() {
    let names = ["encoder.layers.2.linear", "encoder.layers.9.linear", "encoder.layers.10.linear"];
    let arrays: Vec<(String, &[usize])> = names
        .iter()
        .flat_map(|name| [(format!("{name}.weight"), &[4, 4][..]), (format!("{name}.bias"), &[4][..])])
        .collect();
    let arrays: Vec<(&str, &[usize])> = arrays.iter().map(|(name, shape)| (name.as_str(), *shape)).collect();
    let expected: Vec<String> = names.iter().map(|name| format!("{name}.weight {name}.bias")).collect();
    maps(DEEP, &arrays, &expected.join(" "));
    // With dropout in between, the places of a sequence are others.
    let places: [(&str, &[usize]); 4] =
        [("0.weight", &[4, 4]), ("0.bias", &[4]), ("3.weight", &[4, 4]), ("3.bias", &[4])];
    maps("dense 4, tanh, dense 4", &places, "0.weight 0.bias 3.weight 3.bias");
}

#[test]
fn an_order_that_no_name_tells_is_refused() {
    let square: [(&str, &[usize]); 2] = [("hidden.weight", &[4, 4]), ("output.weight", &[4, 4])];
    let cure = "rename them in the order of the layers, as 0.weight, 2.weight";
    refuses("dense 4, tanh, dense 4", &square, cure);
    // Numbers that run against the shapes elsewhere are no order.
    let against: [(&str, &[usize]); 3] =
        [("fc3.weight", &[4, 4]), ("fc2.weight", &[4, 4]), ("fc1.weight", &[2, 4])];
    refuses(
        "dense 4, tanh, dense 4, tanh, dense 2",
        &against,
        "fc2.weight, fc3.weight have the shape [4, 4]",
    );
    let along: [(&str, &[usize]); 3] =
        [("fc3.weight", &[2, 4]), ("fc2.weight", &[4, 4]), ("fc1.weight", &[4, 4])];
    maps("dense 4, tanh, dense 4, tanh, dense 2", &along, "fc1.weight - fc2.weight - fc3.weight -");
    // Biases whose names have nothing in common with those of the weights.
    let loose: [(&str, &[usize]); 4] =
        [("a.bias", &[4]), ("b.bias", &[4]), ("fc1.weight", &[4, 4]), ("fc2.weight", &[4, 4])];
    refuses("dense 4, tanh, dense 4", &loose, "0.bias, 2.bias");
}

#[test]
fn a_bias_may_be_missing_and_nothing_else() {
    let map = maps(
        TWO,
        &[("fc1.weight", &[3, 4]), ("fc2.weight", &[2, 3]), ("fc2.bias", &[2])],
        "fc1.weight - fc2.weight fc2.bias",
    );
    assert_eq!(map.without_bias, ["0.bias"]);
    assert!(map.to_string().ends_with("\n# no bias, taken as 0: 0.bias"), "{map}");
    maps(TWO, &[("W1", &[3, 4]), ("W2", &[2, 3]), ("b2", &[2])], "W1 - W2 b2");
    refuses(TWO, &[("fc1.weight", &[3, 4])], "0 arrays of shape [2, 3]");
    refuses(
        TWO,
        &[("0.weight", &[4, 3]), ("2.weight", &[2, 3])],
        "\"0.weight\" has shape [4, 3], the network's [3, 4]",
    );
    refuses(TWO, &[], "0 arrays");
    // The gain of a normalisation is no bias, and the network has none.
    let norm: [(&str, &[usize]); 3] =
        [("fc1.weight", &[3, 4]), ("fc2.weight", &[2, 3]), ("norm.scale", &[3])];
    refuses(TWO, &norm, "\"norm.scale\" of shape [3], for which the network has no place");
    // Nor is a longer network the shorter one.
    let longer: [(&str, &[usize]); 3] = [("0.weight", &[3, 4]), ("2.weight", &[2, 3]), ("4.weight", &[2, 2])];
    refuses(TWO, &longer, "\"4.weight\" of shape [2, 2]");
}

#[test]
fn what_is_no_parameter_is_passed_over_and_said() {
    let arrays: [(&str, &[usize]); 7] = [
        ("0.weight", &[3, 4]),
        ("0.bias", &[3]),
        ("2.weight", &[2, 3]),
        ("2.bias", &[2]),
        ("optimizer.state.0.exp_avg", &[3, 4]),
        ("epoch", &[]),
        ("norm.num_batches_tracked", &[1]),
    ];
    let map = maps(TWO, &arrays, "0.weight 0.bias 2.weight 2.bias");
    assert_eq!(map.to_string(), "# passed over: epoch, norm.num_batches_tracked, optimizer.state.0.exp_avg");
}

#[test]
fn a_map_decides_what_names_and_shapes_do_not() {
    let square: [(&str, &[usize]); 3] =
        [("hidden.weight", &[4, 4]), ("output.bias", &[4]), ("output.weight", &[4, 4])];
    let network = "dense 4, tanh, dense 4";
    let (sources, map) = mapped_as(network, &square, "output.weight = 0.weight").unwrap();
    assert_eq!(sources, "output.weight output.bias hidden.weight -");
    assert!(map.to_string().starts_with("output.weight = 0.weight  # [4, 4], by the map\n"), "{map}");
    // The table is itself a map, of the same parameters.
    let (again, _) = mapped_as(network, &square, &map.to_string()).unwrap();
    assert_eq!(again, sources);
    let all = "hidden.weight = 0.weight\noutput.weight = 2.weight\noutput.bias = 0.bias";
    assert_eq!(mapped_as(network, &square, all).unwrap().0, "hidden.weight output.bias output.weight -");
    // It overrules names, and leaves out what has no place.
    let ours: [(&str, &[usize]); 4] =
        [("0.weight", &[4, 4]), ("2.weight", &[4, 4]), ("4.weight", &[4, 4]), ("2.bias", &[4])];
    assert!(mapped(network, &ours).is_err());
    let (sources, map) =
        mapped_as(network, &ours, "2.weight = 0.weight\n0.weight = 2.weight\n4.weight = -").unwrap();
    assert_eq!(sources, "2.weight - 0.weight 2.bias");
    assert_eq!(map.passed_over, ["4.weight"]);
    assert!(map.to_string().contains("2.weight = 0.weight"), "{map}");
}

#[test]
fn a_map_that_does_not_fit_is_refused_by_its_line() {
    let arrays: [(&str, &[usize]); 4] =
        [("fc1.weight", &[3, 4]), ("fc2.weight", &[2, 3]), ("module.a", &[3, 4]), ("step", &[])];
    for (lines, part) in [
        (
            "fc9.weight = 0.weight",
            "names.map, line 1: the model file has no array \"fc9.weight\": it has fc1.weight, ",
        ),
        (
            "\nfc1.weight = 9.weight",
            "line 2: the network has no parameter \"9.weight\": it has 0.weight, 0.bias, ",
        ),
        ("fc1.weight = 2.weight", "\"fc1.weight\" has shape [3, 4], and \"2.weight\" [2, 3]"),
        ("step = 0.bias", "\"step\" has shape [], and \"0.bias\" [3]"),
        ("a = 0.weight\nmodule.a = -", "line 2: \"module.a\" is in another line"),
        ("a = -\nmodule.a = 0.weight", "line 2: \"module.a\" is in another line"),
    ] {
        let Err(Unmapped::Mismatch(fault)) = mapped_as(TWO, &arrays, lines) else { panic!("{lines}") };
        assert!(fault.contains(part), "{fault}");
    }
    assert_eq!(mapped_as(TWO, &arrays, "fc1.weight = -").unwrap().0, "module.a - fc2.weight -");
}

#[test]
fn a_slope_is_found_by_its_number_and_never_a_bias() {
    let arrays: [(&str, &[usize]); 6] = [
        ("act1.weight", &[4]),
        ("act2.weight", &[4]),
        ("fc1.weight", &[4, 4]),
        ("fc1.bias", &[4]),
        ("fc2.weight", &[4, 4]),
        ("fc2.bias", &[4]),
    ];
    let network = "dense 4, prelu, dense 4, prelu";
    maps(network, &arrays, "fc1.weight fc1.bias act1.weight fc2.weight fc2.bias act2.weight");
    refuses(network, &arrays[1..], "no array of shape [4] for \"1.weight\"");
}

#[test]
fn widths_are_told_by_numbers_or_by_the_only_chain() {
    let told = |arrays: &[(&str, &[usize])]| {
        let bytes = file(arrays);
        widths(&TensorFile::parse(Path::new("theirs"), &bytes).unwrap())
    };
    assert_eq!(
        told(&[("fc1.weight", &[3, 4]), ("fc1.bias", &[3]), ("fc2.weight", &[2, 3])]),
        Some(vec![4, 3, 2])
    );
    assert_eq!(told(&[("a", &[2, 3]), ("b", &[3, 4]), ("step", &[])]), Some(vec![4, 3, 2]));
    assert_eq!(told(&[("0.weight", &[4, 4]), ("2.weight", &[4, 4])]), Some(vec![4, 4, 4]));
    for unknown in [
        &[("a", &[4, 4][..]), ("b", &[4, 4][..])][..],
        &[("a", &[2, 3][..]), ("b", &[5, 4][..])],
        &[("conv.weight", &[2, 3, 3, 3][..])],
        &[],
    ] {
        assert_eq!(told(unknown), None, "{unknown:?}");
    }
}
