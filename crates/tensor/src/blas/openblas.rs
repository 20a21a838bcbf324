//! OpenBLAS's C interface, and the choice of its kernels.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use super::choice::{Kernels, Switch};

static KERNELS: OnceLock<Kernels> = OnceLock::new();

unsafe extern "C" {
    fn openblas_set_num_threads(threads: c_int);
    fn openblas_get_num_threads() -> c_int;
    fn openblas_get_parallel() -> c_int;
    fn openblas_get_config() -> *const c_char;
    fn openblas_get_corename() -> *const c_char;
}

pub(super) fn init() {
    KERNELS.get_or_init(|| {
        keep_one_thread();
        let before = core();
        let switch = switch(&before);
        if switch == Switch::Impossible {
            eprintln!(
                "warning: OpenBLAS runs its kernels for {before}, which are too old for this CPU and several times slower: \
                 set OPENBLAS_CORETYPE={} before the program starts, or install a newer OpenBLAS",
                suitable().unwrap_or("…")
            );
        }
        Kernels { library: config(), threading: threading(), before, after: core(), switch }
    });
}

pub(super) fn kernels() -> Kernels {
    init();
    KERNELS.get().expect("init has set it").clone()
}

/// The kind of CPU whose kernels run.
fn core() -> String {
    // SAFETY: the symbol is OpenBLAS's documented C interface; it returns a static string.
    unsafe { CStr::from_ptr(openblas_get_corename()) }.to_string_lossy().into_owned()
}

fn config() -> String {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(openblas_get_config()) }.to_string_lossy().into_owned()
}

/// How Debian's library and most others run in parallel.
const THREADS: &str = "threads of its own";

fn threading() -> &'static str {
    // SAFETY: the symbol is OpenBLAS's documented C interface (cblas.h) and takes no argument.
    match unsafe { openblas_get_parallel() } {
        0 => "sequential",
        1 => THREADS,
        2 => "OpenMP",
        _ => "unknown",
    }
}

/// Generations of vector instructions, as far as OpenBLAS's kernels tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Generation {
    Sse,
    Avx,
    Avx2,
    Avx512,
}

/// The generation of a kind of CPU, by OpenBLAS's name for it; `None` for one that is not known here, such as a newer one.
fn generation(core: &str) -> Option<Generation> {
    match core.to_ascii_lowercase().as_str() {
        "katmai" | "coppermine" | "northwood" | "prescott" | "banias" | "atom" | "core2" | "penryn"
        | "dunnington" | "nehalem" | "athlon" | "opteron" | "opteron_sse3" | "barcelona" | "bobcat"
        | "nano" | "generic" => Some(Generation::Sse),
        "sandybridge" | "bulldozer" | "piledriver" | "steamroller" => Some(Generation::Avx),
        "haswell" | "zen" | "excavator" => Some(Generation::Avx2),
        "skylakex" | "cooperlake" | "sapphirerapids" => Some(Generation::Avx512),
        _ => None,
    }
}

/// The generation of this CPU, with the kind whose kernels every OpenBLAS since 2018 has for it.
#[cfg(target_arch = "x86_64")]
fn this_cpu() -> Option<(Generation, &'static str)> {
    let has_avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512cd");
    if has_avx512 {
        return Some((Generation::Avx512, "SkylakeX"));
    }
    let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    has_avx2.then_some((Generation::Avx2, "Haswell"))
}

/// Elsewhere no library was seen that misses its CPU.
#[cfg(not(target_arch = "x86_64"))]
fn this_cpu() -> Option<(Generation, &'static str)> {
    None
}

fn suitable() -> Option<&'static str> {
    this_cpu().map(|(_, core)| core)
}

/// Has OpenBLAS choose again if the kernels for `core` are too old for this CPU.
fn switch(core: &str) -> Switch {
    let Some((newest, suitable)) = this_cpu() else { return Switch::NotNeeded };
    if generation(core).is_none_or(|generation| generation >= newest) {
        return Switch::NotNeeded;
    }
    if std::env::var_os("OPENBLAS_CORETYPE").is_some() {
        return Switch::UsersChoice;
    }
    if std::env::var_os("CHAINRULE_OPENBLAS_SWITCH").is_some_and(|word| word == "off") {
        return Switch::Off;
    }
    if choose(suitable) { Switch::Done } else { Switch::Impossible }
}

/// Leaves OpenBLAS one thread, the calling one. Those that it started when it was loaded are ended if the process has no
/// others: who has may be in a call of the library. A threaded call would start them again.
fn keep_one_thread() {
    let all = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    // SAFETY: the symbols are OpenBLAS's documented C interface (cblas.h); the second takes any positive count.
    let library = unsafe {
        let count = openblas_get_num_threads();
        openblas_set_num_threads(1);
        count as usize
    };
    // OpenMP's threads are not the library's own.
    if all == library
        && threading() == THREADS
        && let Some(end) = find(c"blas_thread_shutdown_")
    {
        end();
    }
}

/// A function without arguments of the library, looked up at run time: not every OpenBLAS has it, and all must link.
#[cfg(target_os = "linux")]
fn find(name: &CStr) -> Option<extern "C" fn()> {
    use std::ffi::c_void;

    unsafe extern "C" {
        fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
    }
    // SAFETY: dlsym takes the default handle, which is null, and a C string.
    let symbol = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
    // SAFETY: the functions that are looked up take nothing, and what one of them returns is not used.
    (!symbol.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, extern "C" fn()>(symbol) })
}

#[cfg(not(target_os = "linux"))]
fn find(_: &CStr) -> Option<extern "C" fn()> {
    None
}

/// Has OpenBLAS choose its kernels again, by its own start-up code under an `OPENBLAS_CORETYPE` of ours; whether it chose
/// those.
fn choose(core_type: &str) -> bool {
    let (Some(quit), Some(begin)) = (find(c"gotoblas_dynamic_quit"), find(c"gotoblas_dynamic_init")) else {
        return false;
    };
    let name = "OPENBLAS_CORETYPE";
    // SAFETY: this runs once, before the first call that this crate makes of the library. Another thread that changes the
    // environment by C's own functions at this very moment would be at odds with any Rust program.
    unsafe { std::env::set_var(name, core_type) };
    quit();
    begin();
    // SAFETY: as above.
    unsafe { std::env::remove_var(name) };
    core().eq_ignore_ascii_case(core_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, gemm_with};

    fn product() -> ndarray::Array2<f64> {
        let a = ndarray::Array2::from_shape_fn((70, 70), |(i, j)| ((i * 7 + j * 3) % 11) as f64);
        let mut c = ndarray::Array2::zeros((70, 70));
        gemm_with(Kernel::Library, 1.0, &a, &a.t(), 0.0, &mut c);
        c
    }

    #[test]
    fn the_first_product_leaves_openblas_on_one_thread() {
        product();
        // SAFETY: the symbol is OpenBLAS's documented C interface (cblas.h) and takes no argument.
        assert_eq!(unsafe { openblas_get_num_threads() }, 1);
    }

    #[test]
    fn generations_are_told_apart() {
        assert!(generation("Prescott") < generation("SANDYBRIDGE"));
        assert!(generation("Zen") < generation("Cooperlake"));
        assert_eq!(generation("Prescott3000"), None);
    }
}
