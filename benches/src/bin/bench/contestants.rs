//! Who runs: our own program, and the other libraries as processes that answer one question after the other.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

use crate::figures::{BOUND, OURS, Row, Start, median};
use crate::options::Options;

/// A library, how its program starts, and what it can do.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    library: &'static str,
    program: PathBuf,
    /// What comes before the options.
    script: Option<PathBuf>,
    variants: &'static [&'static str],
}

const SCRIPTS: &[(&str, &str, &[&str])] = &[
    ("PyTorch", "pytorch.py", &["eager", "fused", "compile", "channels-last", "compile-channels-last"]),
    ("JAX", "jax_peer.py", &["jit", "scan"]),
    ("scikit-learn", "sklearn_peer.py", &["partial_fit"]),
];

/// The libraries that have the recipe of the time to an accuracy, and what its script calls them.
pub(crate) const PYTHON_RECIPE: [(&str, &str); 2] = [("PyTorch", "pytorch"), ("JAX", "jax")];

/// Where the programs of the peers are.
pub(crate) fn folder() -> PathBuf {
    process::root().join("benches/peers")
}

/// The Python that was given, if it has the pinned versions.
pub(crate) fn python(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let python = given.ok_or_else(|| {
        Failure::Unusable("--peers needs --python PATH: `cargo xtask bench --peers` installs one".to_owned())
    })?;
    has_the_versions(python, &folder().join("requirements.txt"))?;
    Ok(python.to_owned())
}

/// Installs and builds the other libraries.
pub(crate) fn prepare(options: &Options) -> Result<Vec<Peer>, Failure> {
    let (folder, python) = (folder(), python(options.python.as_deref())?);
    let scripts = SCRIPTS.iter().map(|&(library, script, variants)| Peer {
        library,
        program: python.clone(),
        script: Some(folder.join(script)),
        variants,
    });
    let mut peers: Vec<Peer> = scripts.collect();
    if options.no_rust_peers {
        return Ok(peers);
    }

    // The kernels of this very processor, as both libraries advise.
    let build = env::var_os("CARGO_TARGET_DIR").map_or_else(|| process::root().join("target"), PathBuf::from);
    let build = build.join("peers/rust");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--manifest-path"]).arg(folder.join("rust/Cargo.toml"));
    cargo.arg("--target-dir").arg(&build).env("RUSTFLAGS", "-C target-cpu=native");
    if !cargo.status().is_ok_and(|status| status.success()) {
        return Err(Failure::Unusable(
            "burn and candle do not build, see above: try --no-rust-peers".to_owned(),
        ));
    }
    for library in ["burn", "candle"] {
        let program = build.join("release").join(format!("{library}{}", env::consts::EXE_SUFFIX));
        peers.push(Peer { library, program, script: None, variants: &["default"] });
    }
    Ok(peers)
}

/// Whether a Python has exactly the pinned versions.
fn has_the_versions(python: &Path, requirements: &Path) -> Result<(), Failure> {
    const CHECK: &str = "\
import importlib.metadata as m, sys
for line in open(sys.argv[1]):
    name, _, pinned = line.strip().partition('==')
    if pinned:
        try: found = m.version(name)
        except m.PackageNotFoundError: found = 'missing'
        if found.partition('+')[0] != pinned: print(f'{name} is {found}, not {pinned}')";
    let wrong = process::read(Command::new(python).args(["-c", CHECK]).arg(requirements))?;
    match wrong.lines().next() {
        None => Ok(()),
        Some(first) => Err(Failure::Unusable(format!(
            "{}: {first}: leave --python out, or install benches/peers/requirements.txt there",
            python.display()
        ))),
    }
}

impl Peer {
    /// The command, on the last `threads` processors, without what was set for another library.
    fn command(&self, threads: usize) -> Command {
        let mut command = pinned(&self.program, threads);
        command.env_remove("OPENBLAS_CORETYPE").env("RAYON_NUM_THREADS", threads.to_string());
        if let Some(script) = &self.script {
            command.arg(script).args(["--threads", &threads.to_string()]);
        }
        command
    }
}

/// `program` on the last `threads` of the processors we may use: the system's own work prefers the first.
pub(crate) fn pinned(program: &Path, threads: usize) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let cpus = list.map(|list| expand(list.trim())).unwrap_or_default();
    if cpus.len() <= threads || !process::on_path("taskset") {
        return Command::new(program);
    }
    let last: Vec<String> = cpus[cpus.len() - threads..].iter().map(ToString::to_string).collect();
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &last.join(",")]).arg(program);
    command
}

/// `0-2,5` as 0, 1, 2, 5.
fn expand(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// All contestants on so many threads, the peers started and waiting.
pub(crate) struct Field<'a> {
    ours: &'a Path,
    threads: usize,
    servers: Vec<(&'a Peer, Server)>,
    /// Workloads that a variant does not do here.
    out: HashSet<(String, String)>,
}

impl<'a> Field<'a> {
    pub(crate) fn start(ours: &'a Path, peers: &'a [Peer], threads: usize) -> Result<Self, Failure> {
        let servers = peers.iter().map(|peer| Ok((peer, Server::start(peer.command(threads))?)));
        let servers = servers.collect::<Result<_, Failure>>()?;
        Ok(Self { ours, threads, servers, out: HashSet::new() })
    }

    /// One turn of each.
    pub(crate) fn round(
        &mut self,
        workload: &str,
        seconds: f64,
        row: &mut Row,
        versions: &mut BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let mut command = pinned(self.ours, self.threads);
        command.args(["--workload", workload, "--json", "--rounds", "5"]);
        command.args(["--threads", &self.threads.to_string(), "--seconds", &seconds.to_string()]);
        let report = self::report(&mut command)?;
        row.add(OURS, number(&report, "samples_per_s")?);
        row.add(BOUND, number(&report, "gemm_bound_samples_per_s")?);
        for (peer, server) in &mut self.servers {
            for &variant in peer.variants {
                let key = (format!("{} {variant}", peer.library), workload.to_owned());
                if self.out.contains(&key) {
                    continue;
                }
                let report = server.ask(&format!("{workload} {variant} {seconds}"), peer.library)?;
                if let Some(error) = report["error"].as_str() {
                    eprintln!("\n{} does not run {workload} here: {error}", key.0);
                    self.out.insert(key);
                    continue;
                }
                row.add(report["peer"].as_str().unwrap_or(peer.library), number(&report, "samples_per_s")?);
                for (name, version) in report["versions"].as_object().into_iter().flatten() {
                    versions.insert(name.clone(), version.as_str().unwrap_or_default().to_owned());
                }
            }
        }
        Ok(())
    }
}

/// A process that answers each line with a line.
struct Server {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    fn start(mut command: Command) -> Result<Self, Failure> {
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            Failure::Unusable(format!("`{}` does not start: {error}", process::shown(&command)))
        })?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        let answers = BufReader::new(answers.expect("stdout is piped"));
        Ok(Self { child, questions, answers })
    }

    fn ask(&mut self, question: &str, library: &str) -> Result<Value, Failure> {
        let mut answer = String::new();
        let questions = self.questions.as_mut().expect("open until the end");
        let asked = writeln!(questions, "{question}").and_then(|()| questions.flush());
        match asked.and_then(|()| self.answers.read_line(&mut answer)) {
            Ok(length) if length > 0 => json(&answer),
            _ => {
                Err(Failure::Unusable(format!("{library} ended before it answered `{question}`: see above")))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // No more questions: the process ends by itself.
        self.questions = None;
        let _ = self.child.wait();
    }
}

/// The JSON that a program prints.
pub(crate) fn report(command: &mut Command) -> Result<Value, Failure> {
    json(&process::read(command)?)
}

fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::Unusable(format!("no JSON but {:?}: {error}", text.lines().next())))
}

pub(crate) fn number(report: &Value, key: &str) -> Result<f64, Failure> {
    report[key].as_f64().ok_or_else(|| Failure::Unusable(format!("{report} has no number {key}")))
}

/// Processes that do one step of W3 on one thread: from their start to their end, and their largest memory.
pub(crate) fn starts(ours: &Path, peers: &[Peer]) -> Result<Vec<Start>, Failure> {
    let options: Vec<OsString> = ["--workload", "W3", "--steps", "1"].map(OsString::from).to_vec();
    let mut ours = pinned(ours, 1);
    ours.args(&options).arg("--json");
    let mut starts = vec![start(OURS, &mut ours)?];
    for peer in peers {
        let mut command = peer.command(1);
        command.args(&options);
        if peer.script.is_some() {
            command.args(["--variant", peer.variants[0]]);
        }
        starts.push(start(peer.library, &mut command)?);
    }
    Ok(starts)
}

fn start(contestant: &str, command: &mut Command) -> Result<Start, Failure> {
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let start = Instant::now();
        let report = self::report(command)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        peaks.push(number(&report, "rss_mb")?);
    }
    let (milliseconds, megabytes) = (median(&times).unwrap_or(f64::NAN), median(&peaks).unwrap_or(f64::NAN));
    Ok(Start { contestant: contestant.to_owned(), milliseconds, megabytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_is_read_as_the_kernel_writes_it() {
        assert_eq!(expand("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(expand("7"), [7]);
    }

    #[cfg(unix)]
    #[test]
    fn a_server_answers_until_it_ends() {
        let mut command = Command::new("sh");
        // `--serve` becomes $0.
        command.args(["-c", r#"read word; echo "{\"heard\": \"$word\"}""#]);
        let mut server = Server::start(command).unwrap();
        assert_eq!(server.ask("W1", "sh").unwrap()["heard"], "W1");
        assert!(
            matches!(server.ask("W2", "sh"), Err(Failure::Unusable(line)) if line.contains("sh ended before"))
        );
    }
}
