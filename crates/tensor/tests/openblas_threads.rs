//! A program that calls `blas::init` first is rid of the threads that OpenBLAS starts when it is loaded. Without the
//! harness, whose threads would be in the way.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use chainrule_tensor::kernel::{Kernel, gemm_with};
use chainrule_tensor::{blas, ndarray::Array2};

fn main() -> ExitCode {
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = threads();
    blas::init();
    // A thread that was joined stays in /proc for a moment.
    let gone = (0..1000).any(|_| {
        let gone = threads() <= 1;
        if !gone {
            sleep(Duration::from_millis(1));
        }
        gone
    });
    let after = if gone { 1 } else { threads() };
    let a = Array2::<f32>::ones((200, 200));
    let mut c = Array2::zeros((200, 200));
    gemm_with(Kernel::Library, 1.0, &a, &a, 0.0, &mut c);
    let right = c.iter().all(|&x| x == 200.0);
    let ended = after == 1 || blas::kernels().is_none_or(|kernels| kernels.threading != "threads of its own");
    println!("threads: {before} before, {after} after, the product is right: {right}");
    // Where there is no /proc to count them in, nothing is ended.
    if right && (ended || before == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
