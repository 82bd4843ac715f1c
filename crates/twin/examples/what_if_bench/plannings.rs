//! Plannings a second with one session and with more, and what each costs the two sides in processor time, which other work on the machine
//! does not touch.

use std::time::{Duration, Instant};

use pgtailor_model::unit::count_as_f64;
use pgtailor_model::what_if::{Configuration, Question};
use pgtailor_twin::{Twin, TwinWhatIf};

use crate::speed::{Outcome, ROUNDS};

/// What one way brought.
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// Plannings a second, the best of all rounds.
    rate: f64,
    /// Processor time of a planning, in microseconds, over all rounds.
    client: f64,
    server: f64,
}

/// Prints how fast `questions` are planned, each `times` in a round.
pub async fn print(mut twin: Twin, name: &str, questions: &[Question<'_>], times: usize) -> Outcome<Twin> {
    let mut speeds = [Speed { rate: 0.0, client: 0.0, server: 0.0 }; 3];
    for _ in 0..ROUNDS {
        for (at, best) in speeds.iter_mut().enumerate() {
            let (back, found) = plannings(twin, at + 1, questions, times).await?;
            twin = back;
            *best = Speed {
                rate: best.rate.max(found.rate),
                client: best.client + found.client / count_as_f64(u64::try_from(ROUNDS)?),
                server: best.server + found.server / count_as_f64(u64::try_from(ROUNDS)?),
            };
        }
    }
    let [one, two, three] = speeds;
    println!(
        "plannings a second, {name}: one session {:.0}, two {:.0} ({:+.0} %, limit +80 %), three {:.0}",
        one.rate,
        two.rate,
        (two.rate / one.rate - 1.0) * 100.0,
        three.rate
    );
    println!(
        "  processor time each: client {:.0} us, server {:.0} us with one session; {:.0} and {:.0} with two",
        one.client, one.server, two.client, two.server
    );
    Ok(twin)
}

/// With so many sessions, after each has planned every statement.
async fn plannings(twin: Twin, sessions: usize, questions: &[Question<'_>], times: usize) -> Outcome<(Twin, Speed)> {
    let mut what_if = TwinWhatIf::open(twin, sessions).await?;
    let warm = questions.repeat(sessions * 2);
    what_if.plan(&Configuration::default(), &warm).await?;
    let asked = questions.repeat(times);
    let before = (own_time()?, what_if.twin().lab().cpu_time()?);
    let began = Instant::now();
    let answers = what_if.plan(&Configuration::default(), &asked).await?;
    let took = began.elapsed();
    let after = (own_time()?, what_if.twin().lab().cpu_time()?);
    let planned = count_as_f64(u64::try_from(answers.iter().filter(|answer| answer.is_ok()).count())?);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / planned;
    let speed = Speed {
        rate: planned / took.as_secs_f64(),
        client: each(after.0.saturating_sub(before.0)),
        server: each(after.1.saturating_sub(before.1)),
    };
    Ok((what_if.close().await?, speed))
}

/// Processor time of this process so far: of all its threads that still run (Linux).
pub fn own_time() -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let told = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += told.split(' ').next().ok_or("no time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
