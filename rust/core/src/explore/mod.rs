//! Every choice instead of random ones, breadth first.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::draws::Draw;
use crate::driver::{Counts, Driver, Guide, Performed, Repeats};
use crate::faults::{Fault, FaultRates};
use crate::host::{Failure, Halt, Host, Switches};
use crate::mixer::Mixer;
use crate::recording::{RecordedStep, Recording};
use crate::schedule::Schedule;
use crate::step::StepPlan;

mod choices;
mod situation;

use choices::{call_faults, crash_point, own_faults};
use situation::absorb;
pub use situation::print_schedule;

/// A host that can be put back into an earlier situation.
pub trait Fork: Host {
    /// Everything outside the schedule that decides what can happen from here on.
    type Image;

    /// Takes the present situation; the host is of no use until the next `load`.
    fn image(&mut self) -> Result<Self::Image, Halt<Self::Abort>>;
    /// Makes a fresh copy of an image the present situation.
    fn load(&mut self, image: &Self::Image) -> Result<(), Halt<Self::Abort>>;
    /// A hash of the present situation, the schedule apart.
    fn fingerprint(&mut self) -> Result<u128, Halt<Self::Abort>>;
    fn hash(&mut self, object: &Self::Obj) -> Result<u128, Halt<Self::Abort>>;
    /// Whether the world is told how often an effect was tried.
    fn counts_attempts(&self) -> bool;
    /// Whether there are laws or hooks for the end of a run.
    fn settles(&self) -> bool;
    /// Draws follow this path from here on, then take the first choice.
    fn follow(&mut self, path: Vec<u64>);
    /// The path after the one followed last, if any is left.
    fn next_path(&mut self) -> Option<Vec<u64>>;
    /// Whether a draw since `follow` had too many choices to go through.
    fn sampled(&self) -> bool;
}

/// The bounds of an exploration.
#[derive(Clone, Debug)]
pub struct Scope {
    pub depth: u32,
    pub states: usize,
    pub max_faults: u32,
    /// Kinds with a rate above 0 are explored.
    pub rates: FaultRates,
    pub sources: usize,
    pub in_flight: usize,
    pub switches: Switches,
    pub settle_base: u64,
    pub settle: bool,
    /// End after so many steps, and call that a failure: somebody wants to see the way there.
    pub until: Option<usize>,
}

/// What an exploration saw.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// Different situations.
    pub states: usize,
    /// What the steps did, settling included.
    pub counts: Counts,
    /// Steps performed, those that led to a known situation included.
    pub transitions: u64,
    /// The longest path, in steps.
    pub depth: u32,
    /// Situations that were reached but not gone on from.
    pub frontier: usize,
    /// A draw had too many choices to go through all.
    pub sampled: bool,
    /// The host asked to stop.
    pub stopped: bool,
    /// Crashes by where they struck.
    pub crash_points: BTreeMap<&'static str, u64>,
    /// Where each step led, in order, in short: what two explorations of the same must agree on.
    pub trail: Vec<u64>,
    /// The shortest way to a broken law.
    pub failure: Option<(Failure, Recording)>,
}

type Seen = HashSet<u128, BuildHasherDefault<Plain>>;

/// Fingerprints are hashes already. The set is never iterated.
#[derive(Clone, Copy, Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, word: u128) {
        self.0 = word as u64 ^ (word >> 64) as u64;
    }
}

/// A situation to go on from.
struct Node<H: Fork> {
    image: H::Image,
    schedule: Schedule<H::Obj>,
    now_ms: i64,
    faults: u32,
    depth: u32,
    /// Its place in the tree of steps.
    at: usize,
}

/// One step of the tree, which leads back to the start.
struct Branch {
    parent: usize,
    step: RecordedStep,
}

/// The parent of the steps that begin at the first situation.
const ROOT: usize = usize::MAX;

/// The search, breadth first.
pub struct Explorer<H: Fork> {
    scope: Scope,
    repeats: Repeats,
    seen: Seen,
    tree: Vec<Branch>,
    queue: VecDeque<Node<H>>,
    initial: Vec<Draw>,
    explored: Explored,
    /// Where the search is: what a failure's recording is made of.
    here: Here,
}

struct Here {
    at: usize,
    step: Option<RecordedStep>,
    settling: bool,
}

impl Here {
    fn node(at: usize) -> Self {
        Self {
            at,
            step: None,
            settling: false,
        }
    }
}

impl<H: Fork> std::fmt::Debug for Explorer<H> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Explorer")
            .field("explored", &self.explored)
            .finish_non_exhaustive()
    }
}

impl<H: Fork> Explorer<H>
where
    H::Obj: Clone,
{
    /// An exploration from the host's present situation; `initial` is what it took to get there.
    pub fn new(scope: Scope, initial: Vec<Draw>) -> Self {
        let on = |fault| scope.rates.get(fault) > 0.0;
        let repeats = Repeats {
            duplicate: on(Fault::Duplicate),
            resubmit: on(Fault::Resubmit),
            zombie: on(Fault::Zombie),
        };
        Self {
            scope,
            repeats,
            seen: Seen::default(),
            tree: Vec::new(),
            queue: VecDeque::new(),
            initial,
            explored: Explored::default(),
            here: Here::node(ROOT),
        }
    }

    /// Goes breadth first until a law breaks, a bound is met or nothing new is left.
    ///
    /// Also gives what was seen up to an abort.
    pub fn run(mut self, host: &mut H) -> (Explored, Option<H::Abort>) {
        let mut aborted = None;
        match self.search(host) {
            Ok(()) => {}
            Err(Halt::Abort(error)) => aborted = Some(*error),
            Err(Halt::Failed(failure)) => {
                self.explored.failure = Some((*failure, self.recording()));
            }
        }
        self.explored.states = self.seen.len();
        self.explored.frontier += self.queue.len();
        (self.explored, aborted)
    }

    fn search(&mut self, host: &mut H) -> Result<(), Halt<H::Abort>> {
        let print = Self::print(host, &self.driver(), 0)?;
        self.seen.insert(print);
        let image = host.image()?;
        let schedule = Schedule::default();
        let start = Node {
            image,
            schedule,
            now_ms: 0,
            faults: 0,
            depth: 0,
            at: ROOT,
        };
        self.settle(host, &start)?;
        self.queue.push_back(start);
        while let Some(node) = self.queue.pop_front() {
            if node.depth >= self.scope.depth || self.seen.len() >= self.scope.states {
                self.explored.frontier += 1;
                continue;
            }
            if !host
                .proceed(self.explored.transitions)
                .map_err(Halt::abort)?
            {
                self.explored.stopped = true;
                self.explored.frontier += 1;
                return Ok(());
            }
            for plan in self
                .scope
                .plans(&node.schedule, node.faults, host.can_invent())
            {
                self.expand(host, &node, &plan)?;
            }
        }
        Ok(())
    }

    fn driver(&self) -> Driver<H::Obj> {
        let guide = Guide::Explore(self.repeats);
        Driver::new(
            guide,
            self.scope.sources,
            u64::MAX,
            self.scope.switches,
            false,
        )
    }

    /// Performs a plan along every path of draws, first without and then with each fault inside it.
    fn expand(
        &mut self,
        host: &mut H,
        node: &Node<H>,
        plan: &StepPlan,
    ) -> Result<(), Halt<H::Abort>> {
        let mut path = Some(Vec::new());
        while let Some(choices) = path {
            let calls = self.perform(host, node, plan, choices.clone())?;
            path = host.next_path();
            if !self.scope.may_vary(plan, node.faults) {
                continue;
            }
            if let Some((adds, suspensions)) = calls {
                for variant in self.scope.variants(plan, adds, suspensions) {
                    self.perform(host, node, &variant, choices.clone())?;
                }
            }
        }
        Ok(())
    }

    /// Performs one step from a node and files where it leads.
    ///
    /// Gives how often its call added and suspended, or nothing if the step was not possible.
    fn perform(
        &mut self,
        host: &mut H,
        node: &Node<H>,
        plan: &StepPlan,
        path: Vec<u64>,
    ) -> Result<Option<(u32, u32)>, Halt<H::Abort>> {
        let mut driver = self.driver();
        let mut plan = plan.clone();
        let label = u64::from(node.depth) + 1;
        self.here = Here::node(node.at);
        host.load(&node.image)?;
        driver.schedule = node.schedule.clone();
        driver.now_ms = node.now_ms;
        driver.begin(label);
        host.begin_step(label, node.now_ms, None);
        host.follow(path);
        host.note_plan(label, &plan);
        let point = crash_point(&plan, &driver.schedule);
        let performed = driver.perform(host, &mut plan);
        self.explored.sampled |= host.sampled();
        let faults = node.faults + own_faults(&plan) + call_faults(&plan);
        self.here.step = Some(RecordedStep {
            label,
            plan,
            draws: host.take_draws(),
        });
        if performed? != Performed::Done {
            return Ok(None);
        }
        self.explored.transitions += 1;
        self.explored.counts.add(&driver.counts);
        if let Some(point) = point {
            *self.explored.crash_points.entry(point).or_default() += 1;
        }
        let calls = (driver.out.adds, driver.out.suspensions);
        self.file(host, driver, node, faults)?;
        Ok(Some(calls))
    }

    /// Keeps the situation to go on from if it is new.
    fn file(
        &mut self,
        host: &mut H,
        mut driver: Driver<H::Obj>,
        node: &Node<H>,
        faults: u32,
    ) -> Result<(), Halt<H::Abort>> {
        if faults >= self.scope.max_faults {
            // Nothing of this can happen any more, so it does not make situations different.
            driver.schedule.late.clear();
            driver.schedule.zombies.clear();
            driver.schedule.resubmits.clear();
        }
        let print = Self::print(host, &driver, faults)?;
        self.mark(print as u64)?;
        if !self.seen.insert(print) {
            return Ok(());
        }
        let depth = node.depth + 1;
        self.explored.depth = self.explored.depth.max(depth);
        let at = self.tree.len();
        self.tree.extend(self.here.step.take().map(|step| Branch {
            parent: node.at,
            step,
        }));
        self.here = Here::node(at);
        let image = host.image()?;
        let (schedule, now_ms) = (driver.schedule, driver.now_ms);
        let node = Node {
            image,
            schedule,
            now_ms,
            faults,
            depth,
            at,
        };
        self.settle(host, &node)?;
        self.queue.push_back(node);
        Ok(())
    }

    /// Puts where a step led on the trail.
    fn mark(&mut self, mark: u64) -> Result<(), Halt<H::Abort>> {
        self.explored.trail.push(mark);
        if self.scope.until == Some(self.explored.trail.len()) {
            return Err(Halt::failed("determinism", ""));
        }
        Ok(())
    }

    /// From every situation the machine must come to rest once the faults stop.
    fn settle(&mut self, host: &mut H, node: &Node<H>) -> Result<(), Halt<H::Abort>> {
        if !self.scope.settle || (node.schedule.outstanding() == 0 && !host.settles()) {
            return Ok(());
        }
        let mut driver = self.driver();
        driver.schedule = node.schedule.clone();
        driver.now_ms = node.now_ms;
        self.here.settling = true;
        host.load(&node.image)?;
        let settled = driver.settle(host, self.scope.settle_base, None);
        self.explored.counts.add(&driver.counts);
        settled?;
        let counts = &driver.counts;
        self.mark(counts.settle_steps ^ counts.accepted.rotate_left(32))?;
        self.explored.sampled |= host.sampled();
        self.here.settling = false;
        Ok(())
    }

    /// The steps that lead to where the search is.
    fn recording(&self) -> Recording {
        let mut steps: Vec<RecordedStep> = self.here.step.iter().cloned().collect();
        let mut at = self.here.at;
        while let Some(branch) = self.tree.get(at) {
            steps.push(branch.step.clone());
            at = branch.parent;
        }
        steps.reverse();
        let (initial, settles) = (self.initial.clone(), self.here.settling);
        Recording {
            initial,
            steps,
            settling: Vec::new(),
            settles,
        }
    }

    fn print(host: &mut H, driver: &Driver<H::Obj>, faults: u32) -> Result<u128, Halt<H::Abort>> {
        let mut mixer = Mixer::new();
        absorb(&mut mixer, host.fingerprint()?);
        mixer.absorb(u64::from(faults), 1);
        if !driver.schedule.is_bare() {
            absorb(&mut mixer, print_schedule(host, &driver.schedule)?);
        }
        if driver.now_ms != 0 {
            mixer.absorb(driver.now_ms as u64, 2);
        }
        Ok(mixer.finish())
    }
}
