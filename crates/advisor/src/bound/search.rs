//! Branch and bound over the elements, while the planner makes the problem more exact.
//!
//! The node with the lowest bound is solved. If it picks open parts, the planner is asked about them, which raises the bound more than branching
//! would; else the element that is least decided is fixed both ways. Bounds of all nodes stay valid as facts come in, since those only make
//! choices dearer. Start reading at [`Search::run`].

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;

use super::lagrange::{self, Effort, Solution};
use super::model::{Fixed, Model};
use super::program::Program;
use super::relaxation::Relaxation;
use super::{BoundOptions, Incumbent, Stop, direct, round};
use crate::cost::{Costs, Set};

/// Parts of a choice below this are noise of the averages.
const NOTICEABLE: f64 = 0.02;

/// Numbers kept for all open nodes together, for starting well; nodes beyond it start from the root's prices. 128 MB.
const KEPT: usize = 1 << 24;

/// How often a rounded configuration is improved with what pricing it told.
const IMPROVEMENTS: usize = 4;

/// Effort where the problem is new, and where it changed little.
const THOROUGH: Effort = Effort { evaluations: 1_500, patience: 100 };
const BRIEF: Effort = Effort { evaluations: 300, patience: 40 };

/// Configurations in which some elements are fixed.
pub(super) struct Node {
    /// None of them costs less.
    pub(super) bound: f64,
    pub(super) fixed: Rc<Fixed>,
    /// Later ones first where bounds are equal, so that the search goes deep.
    number: usize,
    prices: Rc<Kept>,
}

/// Prices by the numbers of links and limits, to start the next solution from.
#[derive(Default)]
struct Kept {
    links: Vec<f64>,
    limits: Vec<f64>,
}

pub(super) struct Search<'a, C: Costs> {
    costs: &'a mut C,
    pub(super) model: Model<'a>,
    options: BoundOptions,
    best: Incumbent,
    open: BinaryHeap<Reverse<Node>>,
    /// The least bound of nodes that are done.
    settled: f64,
    tried: BTreeSet<Set>,
    /// By element, what trees are cut by.
    rank: Vec<f64>,
    calls: usize,
    /// Those of the calls that priced configurations.
    tries: usize,
    /// How many nodes there were.
    nodes: usize,
    /// How often an element was fixed both ways.
    branchings: usize,
}

impl<'a, C: Costs> Search<'a, C> {
    /// Nothing when no configuration obeys the limits.
    pub(super) fn new(costs: &'a mut C, program: &'a Program, incumbent: &Incumbent, options: BoundOptions) -> Option<Self> {
        let model = Model::new(costs, program)?;
        let root = Node { bound: f64::NEG_INFINITY, number: 0, fixed: Rc::new(model.fixed.clone()), prices: Rc::default() };
        Some(Self {
            costs,
            model,
            options,
            best: incumbent.clone(),
            open: BinaryHeap::from([Reverse(root)]),
            settled: f64::INFINITY,
            tried: BTreeSet::new(),
            // The largest first: they are on large tables, so going without them costs most, and having to have them is hardest. That the order
            // is always the same matters as much, since then parts often see the same. With joins over eight tables, on which each question
            // had one order of joining, the gap was 0.6 % after 1,700 plannings; in a random order 9.7 % after 2,000; and where the elements
            // least chosen so far came first, 4 % after 3,000.
            rank: program.elements.iter().map(|terms| -terms.size.as_f64()).collect(),
            calls: 0,
            tries: 0,
            nodes: 0,
            branchings: 0,
        })
    }

    /// The bound, the best configuration, and how many plannings were asked for.
    pub(super) fn into_result(self) -> (f64, Incumbent, usize) {
        (self.lower(), self.best, self.calls)
    }

    /// No configuration costs less, the best included: where answers contradict each other it can cost less than they say it must.
    pub(super) fn lower(&self) -> f64 {
        let open = self.open.peek().map_or(f64::INFINITY, |node| node.0.bound);
        open.min(self.settled).clamp(0.0, self.best.cost.max(0.0))
    }

    /// The least bound of nodes that are done.
    #[cfg(feature = "exact")]
    pub(super) fn settled(&self) -> f64 {
        self.settled
    }

    /// The node with the lowest bound.
    #[cfg(feature = "exact")]
    pub(super) fn take(&mut self) -> Option<Node> {
        self.open.pop().map(|node| node.0)
    }

    /// Puts a node back.
    #[cfg(feature = "exact")]
    pub(super) fn put(&mut self, node: Node) {
        self.open.push(Reverse(node));
    }

    /// Until the gap is reached or something is spent.
    pub(super) fn run(&mut self, keep_going: &mut dyn FnMut() -> bool) -> Result<Stop, C::Error> {
        self.begin(keep_going)?;
        let mut effort = THOROUGH;
        while let Some(Reverse(node)) = self.open.pop() {
            let stop = if node.bound.min(self.settled) >= self.good_enough() {
                Some(Stop::GapReached)
            } else {
                (!keep_going()).then_some(Stop::Interrupted)
            };
            if let Some(stop) = stop {
                self.open.push(Reverse(node));
                return Ok(stop);
            }
            if !self.visit(&node, effort, keep_going)? {
                return Ok(Stop::BranchingsSpent);
            }
            effort = BRIEF;
        }
        Ok(if self.settled >= self.good_enough() { Stop::GapReached } else { Stop::Exhausted })
    }

    /// A bound that leaves no more of a gap than is wanted.
    pub(super) fn good_enough(&self) -> f64 {
        self.best.cost - self.options.gap.max(1e-9) * self.best.cost.abs()
    }

    /// Reads what is known, and asks what every question costs with everything and with nothing.
    fn begin(&mut self, keep_going: &mut dyn FnMut() -> bool) -> Result<(), C::Error> {
        self.read();
        let nothing: Set = Model::set(&self.model.fixed.iter().map(|fixed| *fixed == Some(true)).collect::<Vec<bool>>());
        let mut asked = Vec::new();
        for (question, tree) in self.model.trees.iter().enumerate() {
            let seen = self.costs.relevant(question).intersection(&nothing);
            if self.costs.facts(question).bounds(&seen).1.is_infinite() {
                asked.push((question, seen));
            }
            asked.extend(tree.parts().iter().filter(|part| part.floor <= 0.0).map(|part| (question, tree.sees(part))));
        }
        for batch in asked.chunks(self.options.batch.max(1)) {
            if !keep_going() {
                break;
            }
            self.ask(batch)?;
        }
        Ok(())
    }

    /// Asks as far as calls are left, and reads the answers.
    pub(super) fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), C::Error> {
        let asked = &asked[..asked.len().min(self.options.calls.saturating_sub(self.calls))];
        if !asked.is_empty() {
            self.calls += asked.len();
            self.costs.ask(asked)?;
            self.read();
        }
        Ok(())
    }

    fn read(&mut self) {
        for (question, tree) in self.model.trees.iter_mut().enumerate() {
            tree.read(self.costs.facts(question), &self.rank, self.options.parts);
        }
    }

    /// Bounds a node, and puts what is left of it back; false when an element would have to be fixed and must not.
    fn visit(&mut self, node: &Node, effort: Effort, keep_going: &mut dyn FnMut() -> bool) -> Result<bool, C::Error> {
        let Some(relaxation) = Relaxation::new(&self.model, &node.fixed) else {
            return Ok(true);
        };
        let start = start(&relaxation, &node.prices);
        let solution = lagrange::solve(&relaxation, start, self.good_enough(), effort, keep_going);
        let bound = solution.bound.max(node.bound);
        if bound >= self.good_enough() {
            self.settled = self.settled.min(bound);
            return Ok(true);
        }
        let mut fixed = (*node.fixed).clone();
        if !self.fix(&relaxation, &solution, &mut fixed) {
            return Ok(true);
        }
        let mut shares: Vec<f64> = fixed.iter().map(|fixed| if *fixed == Some(true) { 1.0 } else { 0.0 }).collect();
        for (column, share) in relaxation.columns.iter().zip(&solution.columns) {
            if fixed[*column].is_none() {
                shares[*column] = *share;
            }
        }
        let prices = if self.open.len() * (self.model.n_links() + 1) < KEPT {
            Rc::new(keep(&self.model, &relaxation, &solution, &node.prices))
        } else {
            Rc::clone(&node.prices)
        };
        let rest = Node { bound, fixed: Rc::new(fixed), number: node.number, prices };
        // Time that is up is not spent on plannings.
        if !keep_going() {
            self.open.push(Reverse(rest));
            return Ok(true);
        }
        let asked = self.unexplored(&relaxation, &solution.choices);
        if asked.is_empty() || self.tries <= self.calls / 2 {
            self.round(&rest.fixed, &shares)?;
        }
        let is_open = relaxation.columns.iter().any(|column| rest.fixed[*column].is_none());
        if !asked.is_empty() {
            self.ask(&asked)?;
            self.open.push(Reverse(rest));
        } else if is_open && self.branchings >= self.options.branchings {
            self.open.push(Reverse(rest));
            return Ok(false);
        } else {
            self.branch(&relaxation, &solution, &shares, rest);
        }
        Ok(true)
    }

    /// Fixes what would reach the wanted bound if it were otherwise; false when the limits allow nothing then.
    fn fix(&mut self, relaxation: &Relaxation, solution: &Solution, fixed: &mut Fixed) -> bool {
        for (column, reduced) in relaxation.columns.iter().zip(&solution.reduced) {
            let otherwise = solution.bound + reduced.abs();
            if otherwise >= self.good_enough() {
                self.settled = self.settled.min(otherwise);
                fixed[*column] = Some(*reduced < 0.0);
            }
        }
        self.model.settle(fixed)
    }

    /// Prices the configuration nearest to `shares`, and what it becomes with what is learned from that.
    pub(super) fn round(&mut self, fixed: &Fixed, shares: &[f64]) -> Result<(), C::Error> {
        let mut next = round::round(&self.model, fixed, shares);
        for _ in 0..IMPROVEMENTS {
            let Some(chosen) = next else { break };
            self.try_out(&Model::set(&chosen))?;
            next = round::improve(&self.model, fixed, &chosen).filter(|improved| *improved != chosen);
        }
        Ok(())
    }

    /// Prices a configuration if it was not and looks better than the best.
    fn try_out(&mut self, chosen: &Set) -> Result<(), C::Error> {
        if !self.tried.insert(chosen.clone()) {
            return Ok(());
        }
        let limit = self.best.cost * (1.0 - 1e-9);
        let left = self.options.calls.saturating_sub(self.calls);
        let (cost, calls) = direct::price(self.costs, self.model.program, chosen, limit, left)?;
        self.calls += calls;
        self.tries += calls;
        if let Some(cost) = cost {
            self.best = Incumbent { chosen: chosen.clone(), cost };
        }
        if calls > 0 {
            self.read();
        }
        Ok(())
    }

    /// What to ask about the open parts that were picked most, weighted with what they could turn out dearer; none of them comes again.
    pub(super) fn unexplored(&mut self, relaxation: &Relaxation, shares: &[f64]) -> Vec<(usize, Set)> {
        let mut picked: Vec<(f64, usize, usize)> = Vec::new();
        for question in &relaxation.questions {
            let tree = &self.model.trees[question.number];
            for (choice, share) in relaxation.choices[question.choices.clone()].iter().zip(&shares[question.choices.clone()]) {
                let part =
                    choice.part.and_then(|at| tree.parts().get(at).filter(|part| part.is_unexplored()).map(|part| (at, part)));
                if let Some((at, part)) = part.filter(|_| *share > NOTICEABLE) {
                    let dearer = self.model.weights[question.number] * tree.ceiling(&part.requires) - choice.cost;
                    picked.push((share * dearer, question.number, at));
                }
            }
        }
        picked.sort_by(|one, other| other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
        picked.truncate(self.options.batch.min(self.options.calls.saturating_sub(self.calls)));
        let trees = &mut self.model.trees;
        picked.into_iter().map(|(_, question, part)| (question, trees[question].ask(part))).collect()
    }

    /// Fixes the element of `node` that is least decided both ways.
    fn branch(&mut self, relaxation: &Relaxation, solution: &Solution, shares: &[f64], node: Node) {
        let mut paid = relaxation.having.clone();
        for (link, price) in relaxation.links.iter().zip(&solution.prices) {
            paid[link.column] += price.abs();
        }
        let undecided = relaxation.columns.iter().zip(&paid).filter(|(column, _)| node.fixed[**column].is_none());
        // What is paid says how much the decision matters; a little of it counts also where the averages are decided.
        let weight = |column: usize, paid: f64| (0.01 + shares[column].min(1.0 - shares[column])) * paid;
        let chosen = undecided.max_by(|(one, one_paid), (other, other_paid)| {
            weight(**one, **one_paid).total_cmp(&weight(**other, **other_paid)).then(other.cmp(one))
        });
        let Some((chosen, _)) = chosen else {
            if relaxation.columns.is_empty() {
                // Everything that matters was fixed, so the bound is exact.
                self.settled = self.settled.min(node.bound);
            } else {
                // The last of it was fixed just now.
                self.open.push(Reverse(node));
            }
            return;
        };
        self.branchings += 1;
        let likely = shares[*chosen] >= 0.5;
        for value in [!likely, likely] {
            let mut fixed = (*node.fixed).clone();
            fixed[*chosen] = Some(value);
            if self.model.settle(&mut fixed) {
                self.nodes += 1;
                self.open.push(Reverse(Node {
                    fixed: Rc::new(fixed),
                    number: self.nodes,
                    prices: Rc::clone(&node.prices),
                    ..node
                }));
            }
        }
    }
}

/// Prices to start with: those kept, by number.
fn start(relaxation: &Relaxation, kept: &Kept) -> lagrange::Prices {
    let links = relaxation.links.iter().map(|link| kept.links.get(link.number).copied().unwrap_or_default());
    let limits = relaxation.limits.iter().skip(1).map(|limit| kept.limits.get(limit.row).copied().unwrap_or_default());
    links.chain(limits).collect()
}

/// Prices to keep: those of the solution, by number, and those from before of what was not in it.
fn keep(model: &Model<'_>, relaxation: &Relaxation, solution: &Solution, before: &Kept) -> Kept {
    let mut links = before.links.clone();
    links.resize(model.n_links(), 0.0);
    for (link, price) in relaxation.links.iter().zip(&solution.prices) {
        links[link.number] = *price;
    }
    let mut limits = before.limits.clone();
    limits.resize(model.rows.len(), 0.0);
    for (limit, price) in relaxation.limits.iter().skip(1).zip(&solution.prices[relaxation.links.len()..]) {
        limits[limit.row] = *price;
    }
    Kept { links, limits }
}

impl Ord for Node {
    /// By bound; of equal ones the later is less.
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Node {}
