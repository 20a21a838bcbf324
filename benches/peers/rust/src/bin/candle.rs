//! candle on its CPU backend.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap, linear, loss, ops};
use chainrule_peers::{Activation, Loss, Rule, Run, Workload, batches, one_hot};

/// SGD with momentum 0.9, which candle leaves to its users.
struct Momentum {
    rate: f64,
    slots: Vec<(Var, Tensor)>,
}

enum Updates {
    Sgd(SGD),
    Momentum(Momentum),
    Adam(AdamW),
}

impl Updates {
    fn new(workload: &Workload, vars: Vec<Var>) -> Result<Self> {
        Ok(match workload.rule {
            Rule::Sgd => Self::Sgd(SGD::new(vars, workload.rate())?),
            Rule::Momentum => {
                let slots = vars.into_iter().map(|var| Ok((var.clone(), var.zeros_like()?)));
                Self::Momentum(Momentum { rate: workload.rate(), slots: slots.collect::<Result<_>>()? })
            }
            Rule::Adam => {
                let lr = workload.rate();
                Self::Adam(AdamW::new(vars, ParamsAdamW { lr, weight_decay: 0.0, ..Default::default() })?)
            }
        })
    }

    fn step(&mut self, cost: &Tensor) -> Result<()> {
        match self {
            Self::Sgd(sgd) => sgd.backward_step(cost),
            Self::Adam(adam) => adam.backward_step(cost),
            Self::Momentum(momentum) => {
                let gradients = cost.backward()?;
                for (var, velocity) in &mut momentum.slots {
                    if let Some(gradient) = gradients.get(var) {
                        *velocity = (velocity.affine(0.9, 0.0)? + gradient)?;
                        var.set(&(var.as_tensor() - velocity.affine(momentum.rate, 0.0)?)?)?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn forward(workload: &Workload, layers: &[Linear], x: &Tensor) -> Result<Tensor> {
    let on_top = workload.loss == Loss::SquaredError;
    let mut x = x.clone();
    for (l, layer) in layers.iter().enumerate() {
        let z = layer.forward(&x)?;
        x = match workload.activation {
            _ if l + 1 == layers.len() && !on_top => z,
            Activation::Sigmoid => ops::sigmoid(&z)?,
            Activation::Relu => z.relu()?,
            Activation::Tanh => z.tanh()?,
        };
    }
    Ok(x)
}

fn build(workload: &'static Workload) -> Result<Run> {
    let device = Device::Cpu;
    let outputs = workload.widths[workload.widths.len() - 1];
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &device);
    let pairs = workload.widths.windows(2).enumerate();
    let layers = pairs.map(|(l, pair)| linear(pair[0], pair[1], builder.pp(l)));
    let layers: Vec<Linear> = layers.collect::<Result<_>>()?;
    let data = batches(workload).map(|(x, classes)| {
        let x = Tensor::from_vec(x, (workload.batch, workload.widths[0]), &device)?;
        let target = match workload.loss {
            Loss::CrossEntropy => Tensor::from_vec(classes, workload.batch, &device)?,
            Loss::SquaredError => {
                Tensor::from_vec(one_hot(&classes, outputs), (workload.batch, outputs), &device)?
            }
        };
        Ok((x, target))
    });
    let data: Vec<(Tensor, Tensor)> = data.collect::<Result<_>>()?;
    let mut turn = 0;
    let mut next = move || {
        turn = (turn + 1) % data.len();
        data[turn].clone()
    };
    if workload.forward_only() {
        // Without variables, candle records no graph.
        let layers: Vec<Linear> = layers
            .iter()
            .map(|layer| Linear::new(layer.weight().detach(), layer.bias().map(Tensor::detach)))
            .collect();
        return Ok(Box::new(move |steps| {
            for _ in 0..steps {
                std::hint::black_box(forward(workload, &layers, &next().0).expect("a forward pass"));
            }
        }));
    }
    let mut updates = Updates::new(workload, variables.all_vars())?;
    let mut step = move || {
        let (x, target) = next();
        let y = forward(workload, &layers, &x)?;
        let cost = match workload.loss {
            Loss::CrossEntropy => loss::cross_entropy(&y, &target)?,
            Loss::SquaredError => ((y - target)?.sqr()?.sum_all()? / workload.batch as f64)?,
        };
        updates.step(&cost)
    };
    Ok(Box::new(move |steps| (0..steps).for_each(|_| step().expect("a training step"))))
}

fn main() {
    chainrule_peers::main("candle", "0.11.1", |workload| build(workload).expect("a network"));
}
