//! burn on its flex backend.

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use chainrule_peers::{Activation, Loss, Rule, Run, Workload, batches, one_hot};

#[derive(Module, Debug)]
struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    fn forward(&self, workload: &Workload, x: Tensor<2>) -> Tensor<2> {
        let on_top = workload.loss == Loss::SquaredError;
        self.layers.iter().enumerate().fold(x, |x, (l, layer)| {
            let z = layer.forward(x);
            match workload.activation {
                _ if l + 1 == self.layers.len() && !on_top => z,
                Activation::Sigmoid => activation::sigmoid(z),
                Activation::Relu => activation::relu(z),
                Activation::Tanh => activation::tanh(z),
            }
        })
    }
}

fn optimizer(workload: &Workload) -> ModuleOptimizer {
    match workload.rule {
        Rule::Sgd => SgdConfig::new().init(),
        Rule::Momentum => SgdConfig::new()
            .with_momentum(Some(MomentumConfig::new().with_momentum(0.9).with_dampening(0.0)))
            .init(),
        Rule::Adam => AdamConfig::new().with_epsilon(1e-8).init(),
    }
}

fn make(workload: &'static Workload) -> Run {
    let device = if workload.forward_only() { Device::flex() } else { Device::flex().autodiff() };
    let outputs = workload.widths[workload.widths.len() - 1];
    let pairs = workload.widths.windows(2);
    let mut model =
        Perceptron { layers: pairs.map(|pair| LinearConfig::new(pair[0], pair[1]).init(&device)).collect() };
    let data: Vec<(Tensor<2>, Tensor<1, Int>, Tensor<2>)> = batches(workload)
        .map(|(x, classes)| {
            let one_hot = one_hot(&classes, outputs);
            let classes: Vec<i64> = classes.into_iter().map(i64::from).collect();
            (
                Tensor::from_data(TensorData::new(x, [workload.batch, workload.widths[0]]), &device),
                Tensor::from_data(TensorData::new(classes, [workload.batch]), &device),
                Tensor::from_data(TensorData::new(one_hot, [workload.batch, outputs]), &device),
            )
        })
        .collect();
    let mut turn = 0;
    let mut next = move || {
        turn = (turn + 1) % data.len();
        data[turn].clone()
    };
    if workload.forward_only() {
        return Box::new(move |steps| {
            for _ in 0..steps {
                std::hint::black_box(model.forward(workload, next().0));
            }
        });
    }
    let (mut optimizer, cross_entropy) = (optimizer(workload), CrossEntropyLossConfig::new().init(&device));
    Box::new(move |steps| {
        for _ in 0..steps {
            let (x, classes, one_hot) = next();
            let y = model.forward(workload, x);
            let cost = match workload.loss {
                Loss::CrossEntropy => cross_entropy.forward(y, classes),
                Loss::SquaredError => {
                    let error = y - one_hot;
                    (error.clone() * error).sum() / workload.batch as f32
                }
            };
            let gradients = GradientsParams::from_grads(cost.backward(), &model);
            model = optimizer.step(workload.rate(), model.clone(), gradients);
        }
    })
}

fn main() {
    chainrule_peers::main("burn", "0.22.0", make);
}
