//! The crate in tests/consumer, which is no member of the workspace: it must build and run as anybody's would, as a program,
//! as a shared library and as a static one, without a BLAS. Its programs in `src/bin` do what a user does first.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    blas::Blas,
    c_library,
    checks::Cargo,
    failure::Failure,
    process,
    steps::{Done, Step},
};

const FOLDER: &str = "tests/consumer";

/// Programs for arrays alone, in `src/bin` but the first.
const PROGRAMS: [&str; 6] = ["consumer", "classify", "regress", "by_hand", "own_loss", "own_layer"];

/// Those for files too: each is named as the feature that it needs.
const WITH_FEATURE: [&str; 1] = ["files"];

/// `blas` is that of the program, which the library for C is compared with.
pub(crate) fn step(cargo: Cargo, blas: Blas) -> Step {
    let cure = "a crate that depends on the facade by path must build: see tests/consumer";
    Step::call("a consumer outside the workspace", move || run(cargo, blas).map(|()| Done::Passed), cure)
}

fn run(cargo: Cargo, blas: Blas) -> Result<(), Failure> {
    let folder = process::root().join(FOLDER);
    // It takes the workspace's versions: no network, and nothing that was not tested.
    fs::copy(process::root().join("Cargo.lock"), folder.join("Cargo.lock"))
        .map_err(|error| Failure::Unusable(format!("{FOLDER}/Cargo.lock: {error}")))?;
    // And it shares what was built for the workspace, as far as profile and features agree.
    let built = process::target();
    process::run(cargo.command().current_dir(&folder).args(["build", "--target-dir"]).arg(&built))?;
    process::run(
        cargo.command().current_dir(&folder).args(["test", "--test", "size", "--target-dir"]).arg(&built),
    )?;
    let built = built.join("debug");
    let start = |program: &str| {
        process::run(&mut Command::new(built.join(format!("{program}{}", env::consts::EXE_SUFFIX))))
    };
    PROGRAMS.into_iter().try_for_each(start)?;
    for library in ["cdylib", "staticlib"] {
        let file = built.join(file_name(library));
        if !file.is_file() {
            return Err(Failure::Check(format!("{} was not built", file.display())));
        }
        if cfg!(unix) {
            process::run(&mut Command::new(link(&folder, &file, library)?))?;
        }
    }
    // Last, because it builds the libraries anew, with the feature.
    for program in WITH_FEATURE {
        process::run(
            cargo
                .command()
                .current_dir(&folder)
                .args(["build", "--features", program, "--bin", program, "--target-dir"])
                .arg(process::target()),
        )?;
        start(program)?;
    }
    c_library::run(cargo, blas)
}

fn file_name(library: &str) -> String {
    match library {
        "cdylib" => format!("{}consumer{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX),
        _ if cfg!(windows) => "consumer.lib".to_owned(),
        _ => "libconsumer.a".to_owned(),
    }
}

/// A program in C with the library in it, or beside it.
fn link(folder: &Path, file: &Path, library: &str) -> Result<PathBuf, Failure> {
    let program = file.with_file_name(format!("learn_xor_{library}"));
    let mut cc = Command::new("cc");
    cc.arg(folder.join("learn_xor.c")).arg(file).arg("-o").arg(&program);
    // What Rust's standard library asks of the system; the shared library has its own list.
    if library == "staticlib" {
        cc.args(["-lpthread", "-ldl", "-lm"]);
    }
    process::run(&mut cc)?;
    Ok(program)
}
