//! After its first step, training allocates nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};

use chainrule_datasets::{Batches, Encoding, digits};
use chainrule_layers::{Architecture, Layer, Mode, Stage};
use chainrule_loss::SoftmaxCrossEntropy;

use chainrule_optim::zoo;
use chainrule_tensor::{Pool, Rng, gemm, ndarray::Array2};
use chainrule_train::{ShardBuffers, Sharded};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's contract is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often the linked kernels allocate in one product: never for a BLAS, once for ndarray's own, which pack there.
fn allocations_of_a_product() -> usize {
    let (a, b, mut c) = (Array2::<f32>::ones((32, 64)), Array2::ones((64, 32)), Array2::zeros((32, 32)));
    gemm(1.0, &a, &b, 0.0, &mut c);
    let before = ALLOCATIONS.load(Relaxed);
    gemm(1.0, &a, &b, 0.0, &mut c);
    ALLOCATIONS.load(Relaxed) - before
}

#[test]
fn no_optimizer_and_no_activation_allocates_after_the_first_step() {
    let of_a_product = allocations_of_a_product();
    // Forward two, ∂C/∂W two, and one error signal down to the hidden layer.
    let of_a_pass = 5 * of_a_product;
    let data = digits::<f32>().train;
    let augmentation = "flip, shift 1.5, rotate 10, elastic 8 2, cutout 2, contrast 0.2, mixup 0.2, cutmix 1"
        .parse()
        .unwrap();
    for activation in Stage::activations() {
        let model = Architecture::perceptron(&[64, 32, 10], activation.clone(), 0.2).build::<f32>(None);
        for specimen in zoo::<f32>() {
            // A line search passes over the data as often as it likes: only a BLAS shows whether it allocates.
            if of_a_product > 0 && specimen.name.contains("bfgs") {
                continue;
            }
            let mut optimizer = (specimen.make)(model.layout().len());
            let mut theta = model.layout().init(&mut Rng::new(1));
            let mut batches = Batches::new(&data, &data.pixel_scaling(), Encoding::Index, 32)
                .augmented(&augmentation)
                .unwrap();
            batches.shuffle(1, 1);
            let (mut buffers, pool) = (ShardBuffers::new(&model, 32), Pool::new(2));
            let loss = SoftmaxCrossEntropy::default();
            let both = Barrier::new(2);
            let mut before = 0;
            for step in 0..4 {
                let batch = batches.next_batch().unwrap();
                let (x, target) = (batch.x(), batch.target());
                let mode = Mode::Train { seed: step, row: 0 };
                let mut risk = Sharded::new(&model, &loss, &x, &target, mode, &mut buffers, &pool);
                optimizer.step(&mut risk, &mut theta);
                if step == 0 {
                    // On a busy machine the second thread may have had no part in it: each takes a whole one alone.
                    let twins = [0, 1].map(|_| Mutex::new((specimen.make)(theta.len())));
                    pool.run(2, &|thread| {
                        both.wait();
                        let (mut buffers, alone) = (ShardBuffers::new(&model, 32), Pool::new(1));
                        let mut risk = Sharded::new(&model, &loss, &x, &target, mode, &mut buffers, &alone);
                        twins[thread].lock().unwrap().step(&mut risk, &mut theta.clone());
                    });
                    before = ALLOCATIONS.load(Relaxed);
                }
            }
            let after = ALLOCATIONS.load(Relaxed);
            assert_eq!(after - before, 3 * of_a_pass, "{} on {activation}", specimen.name);
        }
    }
}
