//! Folders of pictures.

use std::fs;

use chainrule_datasets::{ImageOptions, ImageShape, ReadOptions, image_files, read, read_images};

use crate::formats::beside;

#[test]
fn a_folder_of_folders_is_a_data_set_of_images() {
    let folder = tempfile::tempdir().unwrap();
    for (class, files) in [("cat", ["rgb.png", "grey.jpg"]), ("dog", ["palette.png", "colours.jpg"])] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for file in files {
            fs::copy(beside("pillow", file), folder.path().join(class).join(file)).unwrap();
        }
        fs::write(folder.path().join(class).join("notes.txt"), "no image").unwrap();
    }
    let data = read::<f32>(folder.path(), &ReadOptions::default()).unwrap().train;
    assert_eq!(
        (data.class_names(), data.labels()),
        (&["cat".to_owned(), "dog".into()][..], Some(&[0, 0, 1, 1][..]))
    );
    assert_eq!(data.image(), Some(ImageShape { height: 32, width: 32, channels: 3 }));
    let image = ImageOptions { size: Some((6, 4)), channels: Some(1) };
    let grey = read::<f32>(folder.path(), &ReadOptions { image, ..ReadOptions::default() }).unwrap().train;
    assert_eq!((grey.inputs(), grey.full_scale()), (24, Some(255.0)));
    assert_eq!((data.resized_files(), grey.resized_files()), ((4, 4), (2, 4)));
    assert!(
        grey.summary().to_string().ends_with("; 2 of 4 files resized; ignored: 2 .txt"),
        "{}",
        grey.summary()
    );
    fs::write(
        folder.path().join("dog").join("torn.png"),
        &fs::read(beside("pillow", "rgb.png")).unwrap()[..90],
    )
    .unwrap();
    let error = read::<f32>(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("torn.png") && error.contains("damaged"), "{error}");
}

#[test]
fn a_folder_with_folders_of_parts_is_read_by_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let place = |part: &str, class: &str, file: &str| {
        let to = folder.path().join(part).join(class);
        fs::create_dir_all(&to).unwrap();
        fs::copy(beside("pillow", file), to.join(file)).unwrap();
    };
    for (class, file) in [("cat", "rgb.png"), ("dog", "colours.jpg")] {
        place("train", class, file);
    }
    place("Test", "dog", "palette.png");
    place("val", "cat", "grey.jpg");
    let parts = || read::<f32>(folder.path(), &ReadOptions::default());
    let read_parts = parts().unwrap();
    let (validation, test) = (read_parts.validation.unwrap(), read_parts.test.unwrap());
    assert_eq!(read_parts.train.class_names(), ["cat", "dog"]);
    assert_eq!(
        (read_parts.train.len(), validation.labels(), test.labels()),
        (2, Some(&[0][..]), Some(&[1][..]))
    );
    assert_eq!((validation.image(), test.image()), (read_parts.train.image(), read_parts.train.image()));
    place("test", "hen", "rgb.png");
    let error = parts().unwrap_err().to_string();
    assert!(error.contains("are the same part"), "{error}");
    fs::remove_dir_all(folder.path().join("Test")).unwrap();
    let error = parts().unwrap_err().to_string();
    assert!(error.contains("\"hen\" is not one of the classes cat, dog"), "{error}");
    // Classes that happen to be called so are classes.
    let classes = tempfile::tempdir().unwrap();
    for class in ["train", "test"] {
        fs::create_dir(classes.path().join(class)).unwrap();
        fs::copy(beside("pillow", "rgb.png"), classes.path().join(class).join("1.png")).unwrap();
    }
    let data = read::<f32>(classes.path(), &ReadOptions::default()).unwrap();
    assert_eq!((data.train.class_names(), data.test), (&["test".to_owned(), "train".into()][..], None));
}

#[test]
fn the_pictures_to_predict_are_those_of_a_folder_and_of_its_folders() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cat")).unwrap();
    for file in ["rgb.png", "cat/grey.jpg"] {
        fs::copy(beside("pillow", file.trim_start_matches("cat/")), folder.path().join(file)).unwrap();
    }
    let files = image_files(folder.path()).unwrap();
    assert_eq!(files, [folder.path().join("rgb.png"), folder.path().join("cat/grey.jpg")]);
}

#[test]
fn a_picture_of_too_many_pixels_is_to_be_made_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let mut jpeg = fs::read(beside("pillow", "grey.jpg")).unwrap();
    // 9,000 pixels a side in the header of the frame, behind its length and precision; a file of 100 kB may hold them.
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x23, 0x28, 0x23, 0x28]);
    jpeg.resize(100_000, 0);
    fs::write(folder.path().join("wide.jpg"), &jpeg).unwrap();
    let shape = ImageShape { height: 2, width: 2, channels: 1 };
    let error = read_images::<f32>(&[folder.path().join("wide.jpg")], shape, None).unwrap_err().to_string();
    assert!(error.contains("9000 x 9000") && error.ends_with("make it smaller"), "{error}");
}
