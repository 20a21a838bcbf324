//! Finds the system's OpenBLAS for the feature `openblas`, or stops with the commands that help; and sets `unoptimised` where the
//! optimiser is off.
//!
//! No crate of others takes part: those that could fetch and compile OpenBLAS bring a TLS stack into every build.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Without the optimiser the widest registers bring nothing, and each set of them doubles what there is to compile.
    println!("cargo:rustc-check-cfg=cfg(unoptimised)");
    if env::var("OPT_LEVEL").is_ok_and(|level| level == "0") {
        println!("cargo:rustc-cfg=unoptimised");
    }
    let on = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if !on("OPENBLAS") || env::var_os("DOCS_RS").is_some() {
        return;
    }
    for name in ["OPENBLAS_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH", "VCPKG_ROOT"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let kind = if on("OPENBLAS_STATIC") { "static" } else { "dylib" };
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let Some(folders) = folders(&os, kind == "static") else { stop() };
    for folder in folders {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
    println!("cargo:rustc-link-lib={kind}=openblas");
    if kind == "static" {
        // What Debian's archive asks for: LAPACK is Fortran, its threads are the system's.
        for library in ["gfortran", "m", "pthread"] {
            println!("cargo:rustc-link-lib=dylib={library}");
        }
    }
}

/// The folders beside the linker's own in which OpenBLAS lies; `None` if there is no OpenBLAS.
fn folders(os: &str, is_static: bool) -> Option<Vec<PathBuf>> {
    if let Some(folder) = env::var_os("OPENBLAS_LIB_DIR") {
        return Some(vec![folder.into()]);
    }
    let pkg_config = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    if let Some(flags) = printed(Command::new(pkg_config).args(["--libs-only-L", "openblas"])) {
        let folders = flags.split_whitespace().filter_map(|flag| flag.strip_prefix("-L"));
        return Some(folders.map(PathBuf::from).collect());
    }
    match os {
        "macos" => ["/opt/homebrew", "/usr/local"]
            .iter()
            .map(|prefix| Path::new(prefix).join("opt/openblas/lib"))
            .find(|folder| folder.join("libopenblas.dylib").exists())
            .map(|folder| vec![folder]),
        "windows" => {
            let triplet = if is_static { "x64-windows-static" } else { "x64-windows" };
            let folder = Path::new(&env::var_os("VCPKG_ROOT")?).join("installed").join(triplet).join("lib");
            folder.join("openblas.lib").exists().then(|| vec![folder])
        }
        _ => {
            let file = if is_static { "libopenblas.a" } else { "libopenblas.so" };
            // Asked for a library, cc prints its path, or the bare name if it has none.
            let path = printed(Command::new("cc").arg(format!("-print-file-name={file}")))?;
            let path = PathBuf::from(path.trim());
            path.is_absolute().then(|| path.parent().map(Path::to_owned).into_iter().collect())
        }
    }
}

/// What a command prints, if it succeeds.
fn printed(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn stop() -> ! {
    for line in [
        "OpenBLAS is not on this system, and the feature `openblas` links it. One of these helps:",
        "    apt-get install libopenblas-dev     (Debian, Ubuntu; dnf install openblas-devel, brew install openblas)",
        "    export OPENBLAS_LIB_DIR=FOLDER      (if it is installed where the linker does not look)",
        "    cargo build --no-default-features   (the pure-Rust kernels, nearly as fast)",
    ] {
        eprintln!("{line}");
    }
    exit(1)
}
