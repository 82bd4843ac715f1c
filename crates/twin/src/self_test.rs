//! How faithful a twin is: plans of the source's own statements, node by node.

use pgtailor_model::binding::{Binding, BindingOrigin, Literal};
use pgtailor_model::planner::SourcePlan;
use pgtailor_postgres::planning::{Prepared, Question, Refusal, nodes, plans};
use serde_json::Value;

use crate::error::TwinError;
use crate::raise::Twin;
use crate::session::own_server;

/// What comparing plans brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelfTest {
    /// Plans of the source that were asked for.
    pub asked: usize,
    /// Those that are the same at every node, in every number.
    pub identical: usize,
    /// Others that do the same at every node, with other numbers.
    pub alike: usize,
    /// The others, largest deviation first.
    pub deviations: Vec<Deviation>,
}

/// A plan that is not the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// The statement's fingerprint.
    pub fingerprint: String,
    /// Its text.
    pub text: String,
    /// What is not the same, as a clause.
    pub what: String,
    /// Whether every node does the same.
    pub shape: Shape,
    /// Total planner cost on the source.
    pub source_cost: f64,
    /// The same in the twin; `None` when it was not planned there.
    pub twin_cost: Option<f64>,
}

/// What two plans do, numbers aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The same at every node.
    Same,
    /// Something else somewhere.
    Other,
}

impl Deviation {
    /// How far the costs are apart: the larger divided by the smaller, infinite for a statement that was not planned.
    pub fn factor(&self) -> f64 {
        let Some(cost) = self.twin_cost else { return f64::INFINITY };
        let (low, high) = if cost < self.source_cost { (cost, self.source_cost) } else { (self.source_cost, cost) };
        if low > 0.0 {
            high / low
        } else if high > 0.0 {
            f64::INFINITY
        } else {
            1.0
        }
    }
}

impl SelfTest {
    /// The share of plans that are the same, 0 to 1; 1 when none was asked for.
    pub fn share(&self) -> f64 {
        let count = |count: usize| pgtailor_model::unit::count_as_f64(u64::try_from(count).unwrap_or(u64::MAX));
        if self.asked == 0 { 1.0 } else { count(self.identical) / count(self.asked) }
    }
}

impl Twin {
    /// Plans the source's statements again and compares every node.
    pub async fn self_test(&self) -> Result<SelfTest, TwinError> {
        self.compare(&self.inputs.plans).await
    }

    /// The same with other plans of the source.
    pub async fn compare(&self, source: &[SourcePlan]) -> Result<SelfTest, TwinError> {
        let mut session = self.session().await?;
        let prepared: Vec<(Prepared, Option<Binding>)> = source.iter().map(asked).collect();
        let questions: Vec<Question<'_>> =
            prepared.iter().map(|(statement, binding)| Question { statement, binding: binding.as_ref() }).collect();
        let answers = plans(&mut session, &questions, &self.inputs.search_path, own_server()).await?;
        let mut test = SelfTest { asked: source.len(), ..SelfTest::default() };
        for (source, answer) in source.iter().zip(answers) {
            match deviation(source, answer) {
                None => test.identical += 1,
                Some(deviation) => {
                    test.alike += usize::from(deviation.shape == Shape::Same);
                    test.deviations.push(deviation);
                }
            }
        }
        test.deviations.sort_by(|one, other| other.factor().total_cmp(&one.factor()));
        Ok(test)
    }
}

/// A stored statement as the planning module takes it.
fn asked(plan: &SourcePlan) -> (Prepared, Option<Binding>) {
    let statement = Prepared { text: plan.text.clone(), types: plan.types.clone() };
    let binding = plan.values.as_ref().map(|values| Binding {
        values: values.iter().map(|value| value.as_ref().map(Literal::new)).collect(),
        weight: plan.weight,
        origin: BindingOrigin::Observed,
    });
    (statement, binding)
}

fn deviation(source: &SourcePlan, answer: Result<Value, Refusal>) -> Option<Deviation> {
    let source_cost = source.nodes.first().map_or(0.0, |top| top.total_cost);
    let deviation = |what: String, shape: Shape, twin_cost| {
        let (fingerprint, text) = (source.fingerprint.clone(), source.text.clone());
        Some(Deviation { fingerprint, text, what, shape, source_cost, twin_cost })
    };
    let twin = match answer {
        Ok(plan) => nodes(&plan),
        Err(refusal) => return deviation(format!("it is not planned in the twin: {}", refusal.reason), Shape::Other, None),
    };
    let twin_cost = twin.first().map(|top| top.total_cost);
    if source.nodes.len() != twin.len() {
        return deviation("its plan has another shape".to_owned(), Shape::Other, twin_cost);
    }
    // The deepest node that differs is where it begins: costs add up above it.
    let pairs = source.nodes.iter().zip(&twin);
    let first = pairs.filter(|(source, twin)| source != twin).max_by_key(|(source, _)| source.depth);
    let (there, here) = first?;
    let does_the_same = source.nodes.iter().zip(&twin).all(|(source, twin)| source.what == twin.what);
    let what = if there.what == here.what {
        format!(
            "{}: cost {}, {} rows of {} bytes there, cost {}, {} rows of {} bytes here",
            there.what, there.total_cost, there.rows, there.width, here.total_cost, here.rows, here.width
        )
    } else {
        format!("{} there, {} here", there.what, here.what)
    };
    deviation(what, if does_the_same { Shape::Same } else { Shape::Other }, twin_cost)
}
