//! A host without Python: a machine that counts jobs and bells, and a world that answers most of them.
//!
//! It writes down everything that happens, and it can be given one planted bug.

// Each test file takes what it needs.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use fasm_core::draws::{Draw, Draws, Method};
use fasm_core::driver::{Driver, End, Guide};
use fasm_core::faults::{Fault, FaultRates};
use fasm_core::host::{
    Commit, Emissions, Emitted, Event, Failure, Halt, Host, Invented, Outcome, Standing, Switches,
};
use fasm_core::planner::{Planner, Wishes};
use fasm_core::player::Player;
use fasm_core::recording::Recording;
use fasm_core::rng::{ChaCha8, SCENARIO_STREAM};
use fasm_core::step::{CallFaults, StepPlan};

/// Everything that passes through the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Number(u64),
    Job(u64),
    Bell(u64),
    Done(u64),
    Note(u64),
}

pub type Checked<T> = Result<T, Halt<String>>;

/// What is wrong with the machine, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    /// `restore` leaves out the third of three or more.
    RestoresTwo,
    /// A law breaks once three numbers of 50 or more were accepted and a crash came after the last of them.
    ThreeLargeThenACrash,
    /// Emits under the same id again after every tenth.
    RepeatsIds,
    /// Refuses every answer to the job with this number.
    Refuses(u64),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub next: u64,
    pub open: BTreeMap<u64, Option<i64>>,
    pub done: u64,
    pub large: u64,
    pub crashed: bool,
}

/// Machine, world and laws in one.
#[derive(Debug)]
pub struct Counter {
    pub state: State,
    pub log: Vec<String>,
    /// How often each source was asked.
    pub asked: [u32; 2],
    /// How often the world did each job.
    pub world: BTreeMap<u64, u32>,
    bug: Bug,
    before: State,
    draws: Draws,
    outstanding: BTreeMap<u64, u32>,
    finished: BTreeSet<u64>,
    healed: bool,
}

impl Counter {
    pub fn new(bug: Bug, draws: Draws) -> Self {
        Self {
            state: State::default(),
            log: Vec::new(),
            asked: [0; 2],
            world: BTreeMap::new(),
            bug,
            before: State::default(),
            draws,
            outstanding: BTreeMap::new(),
            finished: BTreeSet::new(),
            healed: false,
        }
    }

    fn write(&mut self, line: String) {
        self.log.push(line);
    }

    fn id(object: &Value) -> u64 {
        match object {
            Value::Number(id)
            | Value::Job(id)
            | Value::Bell(id)
            | Value::Done(id)
            | Value::Note(id) => *id,
        }
    }

    /// The machine. True if it accepts.
    fn stf(&mut self, event: &Event<'_, Value>, now_ms: i64, out: &mut Emissions<Value>) -> bool {
        match event {
            Event::Normal { source, value } => {
                let number = Self::id(value);
                if number == 13 {
                    return false;
                }
                let id = match self.bug {
                    Bug::RepeatsIds if self.state.next > 9 => 1,
                    _ => self.state.next,
                };
                let timer = (*source == 1).then(|| now_ms + 10_000 * number.cast_signed());
                let action = if timer.is_some() {
                    Value::Bell(id)
                } else {
                    Value::Job(id)
                };
                let id_object = Value::Number(id);
                out.tracked.push(Emitted {
                    id: id_object,
                    action,
                    timer,
                });
                out.untracked.push(Value::Note(id));
                self.state.open.insert(id, timer);
                self.state.next += 1;
                self.state.large += u64::from(number >= 50);
                true
            }
            Event::Completed { id, .. } => {
                let id = Self::id(id);
                if self.bug == Bug::Refuses(id) && self.state.open.contains_key(&id) {
                    return false;
                }
                if self.state.open.remove(&id).is_some() {
                    self.state.done += 1;
                }
                true
            }
        }
    }
}

impl Host for Counter {
    type Obj = Value;
    type Abort = String;

    fn duplicate(&self, object: &Value) -> Value {
        object.clone()
    }

    fn preserve(&mut self, object: &Value) -> Checked<Value> {
        Ok(object.clone())
    }

    fn proceed(&mut self, _step: u64) -> Result<bool, String> {
        Ok(true)
    }

    fn begin_step(&mut self, _step: u64, _now_ms: i64, script: Option<&[Draw]>) {
        if let Some(script) = script {
            self.draws.load_replay(script.to_vec(), true);
        }
    }

    fn take_draws(&mut self) -> Vec<Draw> {
        self.draws.take_log()
    }

    fn note_plan(&mut self, _label: u64, _plan: &StepPlan) {}

    fn note_absent(&mut self) {}

    fn source(&mut self, source: u32) -> Checked<Option<Value>> {
        let number = self.draws.below(Method::RandInt, 100);
        // It declines now and then, after it has drawn.
        let declines = number % 10 == 9;
        self.asked[source as usize] += 1;
        Ok((!declines).then_some(Value::Number(number)))
    }

    fn transition(
        &mut self,
        event: &Event<'_, Value>,
        now_ms: i64,
        faults: &CallFaults,
        out: &mut Emissions<Value>,
    ) -> Checked<Outcome> {
        self.before = self.state.clone();
        out.suspensions = 1;
        let accepted = self.stf(event, now_ms, out);
        out.adds = (out.tracked.len() + out.untracked.len()) as u32;
        out.actions_full = faults.actions_full > 0 && faults.actions_full <= out.adds;
        out.cancelled = faults.cancel == 1;
        out.state_error = faults.state_error == 1 && !out.cancelled;
        let outcome = if out.cancelled || out.state_error {
            Outcome::Interrupted
        } else if out.actions_full || !accepted {
            Outcome::Rejected
        } else {
            Outcome::Accepted
        };
        if outcome != Outcome::Accepted {
            self.state = self.before.clone();
        }
        self.write(format!("{event:?} at {now_ms}: {outcome:?}"));
        Ok(outcome)
    }

    fn commit(&mut self) -> Checked<Commit> {
        Ok(Commit::Done)
    }

    fn answer_client(&mut self, _event: &Event<'_, Value>, outcome: Outcome) -> Checked<()> {
        self.write(format!("told {outcome:?}"));
        Ok(())
    }

    fn crash(&mut self, uncommitted: bool) -> Checked<()> {
        if uncommitted {
            self.state = self.before.clone();
        }
        self.state.crashed |= self.state.large >= 3;
        self.write(format!("crash, {:?}", self.state));
        Ok(())
    }

    fn restore(&mut self, faults: &CallFaults, out: &mut Emissions<Value>) -> Checked<bool> {
        for (place, (&id, &timer)) in self.state.open.iter().enumerate() {
            if self.bug == Bug::RestoresTwo && place == 2 {
                continue;
            }
            out.adds += 1;
            if out.adds == faults.actions_full {
                out.actions_full = true;
                return Ok(false);
            }
            let action = if timer.is_some() {
                Value::Bell(id)
            } else {
                Value::Job(id)
            };
            let id = Value::Number(id);
            out.tracked.push(Emitted { id, action, timer });
        }
        self.write(format!("restores {}", out.tracked.len()));
        Ok(true)
    }

    fn execute(&mut self, action: &Value, attempt: u32) -> Checked<Option<Value>> {
        let id = Self::id(action);
        let deaf = !self.healed && self.draws.below(Method::RandInt, 10) == 1;
        *self.world.entry(id).or_default() += 1;
        self.write(format!(
            "execute {action:?}, attempt {attempt}, deaf {deaf}"
        ));
        Ok((!deaf).then_some(Value::Done(id)))
    }

    fn fired(&mut self, _at: i64) -> Checked<Value> {
        Ok(Value::Done(0))
    }

    fn observe(&mut self, action: &Value) -> Checked<()> {
        self.write(format!("observe {action:?}"));
        Ok(())
    }

    fn can_invent(&self) -> bool {
        true
    }

    fn invent(&mut self) -> Checked<Invented<Value>> {
        let id = self.draws.below(Method::RandInt, 50);
        Ok((id != 7).then_some((Value::Number(id), Value::Done(id))))
    }

    fn heal(&mut self) -> Checked<()> {
        self.healed = true;
        Ok(())
    }

    fn always(&mut self) -> Checked<()> {
        if self.bug == Bug::ThreeLargeThenACrash && self.state.crashed {
            return Err(Halt::failed(
                "invariant:small",
                "three large ones and a crash",
            ));
        }
        Ok(())
    }

    fn settled(&mut self) -> Checked<()> {
        self.write(format!("settled, {:?}", self.state));
        Ok(())
    }

    fn enter_id(&mut self, id: &Value, slot: u32, again: bool) -> Checked<Standing> {
        let id = Self::id(id);
        if let Some(&slot) = self.outstanding.get(&id) {
            return Ok(Standing::Outstanding(slot));
        }
        if !again && self.finished.contains(&id) {
            return Ok(Standing::Completed);
        }
        self.outstanding.insert(id, slot);
        Ok(Standing::Entered)
    }

    fn was_completed(&mut self, id: &Value) -> Checked<bool> {
        Ok(self.finished.contains(&Self::id(id)))
    }

    fn find_id(&mut self, id: &Value) -> Checked<Option<u32>> {
        Ok(self.outstanding.get(&Self::id(id)).copied())
    }

    fn retire_id(&mut self, id: &Value) -> Checked<()> {
        let id = Self::id(id);
        self.outstanding.remove(&id);
        self.finished.insert(id);
        Ok(())
    }

    fn note_emitted(&mut self, _action: &Value) -> Checked<()> {
        Ok(())
    }

    fn note_completed(&mut self, _action: &Value) {}

    fn note_dead(&mut self, action: &Value) {
        self.write(format!("dead {action:?}"));
    }

    fn show(&mut self, object: &Value) -> String {
        format!("{object:?}")
    }

    fn last_refusal(&mut self) -> String {
        String::from("no")
    }
}

/// Every fault, often.
pub fn all_faults() -> FaultRates {
    let mut rates = FaultRates::NONE;
    for fault in Fault::ALL {
        rates.set(fault, 0.1);
    }
    rates
}

pub fn wishes(rates: FaultRates) -> Wishes {
    Wishes {
        weights: vec![3, 1],
        swarmable: vec![true, true],
        rates,
        swarm: false,
        in_flight: None,
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub end: Result<End, Failure>,
    pub host: Counter,
    pub driver: Driver<Value>,
    pub recording: Recording,
}

/// Runs a seed, settles, and keeps the record.
pub fn run_seed(seed: u64, wishes: &Wishes, steps: u64, bug: Bug) -> Ran {
    let guide = Guide::Random(Box::new(Planner::new(seed, wishes)));
    let draws = Draws::random(ChaCha8::new(seed, SCENARIO_STREAM));
    drive(guide, draws, steps, bug, true)
}

/// Plays a record again.
pub fn replay(recording: &Recording, bug: Bug) -> Ran {
    let guide = Guide::Script(Player::new(recording.clone()));
    let draws = Draws::replay(recording.initial.clone(), true);
    drive(guide, draws, u64::MAX, bug, recording.settles)
}

fn drive(guide: Guide, mut draws: Draws, steps: u64, bug: Bug, settles: bool) -> Ran {
    draws.start_log();
    let mut host = Counter::new(bug, draws);
    let mut driver = Driver::new(guide, 2, steps, Switches::ALL, true);
    let mut settling = false;
    let mut outcome = driver.run(&mut host);
    if settles && outcome.is_ok() {
        settling = true;
        outcome = match driver.settle(&mut host, 1_000, None) {
            Ok(_) => outcome,
            Err(halt) => Err(halt),
        };
    }
    let end = outcome.map_err(|halt| match halt {
        Halt::Failed(failure) => *failure,
        Halt::Abort(reason) => panic!("aborted: {reason}"),
    });
    let mut recording = driver
        .recording()
        .map(std::mem::take)
        .expect("it was asked for");
    recording.settles = settling;
    Ran {
        end,
        host,
        driver,
        recording,
    }
}
