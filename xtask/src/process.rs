//! Running other programs.
//!
//! All that xtask itself has to say goes to stderr: stdout belongs to the program it runs, whose `--json`
//! must come out unmixed.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::failure::Failure;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // At run time first: a shared target directory may hold an xtask that was built in another clone.
    let manifest_dir =
        env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let manifest_dir = Path::new(&manifest_dir);
    manifest_dir.parent().unwrap_or(manifest_dir).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target))
}

/// The cargo that is running us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let set = command.get_envs().filter_map(|(key, value)| Some((key, value?)));
    let set =
        set.map(|(key, value)| format!("{}={}", key.to_string_lossy(), quoted(&value.to_string_lossy())));
    let args = command.get_args().map(|arg| quoted(&arg.to_string_lossy()));
    set.chain([program.to_string_lossy().into_owned()]).chain(args).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

/// Shows the command, runs it, and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    eprintln!("$ {}", shown(command));
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::Check(format!("`{}`: {status}", shown(command)))) }
}

/// What the command prints on stdout.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    let Output { status, stdout, stderr } = output;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&stderr);
    let cause = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing more");
    Err(Failure::Unusable(format!("`{}`: {status}: {}", shown(command), cause.trim())))
}

/// Becomes the command, or on Windows waits for it: stdin, stdout and the exit code are the command's.
///
/// On Unix the process is replaced, so that Ctrl-C reaches the training loop alone and it can still save its
/// weights.
pub(crate) fn hand_over(command: &mut Command) -> Result<(), Failure> {
    eprintln!("$ {}", shown(command));
    #[cfg(unix)]
    {
        let error = std::os::unix::process::CommandExt::exec(command);
        Err(cannot_start(command, &error))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(|error| cannot_start(command, &error))?;
        match status.code() {
            Some(0) => Ok(()),
            code => Err(Failure::Child(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
        }
    }
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(&file).is_file()))
}

fn cannot_start(command: &Command, error: &io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    Failure::Unusable(if error.kind() == io::ErrorKind::NotFound {
        format!("`{program}` is not on this machine: install it, or put it on the PATH")
    } else {
        format!("`{program}` does not start: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command
            .args(["doc", "--no-deps", "two words"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("CARGO");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'two words'");
    }

    #[test]
    fn a_missing_program_is_the_machines_fault_and_a_failing_one_the_checks() {
        let missing = run(&mut Command::new("no-such-program-anywhere"));
        assert!(matches!(missing, Err(Failure::Unusable(message)) if message.contains("install it")));
        let failing = run(cargo().arg("--no-such-flag").stderr(Stdio::null()));
        assert!(matches!(failing, Err(Failure::Check(message)) if message.contains("--no-such-flag")));
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("xtask/src/process.rs").is_file());
    }
}
