//! What the planner makes of a blueprint's statements with the parameters that its application would send: the truth to which bindings
//! are compared.

use std::sync::Arc;

use pgtailor_blueprint::Blueprint;
use pgtailor_blueprint::draw::Deck;
use pgtailor_model::binding::{Binding, BindingOrigin};
use pgtailor_model::unit::count_as_f64;

use super::{BenchError, Filling, hidden};
use crate::planning::{PlanOptions, Prepared, Question, plan_costs};
use crate::session::ReadOnlySession;

/// Planner costs of a blueprint's statements, in their order: each the mean over `sets` drawn sets of parameters; `None` for one that the
/// server does not plan. Nothing is executed.
///
/// # Errors
/// [`BenchError`] when the blueprint cannot be used or the session is lost.
pub async fn mean_costs(
    session: &mut ReadOnlySession,
    blueprint: &Blueprint,
    filling: Filling,
    sets: u32,
    seed: u64,
) -> Result<Vec<Option<f64>>, BenchError> {
    let generator = Arc::new(blueprint.generator(filling.scale, filling.seed, filling.now)?);
    let deck = Deck::new(&blueprint.workload, &generator)?;
    let mut drawer = deck.drawer(seed, seed);
    let path = ["public".to_owned()];
    let mut means = Vec::new();
    for (position, statement) in blueprint.workload.statements().iter().enumerate() {
        let prepared = Prepared { text: statement.sql.clone(), types: vec![String::new(); statement.n_parameters()] };
        let sets = if statement.n_parameters() == 0 { 1 } else { sets };
        let mut bindings = Vec::new();
        for _ in 0..sets {
            let values = hidden(&deck.draw(position, &mut drawer));
            bindings.push(Binding { values, weight: 1.0, origin: BindingOrigin::Observed });
        }
        let questions: Vec<Question<'_>> =
            bindings.iter().map(|binding| Question { statement: &prepared, binding: Some(binding) }).collect();
        let costs = plan_costs(session, &questions, &path, PlanOptions::default()).await?;
        let sum: Result<f64, _> = costs.into_iter().sum();
        means.push(sum.ok().map(|sum| sum / count_as_f64(u64::from(sets))));
    }
    Ok(means)
}
