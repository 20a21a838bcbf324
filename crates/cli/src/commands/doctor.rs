//! `chainrule doctor`.

use std::time::Instant;

use chainrule::ndarray::Array2;
use chainrule::tensor::blas::{self, Kernels, Switch};
use chainrule::tensor::kernel::{self, Kernel, gemm_with};
use chainrule::tensor::{available_threads, simd};
use clap::Args;
use serde_json::json;

use crate::failure::{Failure, outln, print_json};
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns};

/// Rows and columns of the product that is timed.
const SIZE: usize = 512;
/// How often, of which the fastest counts.
const TRIALS: usize = 7;

const EXAMPLES: &str = "\
Examples:
  chainrule doctor
  chainrule doctor --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
}

/// One kernel's pace.
struct Pace {
    kernel: Kernel,
    gigaflops: f64,
}

impl Doctor {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let library = blas::kernels();
        let peak = kernel::peak();
        let paces: Vec<Pace> =
            Kernel::all().iter().map(|&kernel| Pace { kernel, gigaflops: pace(kernel) }).collect();
        let verdict = verdict(library.as_ref(), &paces);
        if self.json {
            let kernels: serde_json::Map<_, _> =
                paces.iter().map(|pace| (pace.kernel.name().to_owned(), json!(pace.gigaflops))).collect();
            return print_json(&json!({
                "blas": blas::name(),
                "library": library.as_ref().map(|library| &library.library),
                "threading": library.as_ref().map(|library| library.threading),
                "kernels_before": library.as_ref().map(|library| &library.before),
                "kernels_after": library.as_ref().map(|library| &library.after),
                "switch": library.as_ref().map(|library| switch_name(library.switch)),
                "threads": available_threads(),
                "instructions": instructions(),
                "gigaflops": kernels,
                "peak_gigaflops": peak,
                "healthy": verdict.is_ok(),
                "verdict": verdict.clone().unwrap_or_else(|sick| sick),
            }));
        }
        print(library.as_ref(), &paces, peak)?;
        outln!("\n{}", verdict.unwrap_or_else(|sick| sick))
    }
}

/// Billions of additions and multiplications a second of a product of two square matrices in `f32`, on one thread.
fn pace(kernel: Kernel) -> f64 {
    let (a, b) = (Array2::<f32>::from_elem((SIZE, SIZE), 0.5), Array2::from_elem((SIZE, SIZE), 0.25));
    let mut c = Array2::zeros((SIZE, SIZE));
    let mut once = || {
        let start = Instant::now();
        gemm_with(kernel, 1.0, &a, &b, 0.0, &mut c);
        start.elapsed().as_secs_f64()
    };
    once();
    let fastest = (0..TRIALS).map(|_| once()).fold(f64::INFINITY, f64::min);
    2.0 * (SIZE as f64).powi(3) / fastest / 1e9
}

/// What to make of it: all is well, or what is wrong and how to mend it.
fn verdict(library: Option<&Kernels>, paces: &[Pace]) -> Result<String, String> {
    let pace = |wanted: Kernel| paces.iter().find(|pace| pace.kernel == wanted).map(|pace| pace.gigaflops);
    match library.map(|library| (library.switch, library)) {
        Some((Switch::Impossible | Switch::Off | Switch::UsersChoice, library))
            if pace(Kernel::Library) < pace(Kernel::Tiles).map(|tiles| tiles / 2.0) =>
        {
            Err(format!(
                "OpenBLAS runs its kernels for {}, which are slow on this CPU: unset OPENBLAS_CORETYPE and \
                 CHAINRULE_OPENBLAS_SWITCH, or install a newer OpenBLAS. Products of networks run on Chainrule's own tiles; \
                 only eigenvalues and the like are slowed down.",
                library.after
            ))
        }
        Some((Switch::Done, library)) => Ok(format!(
            "All is well: OpenBLAS does not know this CPU and had fallen back on its kernels for {}; it now runs those for {}.",
            library.before, library.after
        )),
        Some(_) => Ok("All is well.".to_owned()),
        None if blas::name() == "Accelerate" || blas::name() == "MKL" => Ok("All is well.".to_owned()),
        None => Ok("All is well. No BLAS is linked: products run on Chainrule's tiles where the CPU has them, else on \
                    ndarray's kernels."
            .to_owned()),
    }
}

fn print(library: Option<&Kernels>, paces: &[Pace], peak: Option<f64>) -> Result<(), Failure> {
    let line = |what: &str, is: &str| outln!("{what:<20} {is}");
    line("BLAS", blas::name())?;
    if let Some(library) = library {
        line("library", &library.library)?;
        line("threading", &format!("{}, kept on the calling thread", library.threading))?;
        line(
            "its kernels",
            &match library.switch {
                Switch::Done => format!("{}, switched from {}", library.after, library.before),
                Switch::UsersChoice => format!("{}, by OPENBLAS_CORETYPE", library.after),
                Switch::Off => format!("{}, switch off", library.after),
                Switch::NotNeeded | Switch::Impossible => library.after.clone(),
            },
        )?;
    }
    line("vector instructions", instructions())?;
    line("threads", &available_threads().to_string())?;
    line(
        "products by",
        &format!("{} (--gemm, or {} in the environment)", kernel::chosen(), kernel::VARIABLE),
    )?;
    line("networks use", Kernel::usual().name())?;
    outln!("\nA product of {SIZE} x {SIZE} matrices of f32 on one thread:")?;
    let of_kernels = paces.iter().map(|pace| (pace.kernel.name(), pace.gigaflops));
    let all: Vec<(&str, f64)> = of_kernels.chain(peak.map(|peak| ("peak, by bare FMAs", peak))).collect();
    let mut lines = vec![
        TableColumn::words(0, "kernels", all.iter().map(|(name, _)| (*name).to_owned())),
        TableColumn::numbers(0, "GFLOP/s", all.iter().map(|(_, pace)| format!("{pace:.1}"))),
    ];
    let of_the_peak = |peak: f64| all.iter().map(move |(_, pace)| format!("{:.0} %", 100.0 * pace / peak));
    lines.extend(peak.map(|peak| TableColumn::numbers(1, "of peak", of_the_peak(peak))));
    outln!("{}", table(lines, columns(Stream::Stdout)))
}

/// The vector instructions that loops use on this CPU.
fn instructions() -> &'static str {
    match simd::Level::best() {
        simd::Level::Portable => "portable",
        simd::Level::Avx2 => "AVX2",
        simd::Level::Avx512 => "AVX-512",
    }
}

/// What became of OpenBLAS's choice of kernels.
fn switch_name(switch: Switch) -> &'static str {
    match switch {
        Switch::NotNeeded => "not needed",
        Switch::Done => "done",
        Switch::UsersChoice => "chosen by OPENBLAS_CORETYPE",
        Switch::Off => "off",
        Switch::Impossible => "impossible",
    }
}
