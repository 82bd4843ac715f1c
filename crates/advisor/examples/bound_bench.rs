//! How fast the gap closes: `cargo run --release -p pgtailor-advisor --example bound_bench [INSTANCE [SECONDS [CALLS]]]`.
//!
//! Instances, all made up from fixed numbers: `small` and `large` have 100 questions of 20 plans over 500 elements and 1,000 of 50 over 3,000, as in the
//! measurements by which solvers were compared; `joins` has 19 questions over 200 elements on 8 tables, each with three orders of joining
//! whose cost is the sum of what its tables cost, so that trees have more parts than can be asked about;
//! `rough` is the same with a planner that is not monotone: one answer of twenty is up to 5 % too dear. The limit is 10 % of all sizes (30 % for `joins`). Prints a line for every
//! batch of answers after which the time has doubled, and the end.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "the crate has no clock, but its measurement needs one")]

use std::convert::Infallible;
use std::time::Instant;

use pgtailor_advisor::bound::{BoundOptions, Incumbent, Limits, Program, Terms, bound};
use pgtailor_advisor::cost::{Costs, Element, Fact, Facts, Set};
use pgtailor_model::unit::{Bytes, count_as_f64, f64_as_count};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seconds: f64 = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(60.0);
    let calls: usize = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(20_000);
    let names = ["small", "large", "joins", "rough"];
    for name in names.into_iter().filter(|name| words.first().is_none_or(|word| word == name || word == "all")) {
        let (mut planner, program) = match name {
            "small" => plans(100, 20, 500),
            "large" => plans(1_000, 50, 3_000),
            _ => joins(),
        };
        planner.is_rough = name == "rough";
        let chosen = greedy(&planner, &program);
        let mut incumbent = Incumbent { cost: planner.cost(&program, &chosen), chosen };
        let nothing = planner.cost(&program, &Set::new());
        println!("{name}: nothing costs {nothing:.1}, greedy {:.3}", incumbent.cost);
        let began = Instant::now();
        for limit in [seconds / 16.0, seconds / 4.0, seconds] {
            let left = limit - began.elapsed().as_secs_f64();
            let options = BoundOptions {
                gap: 1e-6,
                calls: calls.saturating_sub(planner.asked),
                batch: 256,
                parts: 4_000,
                branchings: 1_000_000,
            };
            let round = Instant::now();
            let mut keep_going = || round.elapsed().as_secs_f64() < left;
            let Ok(outcome) = bound(&mut planner, &program, &incumbent, &options, &mut keep_going);
            incumbent = outcome.improved.unwrap_or(incumbent);
            println!(
                "  {:7.2} s: at least {:.4}, best {:.4}, gap {:.3} %, {} plannings in all, {:?}",
                began.elapsed().as_secs_f64(),
                outcome.lower,
                incumbent.cost,
                outcome.gap * 100.0,
                planner.asked,
                outcome.stop
            );
        }
    }
}

/// Numbers that look random and are always the same; the multiplier is Knuth's for 64 bits.
struct Numbers(u64);

impl Numbers {
    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        count_as_f64(self.0 >> 33) / count_as_f64(1 << 31)
    }

    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).expect("fits");
        usize::try_from(f64_as_count((self.share() * count_as_f64(n)).floor()).min(n - 1)).expect("fits")
    }

    /// Log-uniform between the two.
    fn between(&mut self, least: f64, most: f64) -> f64 {
        least * (most / least).powf(self.share())
    }
}

/// A way to read a table, or a whole plan: what it needs, and its cost.
type Way = (Set, f64);

struct Question {
    relevant: Set,
    /// Of these the cheapest counts; each costs the sum over its parts of the cheapest way that is possible.
    orders: Vec<Vec<Vec<Way>>>,
}

struct Planner {
    questions: Vec<Question>,
    facts: Vec<Facts>,
    asked: usize,
    is_rough: bool,
}

impl Question {
    fn new(orders: Vec<Vec<Vec<Way>>>) -> Self {
        Self { relevant: orders.iter().flatten().flatten().flat_map(|(needed, _)| needed.iter()).collect(), orders }
    }

    fn plan(&self, visible: &Set) -> Way {
        let plans = self.orders.iter().map(|parts| {
            let mut plan = (Set::new(), 0.0);
            for ways in parts {
                let possible = ways.iter().filter(|(needed, _)| needed.is_subset_of(visible));
                let (needed, cost) = possible.min_by(|one, other| one.1.total_cmp(&other.1)).expect("one way needs nothing");
                plan = (plan.0.union(needed), plan.1 + cost);
            }
            plan
        });
        plans.min_by(|one, other| one.1.total_cmp(&other.1)).expect("there is an order")
    }
}

impl Planner {
    fn new(questions: Vec<Question>) -> Self {
        Self { facts: vec![Facts::default(); questions.len()], questions, asked: 0, is_rough: false }
    }

    fn cost(&self, program: &Program, chosen: &Set) -> f64 {
        program.price(chosen)
            + self.questions.iter().map(|question| question.plan(&question.relevant.intersection(chosen)).1).sum::<f64>()
    }
}

impl Costs for Planner {
    type Error = Infallible;

    fn questions(&self) -> usize {
        self.questions.len()
    }

    fn weight(&self, _: usize) -> f64 {
        1.0
    }

    fn relevant(&self, question: usize) -> &Set {
        &self.questions[question].relevant
    }

    fn facts(&self, question: usize) -> &Facts {
        &self.facts[question]
    }

    fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), Infallible> {
        for (question, visible) in asked {
            self.asked += 1;
            let visible = visible.intersection(&self.questions[*question].relevant);
            let (used, mut cost) = self.questions[*question].plan(&visible);
            if self.is_rough {
                let seen =
                    visible.iter().fold(7, |seen: u64, element| seen.wrapping_mul(1_000_003).wrapping_add(u64::from(element)));
                let mut numbers = Numbers(seen);
                numbers.share();
                cost *= if numbers.share() < 0.05 { 1.0 + 0.05 * numbers.share() } else { 1.0 };
            }
            self.facts[*question].learn(Fact { visible, used, floor: cost, cost });
        }
        Ok(())
    }
}

/// Each question has plans that need one to three of a dozen elements.
fn plans(questions: usize, plans: usize, elements: usize) -> (Planner, Program) {
    let mut numbers = Numbers(7);
    let questions = (0..questions)
        .map(|_| {
            let near: Vec<Element> = (0..12).map(|_| element(numbers.below(elements))).collect();
            let scan = numbers.between(0.2, 1.0);
            let mut ways: Vec<Way> = (0..plans)
                .map(|_| {
                    let n = 1 + numbers.below(3);
                    let needed: Set = (0..n).map(|_| near[numbers.below(near.len())]).collect();
                    let cost =
                        scan * numbers.between(0.05, 0.9) / (1.0 + 0.5 * count_as_f64(u64::try_from(needed.len()).expect("few")));
                    (needed, cost)
                })
                .collect();
            ways.push((Set::new(), scan));
            Question::new(vec![vec![ways]])
        })
        .collect();
    (Planner::new(questions), program(&mut numbers, elements, 0.1, |_| 0))
}

/// Each question joins some of eight tables of very different sizes, and reads each through at most one of its indexes.
fn joins() -> (Planner, Program) {
    const TABLES: [(usize, f64); 8] = [(60, 60.0), (40, 15.0), (25, 8.0), (25, 2.0), (20, 1.5), (14, 0.1), (10, 0.01), (6, 0.01)];
    let mut numbers = Numbers(11);
    let elements = TABLES.iter().map(|(n, _)| n).sum();
    let table_of: Vec<usize> = TABLES.iter().enumerate().flat_map(|(table, (n, _))| vec![table; *n]).collect();
    let questions = (0..19)
        .map(|_| {
            let joined = 2 + numbers.below(6);
            let parts: Vec<Vec<Way>> = (0..joined)
                .map(|at| {
                    let table = if at == 0 { numbers.below(2) } else { numbers.below(TABLES.len()) };
                    let own: Vec<usize> = (0..elements).filter(|element| table_of[*element] == table).collect();
                    let scan = TABLES[table].1;
                    let mut ways: Vec<Way> = vec![(Set::new(), scan)];
                    for _ in 0..4 + numbers.below(own.len()) / 2 {
                        let needed = (0..=numbers.below(2)).map(|_| element(own[numbers.below(own.len())]));
                        ways.push((needed.collect(), scan * numbers.between(0.4, 1.0)));
                    }
                    ways
                })
                .collect();
            // Another order makes some tables dearer and others cheaper, whichever way they are read.
            let orders = (0..3).map(|_| {
                let scaled = parts.iter().map(|ways| {
                    let factor = numbers.between(0.8, 1.25);
                    ways.iter().map(|(needed, cost)| (needed.clone(), cost * factor)).collect()
                });
                scaled.collect()
            });
            Question::new(orders.collect())
        })
        .collect();
    let program = program(&mut numbers, elements, 0.06, |element| table_of[element]);
    let scaled = program.elements.into_iter().zip(&table_of).map(|(terms, table)| {
        let size = f64_as_count(terms.size.as_f64() * TABLES[*table].1).max(1);
        Terms { size: Bytes(size), upkeep: terms.upkeep * TABLES[*table].1 / 60.0, ..terms }
    });
    let elements: Vec<Terms> = scaled.collect();
    let all: f64 = elements.iter().map(|terms| terms.size.as_f64()).sum();
    let limits = Limits { bytes: Some(Bytes(f64_as_count(all * 0.06))), ..Limits::default() };
    (Planner::new(questions), Program { elements, limits })
}

fn program(numbers: &mut Numbers, elements: usize, limit: f64, table: impl Fn(usize) -> usize) -> Program {
    let elements: Vec<Terms> = (0..elements)
        .map(|at| Terms {
            size: Bytes(f64_as_count(numbers.between(1e6, 1e8))),
            upkeep: 0.001 * numbers.share(),
            least: 0.0,
            table: u32::try_from(table(at)).expect("few"),
            is_counted: true,
            fixed: None,
        })
        .collect();
    let all: f64 = elements.iter().map(|terms| terms.size.as_f64()).sum();
    Program { elements, limits: Limits { bytes: Some(Bytes(f64_as_count(all * limit))), ..Limits::default() } }
}

/// What fits, by gain for its size, one plan of one question after the other, in three passes.
fn greedy(planner: &Planner, program: &Program) -> Set {
    let mut chosen = Set::new();
    let sizes = |set: &Set| set.iter().map(|at| program.elements[index(at)].size.as_f64()).sum::<f64>();
    let mut left = program.limits.bytes.map_or(f64::INFINITY, Bytes::as_f64);
    for _ in 0..3 {
        let mut wanted: Vec<(f64, &Vec<Way>, &Way)> = Vec::new();
        for ways in planner.questions.iter().flat_map(|question| question.orders.iter().flatten()) {
            let now = cheapest(ways, &chosen);
            let better = ways.iter().filter(|(_, cost)| *cost < now);
            wanted.extend(better.map(|way| ((now - way.1) / sizes(&way.0.difference(&chosen)), ways, way)));
        }
        wanted.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (_, ways, (needed, cost)) in wanted {
            let missing = needed.difference(&chosen);
            if *cost < cheapest(ways, &chosen) && sizes(&missing) <= left {
                left -= sizes(&missing);
                chosen = chosen.union(&missing);
            }
        }
    }
    chosen
}

fn cheapest(ways: &[Way], seen: &Set) -> f64 {
    ways.iter().filter(|(needed, _)| needed.is_subset_of(seen)).map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min)
}

fn element(position: usize) -> Element {
    Element::try_from(position).expect("there are few elements")
}

fn index(element: Element) -> usize {
    usize::try_from(element).expect("positions are wide enough")
}
