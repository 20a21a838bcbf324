//! Ranks on machines of their own, as far as the network is concerned: namespaces with their own addresses, and a delay.
//!
//! That takes root, and the tools of iproute2; elsewhere there is nothing to test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{PROGRAM, RUN, alone, checkpoints, models, mpirun, ranks_of, succeeds, text, wait_for};

/// The delay of every packet, each way.
const DELAY: f64 = 0.004;

/// Two machines on a bridge.
struct Network {
    /// What makes the names and addresses of this one's own.
    number: u32,
    relay: Option<Child>,
}

fn does(line: &str) -> bool {
    let mut words = line.split(' ');
    let program = words.next().unwrap();
    Command::new(program).args(words).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[track_caller]
fn must(line: &str) {
    assert!(does(line), "`{line}` failed");
}

impl Network {
    /// `None`, and why on stderr, where this machine lets nobody make one.
    fn make() -> Option<Self> {
        let number = std::process::id() % 10_000;
        if !does(&format!("ip netns add cr{number}a")) {
            eprintln!("not tested: `ip netns add` takes root and iproute2");
            return None;
        }
        let mut network = Self { number, relay: None };
        must(&format!("ip netns add cr{number}b"));
        must(&format!("ip link add crb{number} type bridge"));
        must(&format!("ip addr add {}/24 dev crb{number}", network.address(1)));
        must(&format!("ip link set crb{number} up"));
        let (delay, nodes) = ((1000.0 * DELAY).to_string(), ["a", "b"]);
        let has_netem = {
            must(&format!("ip link add crt{number} type veth peer name cru{number}"));
            let has = does(&format!("tc qdisc add dev crt{number} root netem delay {delay}ms"));
            must(&format!("ip link del crt{number}"));
            has
        };
        if has_netem {
            for node in nodes {
                must(&format!("ip link add cr{number}{node} type veth peer name cn{number}{node}"));
            }
        } else {
            eprintln!("the kernel has no netem: a relay of our own holds packets back");
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mpi/delay.py");
            let ends = nodes.map(|node| [format!("cr{number}{node}"), format!("cn{number}{node}")]);
            let mut relay = Command::new("python3")
                .args([script, &delay])
                .args(ends.as_flattened())
                .stdout(Stdio::piped())
                .spawn()
                .expect("python3 is here");
            let mut line = String::new();
            BufReader::new(relay.stdout.take().unwrap()).read_line(&mut line).unwrap();
            network.relay = Some(relay);
            assert_eq!(line, "ready\n");
        }
        for (place, node) in (2..).zip(nodes) {
            must(&format!("ip link set cr{number}{node} master crb{number} up"));
            must(&format!("ip link set cn{number}{node} netns cr{number}{node}"));
            let inside = format!("ip netns exec cr{number}{node}");
            must(&format!("{inside} ip addr add {}/24 dev cn{number}{node}", network.address(place)));
            must(&format!("{inside} ip link set cn{number}{node} up"));
            must(&format!("{inside} ip link set lo up"));
            if has_netem {
                must(&format!("{inside} tc qdisc add dev cn{number}{node} root netem delay {delay}ms"));
            }
        }
        Some(network)
    }

    fn address(&self, place: u32) -> String {
        format!("10.{}.{}.{place}", 64 + self.number / 256, self.number % 256)
    }

    /// `mpirun` of two ranks on the first machine and one on the second, which it reaches by a command in place of ssh.
    fn mpirun(&self, folder: &Path) -> Command {
        let agent = folder.join("agent.sh");
        let enter = "#!/bin/sh\nnode=$1; shift\nexec ip netns exec \"$node\" unshare --uts sh -c \"hostname $node; $*\"\n";
        fs::write(&agent, enter).unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        let (number, mut command) = (self.number, mpirun(folder));
        let network = format!("{}/24", self.address(0));
        command.args(["--mca", "plm_rsh_agent", agent.to_str().unwrap()]);
        command.args(["--mca", "oob_tcp_if_include", &network, "--mca", "btl_tcp_if_include", &network]);
        command.args(["--mca", "btl", "tcp,self", "-H", &format!("cr{number}a:2,cr{number}b:1"), "-n", "3"]);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let number = self.number;
        if let Some(relay) = &mut self.relay {
            // It may have ended by itself.
            let _ = relay.kill();
            let _ = relay.wait();
        }
        for line in [
            format!("ip netns del cr{number}a"),
            format!("ip netns del cr{number}b"),
            format!("ip link del crb{number}"),
        ] {
            does(&line);
        }
    }
}

#[test]
fn across_a_network_with_a_delay_runs_end_with_the_same_bits_and_a_killed_rank_ends_all() {
    let Some(network) = Network::make() else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    succeeds(&alone(here, &[RUN, &["--epochs", "3", "--out", "whole", "-q"]].concat()));
    let mut far = network.mpirun(here);
    succeeds(&far.arg(PROGRAM).args(RUN).args(["--epochs", "3", "--out", "far", "-q"]).output().unwrap());
    assert!(models(here, "far") == models(here, "whole"));
    let results = fs::read_to_string(here.join("far/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    let communication = &results["communication"];
    let waited = communication["seconds"].as_f64().unwrap() / communication["reductions"].as_f64().unwrap();
    assert!(waited > DELAY, "{waited} s a reduction: there is no delay");

    let child = network
        .mpirun(here)
        .arg(PROGRAM)
        .args(RUN)
        .args(["--epochs", "1000000", "--out", "torn", "-q"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("checkpoint", Duration::from_mins(1), || (checkpoints(here, "torn") >= 2).then_some(()));
    let ranks = ranks_of(here);
    assert_eq!(ranks.len(), 3);
    must(&format!("kill -KILL {}", ranks[2].1));
    let output = child.wait_with_output().unwrap();
    let told = text(&output);
    assert!(!output.status.success() && told.contains("signal 9"), "{told}");
    let seconds = Duration::from_secs(20);
    wait_for("end of the ranks", seconds, || ranks_of(here).is_empty().then_some(()));
    assert!(checkpoints(here, "torn") >= 1);
}
