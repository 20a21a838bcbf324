//! The processes of one run: this one alone, or the ranks of an MPI job.

use std::env;

use chainrule::tensor::Scalar;
use chainrule::train::{ProcessGroup, Reduction, SingleProcess};
#[cfg(feature = "mpi")]
pub(crate) use chainrule_distributed::MpiScalar;
#[cfg(feature = "mpi")]
use chainrule_distributed::{DataParallel, World};
use serde_json::Value;

use crate::failure::Failure;

/// A number type that can be sent, had this build where to.
#[cfg(not(feature = "mpi"))]
pub(crate) trait MpiScalar: Scalar {}
#[cfg(not(feature = "mpi"))]
impl<A: Scalar> MpiScalar for A {}

/// The ranks of a job, of which a build without MPI has none.
#[cfg(not(feature = "mpi"))]
#[derive(Debug)]
enum World {}

#[cfg(not(feature = "mpi"))]
impl World {
    fn rank(&self) -> usize {
        match *self {}
    }

    fn size(&self) -> usize {
        match *self {}
    }

    fn gather(&self, _: &[u8]) -> Vec<Vec<u8>> {
        match *self {}
    }

    fn end(self) {
        match self {}
    }
}

/// Where launchers tell a process its rank and how many there are: Open MPI, MPICH and Intel MPI, Slurm.
const LAUNCHERS: [[&str; 2]; 3] = [
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    ["PMI_RANK", "PMI_SIZE"],
    ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS"],
];

/// Rank and size by the word of whatever started this process, if it starts several.
fn launched() -> Option<(usize, usize)> {
    let number = |name: &str| env::var(name).ok()?.parse().ok();
    LAUNCHERS.iter().find_map(|[rank, size]| Some((number(rank)?, number(size)?)))
}

/// Bytes of a long message that go at a time; MPI counts to 2³¹.
const CHUNK: usize = 1 << 30;

/// The processes of one run, seen from one of them.
#[derive(Debug)]
pub(crate) struct Job {
    /// `None` in a process that no launcher has started.
    world: Option<World>,
}

impl Job {
    /// Finds out whether this process is one of several, and joins the others.
    ///
    /// # Errors
    /// If it is, and this build or its MPI cannot reach the others.
    #[cfg(feature = "mpi")]
    pub(crate) fn begin() -> Result<Self, Failure> {
        let Some((rank, size)) = launched() else { return Ok(Self { world: None }) };
        let world = World::join().expect("a program begins once");
        if world.size() != size {
            let (found, failure) = (world.size(), Failure::input);
            world.end();
            return Err(on_the_first(rank, || {
                failure(format!(
                    "{size} processes were started, but MPI joins {found}: start them with the mpirun of the MPI that this program is linked with, or `srun --mpi=pmix`"
                ))
            }));
        }
        Ok(Self { world: Some(world) })
    }

    #[cfg(not(feature = "mpi"))]
    pub(crate) fn begin() -> Result<Self, Failure> {
        match launched() {
            Some((rank, size)) if size > 1 => Err(on_the_first(rank, || {
                Failure::input(format!(
                    "this program was built without MPI, and started as {size} processes: build it with `cargo install --path crates/cli --features mpi`, or start it without mpirun"
                ))
            })),
            _ => Ok(Self { world: None }),
        }
    }

    pub(crate) fn rank(&self) -> usize {
        self.world.as_ref().map_or(0, World::rank)
    }

    pub(crate) fn size(&self) -> usize {
        self.world.as_ref().map_or(1, World::size)
    }

    /// Whether this process is the one that prints and writes.
    pub(crate) fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// What each process says.
    pub(crate) fn gather(&self, word: &[u8]) -> Vec<Vec<u8>> {
        self.world.as_ref().map_or_else(|| vec![word.to_vec()], |world| world.gather(word))
    }

    /// What the first process holds, for all of them; the others say nothing.
    pub(crate) fn of_first(&self, own: Vec<u8>) -> Vec<u8> {
        if self.size() == 1 {
            return own;
        }
        let lengths = self.gather(&(own.len() as u64).to_le_bytes());
        let length = u64::from_le_bytes(lengths[0][..].try_into().expect("eight bytes were said")) as usize;
        let mut all = Vec::with_capacity(length);
        while all.len() < length {
            let chunk = own.get(all.len()..own.len().min(all.len() + CHUNK)).unwrap_or_default();
            all.append(&mut self.gather(chunk)[0]);
        }
        all
    }

    /// Goes on if all processes do. Otherwise the first of them tells why, and all end with one code.
    pub(crate) fn agree<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if self.size() == 1 {
            return outcome;
        }
        let word = match &outcome {
            Ok(_) => Vec::new(),
            Err(failure) => [&[failure.code()], failure.to_string().as_bytes()].concat(),
        };
        let words = self.gather(&word);
        let Some(rank) = words.iter().position(|word| !word.is_empty()) else { return outcome };
        let (code, message) = (words[rank][0], String::from_utf8_lossy(&words[rank][1..]));
        match outcome {
            _ if !self.is_first() => Err(Failure::Elsewhere(code)),
            Err(failure) => Err(failure),
            Ok(_) if code == Failure::input("").code() => {
                Err(Failure::Input(format!("rank {rank}: {message}")))
            }
            Ok(_) => Err(Failure::Run(format!("rank {rank}: {message}"))),
        }
    }

    /// The threads of this process where none are asked for: its share of the cores that it may use.
    pub(crate) fn threads(&self) -> usize {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        // Ranks that a launcher has bound have cores of their own.
        let cores = status.lines().find(|line| line.starts_with("Cpus_allowed_list")).unwrap_or_default();
        let place = format!("{host} {cores}");
        let sharing =
            self.gather(place.as_bytes()).iter().filter(|other| **other == place.as_bytes()).count();
        (chainrule::tensor::available_threads() / sharing).max(1)
    }

    /// The processes for the training loop.
    pub(crate) fn crew<A: MpiScalar>(&self, reduction: Reduction) -> Crew<'_, A> {
        match self.world.as_ref().filter(|world| world.size() > 1) {
            None => Crew::SingleProcess(SingleProcess(reduction), std::marker::PhantomData),
            #[cfg(feature = "mpi")]
            Some(world) => Crew::Together(DataParallel::new(world, reduction)),
            #[cfg(not(feature = "mpi"))]
            Some(world) => match *world {},
        }
    }

    /// Leaves the others, once all have come so far.
    pub(crate) fn end(self) {
        if let Some(world) = self.world {
            world.end();
        }
    }
}

/// The failure where the first process tells of it; the others end in silence.
fn on_the_first(rank: usize, failure: impl FnOnce() -> Failure) -> Failure {
    let failure = failure();
    if rank == 0 { failure } else { Failure::Elsewhere(failure.code()) }
}

/// Who trains.
pub(crate) enum Crew<'w, A: Scalar> {
    SingleProcess(SingleProcess, std::marker::PhantomData<&'w A>),
    #[cfg(feature = "mpi")]
    Together(DataParallel<A, &'w World>),
}

impl<A: MpiScalar> Crew<'_, A> {
    pub(crate) fn ranks(&mut self) -> &mut dyn ProcessGroup<A> {
        match self {
            Crew::SingleProcess(alone, _) => alone,
            #[cfg(feature = "mpi")]
            Crew::Together(together) => together,
        }
    }

    /// How many there are and what this one has sent, for the results.
    pub(crate) fn communication(&self) -> Value {
        match self {
            Crew::SingleProcess(..) => Value::Null,
            #[cfg(feature = "mpi")]
            Crew::Together(together) => {
                let traffic = together.traffic();
                serde_json::json!({
                    "ranks": ProcessGroup::<A>::division(together).size,
                    "reductions": traffic.reductions,
                    "bytes": traffic.bytes,
                    "seconds": traffic.waited.as_secs_f64(),
                })
            }
        }
    }
}
