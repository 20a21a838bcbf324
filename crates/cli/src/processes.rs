//! The processes of one run: this one alone, or the ranks of an MPI job.

use std::env;

use chainrule::tensor::Scalar;
use chainrule::train::{ProcessGroup, Reduction, SingleProcess};
#[cfg(feature = "mpi")]
pub(crate) use chainrule_distributed::MpiScalar;
#[cfg(feature = "mpi")]
use chainrule_distributed::{DataParallel, World};
use chainrule_report::results::Communication;

use crate::failure::Failure;

/// A number type that can be sent to other processes, of which a build without MPI has none.
#[cfg(not(feature = "mpi"))]
pub(crate) trait MpiScalar: Scalar {}
#[cfg(not(feature = "mpi"))]
impl<A: Scalar> MpiScalar for A {}

/// The ranks of an MPI job: none in a build without MPI.
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

/// The variables in which launchers give a process its rank and their number: Open MPI, MPICH and Intel MPI, Slurm.
const LAUNCHERS: [[&str; 2]; 3] = [
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    ["PMI_RANK", "PMI_SIZE"],
    ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS"],
];

/// Rank and size as the launcher of this process states them, if there is one.
fn launched() -> Option<(usize, usize)> {
    let number = |name: &str| env::var(name).ok()?.parse().ok();
    LAUNCHERS.iter().find_map(|[rank, size]| Some((number(rank)?, number(size)?)))
}

/// Bytes of a long message that are sent at a time; MPI counts to 2³¹.
const CHUNK: usize = 1 << 30;

/// The processes of one run, seen from one of them.
///
/// A rank that fails must not leave the others waiting in a collective operation. Each step of a run that one rank alone
/// can fail in therefore ends in [`agree`](Self::agree), or runs inside [`on_first`](Self::on_first) or
/// [`broadcast`](Self::broadcast), which do the same.
#[derive(Debug)]
pub(crate) struct Processes {
    /// `None` in a process that no launcher has started.
    world: Option<World>,
}

impl Processes {
    /// Finds out whether this process is one of several, and joins the others.
    ///
    /// # Errors
    /// If it is, and this build or its MPI cannot reach the others.
    #[cfg(feature = "mpi")]
    pub(crate) fn join() -> Result<Self, Failure> {
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
    pub(crate) fn join() -> Result<Self, Failure> {
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

    /// Whether this process is the one that prints and writes files.
    fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// The words of all processes, in the order of their ranks.
    fn gather(&self, word: &[u8]) -> Vec<Vec<u8>> {
        self.world.as_ref().map_or_else(|| vec![word.to_vec()], |world| world.gather(word))
    }

    /// Does work on the first process only; the others get `None`. All fail if it fails.
    pub(crate) fn on_first<T>(
        &self,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.agree(self.is_first().then(work).transpose())
    }

    /// The bytes that the first process makes, on all of them. All fail if it fails.
    pub(crate) fn broadcast(
        &self,
        work: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let own = self.on_first(work)?.unwrap_or_default();
        if self.size() == 1 {
            return Ok(own);
        }
        let lengths = self.gather(&(own.len() as u64).to_le_bytes());
        let length = u64::from_le_bytes(lengths[0][..].try_into().expect("eight bytes were said")) as usize;
        let mut all = Vec::with_capacity(length);
        while all.len() < length {
            let chunk = own.get(all.len()..own.len().min(all.len() + CHUNK)).unwrap_or_default();
            all.append(&mut self.gather(chunk)[0]);
        }
        Ok(all)
    }

    /// The first rank whose word differs from that of rank 0, the same answer on every rank.
    pub(crate) fn first_difference(&self, word: &[u8]) -> Option<Difference> {
        let words = self.gather(word);
        let rank = words.iter().position(|word| *word != words[0])?;
        let [first, other] = [0, rank].map(|rank| String::from_utf8_lossy(&words[rank]).into_owned());
        Some(Difference { rank, first, other })
    }

    /// Continues if all processes do. Otherwise the first process reports the failure, and all end with its exit code.
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

    /// Default number of threads of this process: its share of the cores that it may use.
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

    /// The processes as the training loop sees them.
    pub(crate) fn group<A: MpiScalar>(&self, reduction: Reduction) -> Group<'_, A> {
        match self.world.as_ref().filter(|world| world.size() > 1) {
            None => Group::SingleProcess(SingleProcess(reduction), std::marker::PhantomData),
            #[cfg(feature = "mpi")]
            Some(world) => Group::Together(DataParallel::new(world, reduction)),
            #[cfg(not(feature = "mpi"))]
            Some(world) => match *world {},
        }
    }

    /// Leaves the others, once all have come this far.
    pub(crate) fn leave(self) {
        if let Some(world) = self.world {
            world.end();
        }
    }
}

/// A rank that says something else than rank 0.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) rank: usize,
    /// The word of rank 0.
    pub(crate) first: String,
    /// That of the rank.
    pub(crate) other: String,
}

/// The failure on the first process, which reports it; the others end in silence.
fn on_the_first(rank: usize, failure: impl FnOnce() -> Failure) -> Failure {
    let failure = failure();
    if rank == 0 { failure } else { Failure::Elsewhere(failure.code()) }
}

/// The processes as the training loop sees them.
pub(crate) enum Group<'w, A: Scalar> {
    SingleProcess(SingleProcess, std::marker::PhantomData<&'w A>),
    #[cfg(feature = "mpi")]
    Together(DataParallel<A, &'w World>),
}

impl<A: MpiScalar> Group<'_, A> {
    pub(crate) fn ranks(&mut self) -> &mut dyn ProcessGroup<A> {
        match self {
            Group::SingleProcess(alone, _) => alone,
            #[cfg(feature = "mpi")]
            Group::Together(together) => together,
        }
    }

    /// The messages of this process, if there are several.
    pub(crate) fn communication(&self) -> Option<Communication> {
        match self {
            Group::SingleProcess(..) => None,
            #[cfg(feature = "mpi")]
            Group::Together(together) => {
                let traffic = together.traffic();
                Some(Communication {
                    ranks: ProcessGroup::<A>::division(together).size,
                    reductions: traffic.reductions,
                    bytes: traffic.bytes,
                    seconds: traffic.waited.as_secs_f64(),
                })
            }
        }
    }
}
