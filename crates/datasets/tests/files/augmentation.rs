//! Augmented batches: what they may do to an image, and what their bits depend on.

use std::collections::BTreeMap;
use std::ops::Range;

use chainrule_datasets::idx::{self, Idx};
use chainrule_datasets::{
    Augmentation, Batches, Dataset, Encoding, ImageShape, Pipeline, ReadOptions, Target, digits, read_pair,
    synthetic,
};
use chainrule_tensor::ndarray::{Array2, ArrayView1, s};
use proptest::prelude::*;

fn words(text: &str) -> Augmentation {
    text.parse().unwrap()
}

/// Grey or coloured images with no two alike.
fn images(examples: usize, shape: ImageShape) -> Dataset<f32> {
    let x = Array2::from_shape_fn((examples, shape.numbers().unwrap()), |(i, j)| {
        (1 + (i * 7919 + j * 104_729) % 251) as u8
    });
    let labels = (0..examples as u32).map(|i| i % 3).collect();
    Dataset::new("images", x, Target::numbered(labels, 3))
        .unwrap()
        .with_image(shape)
        .unwrap()
        .with_full_scale(255.0)
}

const SMALL: ImageShape = ImageShape { height: 6, width: 8, channels: 1 };

/// Image, target and weight of each example of an epoch, by its index.
type Seen = BTreeMap<usize, (Vec<f32>, Vec<f32>, Option<f32>)>;

fn batches<'a>(data: &'a Dataset<f32>, augmentation: &str, size: usize) -> Batches<'a, f32> {
    let batches = Batches::new(data, &data.pixel_scaling(), Encoding::Index, size);
    batches.augmented(&words(augmentation)).unwrap()
}

fn rest_of(batches: &mut Batches<'_, f32>) -> Seen {
    let mut seen = Seen::new();
    while let Some(batch) = batches.next_batch() {
        for (row, &index) in batch.indices().iter().enumerate() {
            let weight = batch.weights().map(|weights| weights[row]);
            seen.insert(index, (batch.x().row(row).to_vec(), batch.target().row(row).to_vec(), weight));
        }
    }
    seen
}

fn epoch(data: &Dataset<f32>, augmentation: &str, size: usize, number: u64) -> Seen {
    let mut batches = batches(data, augmentation, size);
    batches.shuffle(3, number);
    rest_of(&mut batches)
}

#[test]
fn a_shift_takes_each_whole_step_about_equally_often_and_slices_the_image() {
    let data = images(900, SMALL);
    let plain = epoch(&data, "", 32, 1);
    let mut counts = BTreeMap::new();
    for (index, (x, ..)) in epoch(&data, "shift 1", 32, 1) {
        let image = Array2::from_shape_vec((6, 8), plain[&index].0.clone()).unwrap();
        let steps = (-1..=1_isize).flat_map(|down| (-1..=1_isize).map(move |across| (down, across)));
        let shifted = |(down, across): (isize, isize)| {
            let mut padded = Array2::<f32>::zeros((8, 10));
            padded.slice_mut(s![1..7, 1..9]).assign(&image);
            let window = padded.slice(s![1 - down..7 - down, 1 - across..9 - across]);
            window.iter().copied().eq(x.iter().copied())
        };
        let step = steps.into_iter().find(|&step| shifted(step)).expect("a shift by a pixel at most");
        *counts.entry(step).or_insert(0) += 1;
    }
    // Five standard deviations of 900 draws with probability 1/9: 47.
    assert!(counts.len() == 9 && counts.values().all(|&n: &i32| (n - 100).abs() < 47), "{counts:?}");
}

#[test]
fn half_of_the_images_are_mirrored() {
    let shape = ImageShape { height: 3, width: 5, channels: 3 };
    let (data, mut flipped) = (images(400, shape), 0);
    let plain = epoch(&data, "", 32, 1);
    for (index, (x, ..)) in epoch(&data, "flip", 32, 1) {
        let image = &plain[&index].0;
        let mirrored: Vec<f32> =
            image.chunks(15).flat_map(|row| row.chunks(3).rev().flatten().copied()).collect();
        assert!(x == *image || x == mirrored);
        flipped += i32::from(x == mirrored);
    }
    assert!((flipped - 200).abs() < 50, "{flipped}");
}

#[test]
fn a_crop_is_a_shift_and_both_at_once_add_up() {
    let data = images(200, SMALL);
    // How far down an image has moved: the rows above it that are black.
    let furthest = |augmentation: &str| {
        let black = |x: &[f32]| x.chunks(8).take_while(|row| row.iter().all(|&x| x == 0.0)).count();
        epoch(&data, augmentation, 10, 1).values().map(|(x, ..)| black(x)).max()
    };
    assert_eq!(["crop 2", "shift 2", "shift 2, crop 3"].map(furthest), [Some(2), Some(2), Some(5)]);
}

#[test]
fn brightness_and_contrast_stay_on_the_scale_and_follow_their_formulas() {
    let data = images(200, SMALL);
    let plain = epoch(&data, "", 32, 1);
    let mean = |x: &[f32]| x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
    for (index, (x, ..)) in epoch(&data, "brightness 0.5, contrast 1", 32, 1) {
        assert!(x.iter().all(|x| (0.0..=1.0).contains(x)), "{index}");
    }
    for (index, (x, ..)) in epoch(&data, "brightness 0.2", 32, 1) {
        let image = &plain[&index].0;
        let darkest = image.iter().zip(&x).map(|(before, after)| after / before).fold(f32::MAX, f32::min);
        let factor = image.iter().zip(&x).map(|(before, after)| after / before).fold(0.0, f32::max);
        assert!(
            (0.8..=1.2).contains(&factor) && (darkest == factor || factor > 1.0 || factor - darkest < 1e-5)
        );
    }
    for (index, (x, ..)) in epoch(&data, "contrast 0.1", 32, 1) {
        let image = &plain[&index].0;
        // Nothing is cut off at 0: the darkest pixels are far enough from the mean.
        assert!(x.iter().all(|&x| x < 1.0) || mean(&x) <= mean(image) + 0.01);
        if x.iter().all(|&x| x > 0.0 && x < 1.0) {
            assert!((mean(&x) - mean(image)).abs() < 1e-6);
        }
    }
}

#[test]
fn contrast_takes_the_luma_of_colours() {
    let x = Array2::from_shape_fn((40, 6), |(_, j)| [200_u8, 0, 0, 0, 100, 50][j]);
    let shape = ImageShape { height: 1, width: 2, channels: 3 };
    let data = Dataset::<f32>::new("two pixels", x, Target::numbered(vec![0; 40], 1)).unwrap();
    let data = data.with_image(shape).unwrap().with_full_scale(255.0);
    // torchvision: (0.2989·200 + 0.587·100 + 0.114·50) / 2.
    let luma = (0.2989 * 200.0 + 0.587 * 100.0 + 0.114 * 50.0) / 2.0 / 255.0;
    for (x, ..) in epoch(&data, "contrast 0.5", 8, 1).values() {
        let factor = f64::from(x[4] - x[5]) / (50.0 / 255.0);
        if factor <= 1.0 {
            let expected = factor * 200.0 / 255.0 + (1.0 - factor) * luma;
            assert!((f64::from(x[0]) - expected).abs() < 1e-6, "{factor}");
        }
    }
}

#[test]
fn cutout_erases_one_square() {
    let data = images(100, SMALL);
    let plain = epoch(&data, "", 32, 1);
    for (index, (x, ..)) in epoch(&data, "cutout 3", 32, 1) {
        let erased: Vec<usize> = (0..x.len()).filter(|&i| x[i] == 0.0).collect();
        let (rows, columns): (Vec<_>, Vec<_>) = erased.iter().map(|i| (i / 8, i % 8)).unzip();
        let side = |of: &[usize]| of.iter().max().unwrap() - of.iter().min().unwrap() + 1;
        let (height, width) = (side(&rows), side(&columns));
        assert!(erased.len() == height * width && (2..=3).contains(&height) && (2..=3).contains(&width));
        assert!((0..x.len()).all(|i| x[i] == 0.0 || x[i] == plain[&index].0[i]));
    }
}

const EVERYTHING: &str = "flip, shift 1.5, rotate 20, scale 15, shear 10, elastic 8 2, crop 1, cutout 2, brightness 0.2, contrast 0.2";

#[test]
fn an_epoch_has_its_own_images_which_come_back() {
    let data = images(60, SMALL);
    for augmentation in [EVERYTHING, "shift 2", "elastic 8 2", "mixup 0.4, cutmix 1"] {
        let first = epoch(&data, augmentation, 16, 1);
        assert_eq!(epoch(&data, augmentation, 16, 1), first);
        let second = epoch(&data, augmentation, 16, 2);
        let same = first.iter().filter(|&(index, seen)| second[index].0 == seen.0).count();
        assert!(same < 15, "{augmentation}: {same}");
        let mut other_seed = batches(&data, augmentation, 16);
        other_seed.shuffle(4, 1);
        assert_ne!(rest_of(&mut other_seed), first);
    }
}

#[test]
fn a_pass_in_order_is_not_augmented() {
    let data = images(20, SMALL);
    let mut passes = batches(&data, EVERYTHING, 8);
    let before = rest_of(&mut passes);
    passes.shuffle(3, 1);
    assert_ne!(rest_of(&mut passes), before);
    passes.sequential();
    assert_eq!(rest_of(&mut passes), before);
    for (index, (x, ..)) in before {
        let image = data.features().transformed(&data.pixel_scaling(), index..index + 1);
        assert_eq!(x, image.as_slice().unwrap());
    }
}

#[test]
fn one_operation_draws_the_same_whatever_else_is_drawn() {
    let data = images(30, SMALL);
    let erased = |augmentation: &str| -> Vec<Vec<bool>> {
        let seen = epoch(&data, augmentation, 10, 1);
        seen.into_values().map(|(x, ..)| x.iter().map(|&x| x == 0.0).collect()).collect()
    };
    assert_eq!(erased("cutout 3"), erased("flip, cutout 3, brightness 0.1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn images_depend_on_seed_epoch_and_example_alone(
        sizes in (1..40_usize, 1..40_usize), number in 1..5_u64, channels in 1..4_usize,
    ) {
        let data = images(37, ImageShape { channels, ..SMALL });
        let first = epoch(&data, EVERYTHING, sizes.0, number);
        prop_assert_eq!(epoch(&data, EVERYTHING, sizes.1, number), first);
    }

    #[test]
    fn a_resumed_epoch_and_the_parts_of_a_batch_have_the_same_bits(
        size in 1..12_usize, cut in 0..12_usize, start in 0..4_usize, mixed in prop::bool::ANY, weighted in prop::bool::ANY,
    ) {
        let data = images(37, SMALL);
        let weights: Vec<f64> = (0..37).map(|i| f64::from(i % 5)).collect();
        let data = if weighted { data.with_weights(&weights).unwrap() } else { data };
        let augmentation = if mixed { format!("{EVERYTHING}, mixup 0.4, cutmix 1") } else { EVERYTHING.to_owned() };
        let whole = epoch(&data, &augmentation, size, 2);
        let mut resumed = batches(&data, &augmentation, size);
        resumed.shuffle(3, 2);
        resumed.seek(start);
        for (index, seen) in rest_of(&mut resumed) {
            prop_assert_eq!(&seen, &whole[&index]);
        }
        let part = |range: fn(usize, usize) -> Range<usize>| {
            let mut part = batches(&data, &augmentation, size).part(move |rows| range(rows, cut));
            part.shuffle(3, 2);
            rest_of(&mut part)
        };
        let mut both = part(|rows, cut| 0..cut.min(rows));
        both.extend(part(|rows, cut| cut.min(rows)..rows));
        prop_assert_eq!(both, whole);
    }
}

#[test]
fn mixup_mixes_pairs_of_images_and_their_classes_by_one_share() {
    let data = images(41, SMALL);
    let (plain, mut passes) = (epoch(&data, "", 10, 1), batches(&data, "mixup 0.5", 10));
    passes.shuffle(3, 1);
    let labels = data.labels().unwrap();
    let mut shares = Vec::new();
    while let Some(batch) = passes.next_batch() {
        assert_eq!(batch.target().ncols(), 3);
        for pair in 0..batch.rows() / 2 {
            let [a, b] = [0, 1].map(|side| batch.indices()[2 * pair + side]);
            let (first, second) = (&plain[&a].0, &plain[&b].0);
            let at = (0..first.len())
                .max_by(|&i, &j| (first[i] - second[i]).abs().total_cmp(&(first[j] - second[j]).abs()))
                .unwrap();
            let x = batch.x();
            let share = (x[(2 * pair, at)] - second[at]) / (first[at] - second[at]);
            let expected = |row: ArrayView1<'_, f32>, keeps: f32| {
                row.iter()
                    .zip(first.iter().zip(second))
                    .all(|(x, (a, b))| (x - keeps * a - (1.0 - keeps) * b).abs() < 1e-5)
            };
            assert!(expected(x.row(2 * pair), share) && expected(x.row(2 * pair + 1), 1.0 - share));
            let mut target = [0.0; 3];
            target[labels[a] as usize] += share;
            target[labels[b] as usize] += 1.0 - share;
            assert!(batch.target().row(2 * pair).iter().zip(target).all(|(t, e)| (t - e).abs() < 1e-4));
            shares.push(share);
        }
        // The last example of the last batch has no neighbour.
        if batch.rows() % 2 == 1 {
            let last = batch.rows() - 1;
            assert_eq!(batch.x().row(last).to_vec(), plain[&batch.indices()[last]].0);
            assert_eq!(batch.target().row(last)[labels[batch.indices()[last]] as usize], 1.0);
        }
    }
    assert!(
        shares[..5].iter().all(|share| (share - shares[0]).abs() < 1e-4)
            && (shares[5] - shares[0]).abs() > 1e-4
    );
}

#[test]
fn cutmix_exchanges_a_rectangle_and_shares_the_classes_by_its_area() {
    let data = images(64, SMALL);
    let (plain, mut passes) = (epoch(&data, "", 8, 1), batches(&data, "cutmix 1", 8));
    passes.shuffle(3, 1);
    let (labels, mut areas) = (data.labels().unwrap(), Vec::new());
    while let Some(batch) = passes.next_batch() {
        for row in 0..batch.rows() {
            let [own, other] = [row, row ^ 1].map(|row| batch.indices()[row]);
            let x = batch.x();
            let taken: Vec<usize> = (0..48).filter(|&i| x[(row, i)] != plain[&own].0[i]).collect();
            assert!(taken.iter().all(|&i| x[(row, i)] == plain[&other].0[i]));
            let keeps = 1.0 - taken.len() as f32 / 48.0;
            let expected = if labels[own] == labels[other] { 1.0 } else { keeps };
            // Two images may agree in a pixel.
            assert!((batch.target()[(row, labels[own] as usize)] - expected).abs() < 0.05);
            areas.push(taken.len());
        }
    }
    assert!(areas.iter().any(|&area| area > 5) && areas.iter().any(|&area| area < 30), "{areas:?}");
}

#[test]
fn weights_are_mixed_with_their_examples() {
    let data = images(2, SMALL).with_weights(&[0.5, 1.5]).unwrap();
    let mut passes = batches(&data, "mixup 1", 2);
    passes.shuffle(3, 1);
    let batch = passes.next_batch().unwrap();
    let (weights, target, order) = (batch.weights().unwrap(), batch.target(), batch.indices());
    // w·t of a row is the sum of the shares of both weights, class by class, and nothing is lost.
    for class in 0..2 {
        let sum: f32 = (0..2).map(|row| weights[row] * target[(row, class)]).sum();
        assert!((sum - [0.5, 1.5][class]).abs() < 1e-6);
    }
    let keeps = weights[0] * target[(0, order[0])] / [0.5, 1.5][order[0]];
    assert!((weights[0] - keeps * [0.5, 1.5][order[0]] - (1.0 - keeps) * [0.5, 1.5][order[1]]).abs() < 1e-6);
}

#[test]
fn what_is_no_image_or_too_small_is_refused() {
    let moons = synthetic::moons::<f32>(10, 0.1, 1);
    let refused = |data: &Dataset<f32>, augmentation: &str| {
        let batches = Batches::new(data, &Pipeline::new(), Encoding::Index, 4);
        batches.augmented(&words(augmentation)).unwrap_err().to_string()
    };
    let error = refused(&moons, "flip");
    assert!(
        error.ends_with("augmentation is for images, and an example is a row of 2 numbers: omit --augment"),
        "{error}"
    );
    let error = refused(&images(4, SMALL), "crop 6");
    assert!(
        error.ends_with("`crop 6` leaves nothing of an image of 6 x 8 pixels: take fewer than 6"),
        "{error}"
    );
    assert!(Batches::new(&moons, &Pipeline::new(), Encoding::Index, 4).augmented(&words("")).is_ok());
}

#[test]
fn a_streamed_file_has_the_images_of_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x-ubyte");
    let data = images(30, SMALL);
    let bytes = data.features().transformed(&Pipeline::new(), 0..30).mapv(|x| x as u8);
    idx::write(&path, &Idx::new(vec![30, 6, 8], bytes.into_raw_vec_and_offset().0)).unwrap();
    let target = folder.path().join("y-ubyte");
    idx::write(&target, &Idx::new(vec![30], (0..30).map(|i| i % 3).collect())).unwrap();
    let with = |stream| {
        read_pair::<f32>(&path, &target, &ReadOptions { stream: Some(stream), ..ReadOptions::default() })
            .unwrap()
    };
    let (streamed, memory) = (with(true), with(false));
    assert_eq!(epoch(&streamed, EVERYTHING, 7, 1), epoch(&memory, EVERYTHING, 7, 1));
}

#[test]
fn both_number_types_see_the_same_images() {
    let (single, double) = (digits::<f32>().train, digits::<f64>().train);
    let pipeline = single.pixel_scaling();
    let augmentation = words("rotate 20, elastic 10 2, contrast 0.3");
    let mut one = Batches::new(&single, &pipeline, Encoding::Index, 64).augmented(&augmentation).unwrap();
    let mut two = Batches::new(&double, &pipeline, Encoding::Index, 64).augmented(&augmentation).unwrap();
    one.shuffle(1, 1);
    two.shuffle(1, 1);
    let (one, two) = (one.next_batch().unwrap(), two.next_batch().unwrap());
    assert!(one.x().iter().zip(two.x()).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
}
