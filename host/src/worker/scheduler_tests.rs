//! The scheduler under random scripts, held against a model of a few lines.
//!
//! Connections come and go, are woken from their own thread and through their wakers, are
//! preempted, armed and expire. The model keeps what must happen in plain lists: no wake is lost,
//! nothing runs twice for one wake, nothing runs out of order, and no stale name does anything.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::Wake;

use proptest::prelude::*;

use super::inbox::{Inbox, TaskWaker};
use super::scheduler::{Scheduler, Token};
use super::timers::TICK_NANOSECONDS;
use crate::moment::Moment;

#[derive(Clone, Debug)]
enum Step {
    Insert,
    /// The others name a connection by its place among all that ever were, living or not.
    Remove(usize),
    Event(usize),
    Wake(usize),
    Preempt(usize),
    Arm(usize, u64),
    Advance(u64),
    Run,
    EndTurn,
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..12_usize;
    prop_oneof![
        3 => Just(Step::Insert),
        1 => any.clone().prop_map(Step::Remove),
        4 => any.clone().prop_map(Step::Event),
        3 => any.clone().prop_map(Step::Wake),
        2 => any.clone().prop_map(Step::Preempt),
        2 => (any, 0..50_u64).prop_map(|(which, ticks)| Step::Arm(which, ticks * TICK_NANOSECONDS)),
        2 => (0..40_u64).prop_map(|ticks| Step::Advance(ticks * TICK_NANOSECONDS)),
        4 => Just(Step::Run),
        2 => Just(Step::EndTurn),
    ]
}

/// What must hold of a scheduler, in the simplest form.
#[derive(Default)]
struct Model {
    /// Every token that ever was, with its waker, in order of insertion.
    tokens: Vec<(Token, Arc<TaskWaker>)>,
    living: HashSet<Token>,
    ready: Vec<Token>,
    preempted: Vec<Token>,
    /// Woken and not yet seen by the worker, in order.
    woken: Vec<Token>,
    deadlines: HashMap<Token, Moment>,
    now: u64,
}

impl Model {
    fn pick(&self, which: usize) -> Option<(Token, Arc<TaskWaker>)> {
        let index = which.checked_rem(self.tokens.len())?;
        Some(self.tokens[index].clone())
    }

    fn is_queued(&self, token: Token) -> bool {
        self.ready.contains(&token) || self.preempted.contains(&token)
    }

    fn schedule(&mut self, token: Token) {
        if self.living.contains(&token) && !self.is_queued(token) {
            self.ready.push(token);
        }
    }

    fn remove(&mut self, token: Token) -> bool {
        self.ready.retain(|&queued| queued != token);
        self.preempted.retain(|&queued| queued != token);
        self.deadlines.remove(&token);
        self.living.remove(&token)
    }
}

struct Both {
    scheduler: Scheduler<usize>,
    model: Model,
    /// Slots that were freed in this turn must not be given out again in it.
    freed: HashSet<u32>,
}

impl Both {
    fn new() -> Both {
        Both {
            scheduler: Scheduler::new(Arc::new(Inbox::new(None))),
            model: Model::default(),
            freed: HashSet::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Insert => self.insert(),
            Step::EndTurn => self.end_turn(),
            Step::Run => self.run(),
            Step::Advance(by) => self.advance(by),
            Step::Remove(which) => self.with(which, |both, token, _| {
                let removed = both.scheduler.remove(token).is_some();
                assert_eq!(removed, both.model.remove(token));
                if removed {
                    both.freed.insert(token.slot());
                }
            }),
            Step::Event(which) => self.with(which, |both, token, _| {
                both.scheduler.schedule(token);
                both.model.schedule(token);
            }),
            Step::Wake(which) => self.with(which, |both, token, waker| {
                waker.wake();
                if !both.model.woken.contains(&token) {
                    both.model.woken.push(token);
                }
            }),
            Step::Preempt(which) => self.with(which, |both, token, _| {
                both.scheduler.preempt(token);
                if both.model.living.contains(&token) && !both.model.is_queued(token) {
                    both.model.preempted.push(token);
                }
            }),
            Step::Arm(which, after) => self.with(which, |both, token, _| {
                let deadline = Moment::from_nanoseconds(both.model.now + after);
                both.scheduler.arm(token, deadline);
                if both.model.living.contains(&token) {
                    both.model.deadlines.insert(token, deadline);
                }
            }),
        }
    }

    fn with(&mut self, which: usize, act: impl FnOnce(&mut Both, Token, Arc<TaskWaker>)) {
        if let Some((token, waker)) = self.model.pick(which) {
            act(self, token, waker);
        }
    }

    fn insert(&mut self) {
        let number = self.model.tokens.len();
        let token = self.scheduler.insert(number);
        assert!(
            self.model.living.insert(token),
            "a living token is given out once"
        );
        assert!(
            !self.freed.contains(&token.slot()),
            "a slot waits for the end of the turn"
        );
        assert_eq!(Token::from_selector(token.to_selector()), token);
        let waker = TaskWaker::new(Arc::clone(self.scheduler.inbox()), token);
        self.model.tokens.push((token, waker));
    }

    /// The start of the next turn: wakes are taken in, deadlines pass.
    fn end_turn(&mut self) {
        self.scheduler.end_turn();
        self.freed.clear();
        let asleep = self.scheduler.inbox().prepare_to_sleep();
        assert_eq!(asleep, self.model.woken.is_empty(), "no wake is slept over");
        self.scheduler.take_wakes();
        for token in std::mem::take(&mut self.model.woken) {
            let (_, waker) = self
                .model
                .tokens
                .iter()
                .find(|(t, _)| *t == token)
                .expect("known");
            // The worker resets the waker when it resumes the task.
            waker.reset();
            self.model.schedule(token);
        }
    }

    fn advance(&mut self, by: u64) {
        self.model.now += by;
        let now = Moment::from_nanoseconds(self.model.now);
        while let Some(token) = self.scheduler.expire(now) {
            let deadline = self
                .model
                .deadlines
                .remove(&token)
                .expect("armed, not yet passed");
            assert!(deadline <= now, "no deadline passes early");
        }
        assert!(
            self.model
                .deadlines
                .values()
                .all(|deadline| *deadline > now),
            "none is lost"
        );
    }

    fn run(&mut self) {
        let next = (!self.model.ready.is_empty()).then(|| self.model.ready.remove(0));
        assert_eq!(self.scheduler.next_ready(), next);
        if next.is_none() {
            let next = (!self.model.preempted.is_empty()).then(|| self.model.preempted.remove(0));
            assert_eq!(self.scheduler.next_preempted(), next);
        }
    }

    fn finish(mut self) {
        self.end_turn();
        while self.scheduler.has_work() {
            self.run();
        }
        assert!(self.model.ready.is_empty() && self.model.preempted.is_empty());
        assert_eq!(self.scheduler.len(), self.model.living.len());
        for (number, &(token, _)) in self.model.tokens.iter().enumerate() {
            let expected = self.model.living.contains(&token).then_some(number);
            assert_eq!(
                self.scheduler.get(token).copied(),
                expected,
                "a stale token names nobody"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_wake_is_lost_nothing_runs_twice_and_nothing_out_of_order(
        script in prop::collection::vec(step(), 0..300)
    ) {
        let mut both = Both::new();
        for step in &script {
            both.apply(step);
        }
        both.finish();
    }
}

#[test]
fn a_wake_from_another_thread_while_the_task_runs_is_not_lost() {
    let mut scheduler = Scheduler::new(Arc::new(Inbox::new(None)));
    let token = scheduler.insert(());
    let waker = TaskWaker::new(Arc::clone(scheduler.inbox()), token);
    for _ in 0..1000 {
        // The worker resumes the task ...
        waker.reset();
        let elsewhere = Arc::clone(&waker);
        // ... and while it runs, what it is about to wait for happens on another thread.
        std::thread::spawn(move || elsewhere.wake())
            .join()
            .expect("waking does not panic");
        assert!(!scheduler.inbox().prepare_to_sleep());
        scheduler.take_wakes();
        assert_eq!(scheduler.next_ready(), Some(token));
    }
}
