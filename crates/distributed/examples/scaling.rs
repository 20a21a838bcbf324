//! How training scales: the cost model beside the measurements of docs/distributed.md, and what it says of clusters.
//!
//! `cargo run -p chainrule-distributed --example scaling` prints the tables of that page.

use chainrule_distributed::{Link, Load};

/// A network and what its steps took: SGD, 64 examples a rank, one thread a rank, on the machine of the page.
struct Measured {
    layers: &'static str,
    parameters: f64,
    /// Milliseconds of a step on one rank: forward, backward, all else.
    alone: [f64; 3],
    /// Milliseconds of the forward pass on 1, 2, 3 and 4 ranks. It sends nothing: what it takes longer, all computing does,
    /// for the ranks share cores and memory.
    forward: [f64; 4],
    /// Milliseconds of a step on 1, 2, 3 and 4 ranks.
    steps: [f64; 4],
}

const MEASURED: [Measured; 3] = [
    Measured {
        layers: "64-128-10",
        parameters: 9_610.0,
        alone: [0.048, 0.039, 0.003],
        forward: [0.048, 0.073, 0.084, 0.165],
        steps: [0.090, 0.186, 0.197, 0.454],
    },
    Measured {
        layers: "64-1024-1024-10",
        parameters: 1_126_410.0,
        alone: [2.145, 3.516, 0.347],
        forward: [2.145, 3.009, 3.693, 7.448],
        steps: [6.008, 18.023, 36.838, 55.621],
    },
    Measured {
        layers: "64-4096-4096-10",
        parameters: 17_088_522.0,
        alone: [69.585, 60.084, 8.987],
        forward: [69.585, 144.368, 227.416, 305.736],
        steps: [138.656, 402.175, 642.033, 842.994],
    },
];

/// The machine's cores: more ranks take turns.
const CORES: f64 = 2.0;

/// Between ranks on the machine, by shared memory: fitted to two ranks of the smallest and the largest network.
const SHARED: Link = Link { latency: 16e-6, bandwidth: 0.61e9 };

/// Ethernet with TCP: 30 µs a message, and nine tenths of the line.
const CLUSTERS: [(&str, Link); 2] = [
    ("10 Gbit/s", Link { latency: 30e-6, bandwidth: 0.9 * 1.25e9 }),
    ("100 Gbit/s", Link { latency: 30e-6, bandwidth: 0.9 * 12.5e9 }),
];

impl Measured {
    fn load(&self) -> Load {
        let [forward, backward, rest] = self.alone.map(|milliseconds| milliseconds / 1000.0);
        Load { forward, backward, rest, bytes: 4.0 * (self.parameters + 1.0), bucket: f64::from(1 << 19) }
    }

    /// Seconds on this machine. Nothing is hidden, for it is the cores that move the bytes.
    fn here(&self, ranks: usize) -> f64 {
        let (turns, slower) = ((ranks as f64 / CORES).max(1.0), self.forward[ranks - 1] / self.forward[0]);
        let Load { forward, backward, rest, bytes, bucket } = self.load();
        let load = Load {
            forward: slower * forward,
            backward: slower * backward,
            rest: slower * rest,
            bytes,
            bucket,
        };
        let link = Link { latency: turns * SHARED.latency, bandwidth: SHARED.bandwidth / turns };
        load.step(ranks, link, false)
    }

    /// What costs most of what is lost on so many ranks.
    fn bound(&self, ranks: usize, link: Link) -> &'static str {
        let load = self.load();
        let step = |link| load.step(ranks, link, true);
        let lost = step(link) - step(Link { latency: 0.0, bandwidth: f64::INFINITY });
        let without_latency = step(link) - step(Link { latency: 0.0, ..link });
        match () {
            () if lost < 0.05 * step(link) => "computing",
            () if without_latency > lost / 2.0 => "latency",
            () => "bandwidth",
        }
    }
}

fn main() {
    println!("| layers | ranks | measured, ms | model, ms | apart |\n|---|--:|--:|--:|--:|");
    for network in &MEASURED {
        for (ranks, measured) in (1..).zip(network.steps) {
            let model = 1000.0 * network.here(ranks);
            let apart = 100.0 * (model / measured - 1.0);
            println!("| {} | {ranks} | {measured:.2} | {model:.2} | {apart:+.0} % |", network.layers);
        }
    }
    for (name, link) in CLUSTERS {
        println!("\n{name}:\n");
        println!("| layers | 4 ranks | 16 | 64 | 256 | 1,024 | 1,024, nothing hidden | bound at 1,024 |");
        println!("|---|--:|--:|--:|--:|--:|--:|---|");
        for network in &MEASURED {
            let load = network.load();
            let alone = load.step(1, link, true);
            let efficiency = |ranks, hidden| 100.0 * alone / load.step(ranks, link, hidden);
            let columns: String =
                [4, 16, 64, 256, 1024].map(|ranks| format!("{:.0} % | ", efficiency(ranks, true))).concat();
            let (plain, bound) = (efficiency(1024, false), network.bound(1024, link));
            println!("| {} | {columns}{plain:.0} % | {bound} |", network.layers);
        }
    }
}
