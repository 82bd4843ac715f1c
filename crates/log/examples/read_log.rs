//! How fast logs are read, and in how much memory: `cargo run --release --example read_log [MEGABYTES]`.
//!
//! For each format a block of entries is made, as a busy application leaves them, and read again and again until it comes to a gigabyte,
//! or as many megabytes as said. No file is involved. Prints the speed by wall-clock time, the best of three, and by processor time, and
//! this process's peak of resident memory (`VmHWM`, Linux).

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program that measures has a clock and reads its own numbers; the crate does not"
)]

use std::fmt::Write as _;
use std::io::{self, Read};
use std::time::Instant;

use pgtailor_log::{LogOptions, read};

/// Messages in a block: some megabytes, more than any cache holds.
const MESSAGES: u32 = 20_000;

/// What must hold, in megabytes a second on one core, and megabytes.
const SPEED_LIMIT: u32 = 200;
const MEMORY_LIMIT: u32 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let megabytes: usize = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    for (name, write) in [("stderr", stderr as Writer), ("csvlog", csv), ("jsonlog", json)] {
        let block = block(write);
        let repetitions = (megabytes * 1_000_000).div_ceil(block.len());
        let bytes = block.len() * repetitions;
        let mut best: Option<(f64, f64)> = None;
        for _ in 0..3 {
            let (began, processor) = (Instant::now(), processor_seconds()?);
            let mut executions = 0_u64;
            let input = Repeated { block: block.as_bytes(), at: 0, left: repetitions };
            let report = read(input, &LogOptions::default(), &mut |execution| {
                executions += u64::from(execution.duration.is_some());
            })?;
            assert!(report.skipped.is_empty() && report.executions == executions && executions > 0, "{report:?}");
            let seconds = (began.elapsed().as_secs_f64(), processor_seconds()? - processor);
            best = Some(best.map_or(seconds, |best| (best.0.min(seconds.0), best.1.min(seconds.1))));
        }
        let (wall, processor) = best.expect("three were run");
        let speed = |seconds: f64| f64::from(u32::try_from(bytes / 1_000_000).unwrap_or(u32::MAX)) / seconds;
        figure(&format!("log: {name}"), &format!("{:.0} MB/s", speed(wall)), &format!("{SPEED_LIMIT} MB/s"));
        figure(
            &format!("log: {name}, by processor time"),
            &format!("{:.0} MB/s", speed(processor)),
            &format!("{SPEED_LIMIT} MB/s"),
        );
    }
    figure("log: peak of resident memory", &status("VmHWM:")?, &format!("{MEMORY_LIMIT} MB"));
    Ok(())
}

/// Prints a name, a measured value with its unit, and the limit, as `scripts/bench.sh` does.
fn figure(name: &str, value: &str, limit: &str) {
    println!("{name:<44} {value:>10}   limit {limit}");
}

/// Processor time of this process so far, in seconds.
fn processor_seconds() -> io::Result<f64> {
    let schedule = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = schedule.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(nanoseconds / 1e9)
}

fn status(key: &str) -> io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    let kilobytes: u64 = value.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(format!("{} MB", kilobytes / 1000))
}

/// A block, read several times.
struct Repeated<'a> {
    block: &'a [u8],
    at: usize,
    left: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            (self.at, self.left) = (0, self.left.saturating_sub(1));
        }
        if self.left == 0 {
            return Ok(0);
        }
        let length = (&self.block[self.at..]).read(buffer)?;
        self.at += length;
        Ok(length)
    }
}

/// One message: number, severity, text, detail, statement.
type Writer = fn(&mut String, u32, &str, &str, &str, &str);

/// A block of messages: of ten, four plain statements, two with parameters, one of several lines, one with a plan in JSON, one error, and
/// one that is about no statement.
fn block(write: Writer) -> String {
    let mut block = String::new();
    for number in 0..MESSAGES {
        let took = format!("{}.{:03} ms", number % 97, number % 1000);
        let customer = number.wrapping_mul(2_654_435_761) % 1_000_000;
        let orders = "SELECT o.id, o.total, o.created_at, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.customer_id =";
        let mut log = |text: &str, detail: &str| write(&mut block, number, "LOG", text, detail, "");
        match number % 10 {
            0..=3 => log(
                &format!(
                    "duration: {took}  statement: {orders} {customer} AND o.status = 'open' ORDER BY o.created_at DESC LIMIT 20"
                ),
                "",
            ),
            4 | 5 => log(
                &format!("duration: {took}  execute <unnamed>: {orders} $1 AND o.status = $2"),
                &format!("parameters: $1 = '{customer}', $2 = 'it''s open'"),
            ),
            6 => log(
                &format!(
                    "duration: {took}  statement: UPDATE \"orders\"\n   SET status = 'paid',\n       paid_at = now()\n WHERE id = {customer}\n   AND status <> 'paid'"
                ),
                "",
            ),
            7 => log(
                &format!(
                    "duration: {took}  plan:\n{{\n  \"Query Text\": \"{orders} {customer}\",\n  \"Plan\": {{\n    \"Node Type\": \"Index Scan\",\n    \"Index Name\": \"orders_customer_id\",\n    \"Startup Cost\": 0.29,\n    \"Total Cost\": 8.31,\n    \"Plan Rows\": 1\n  }}\n}}"
                ),
                "",
            ),
            8 => write(
                &mut block,
                number,
                "ERROR",
                "duplicate key value violates unique constraint \"orders_pkey\"",
                &format!("Key (id)=({customer}) already exists."),
                &format!("INSERT INTO orders (id) VALUES ({customer})"),
            ),
            _ => log("connection authorized: user=shop database=shop application_name=web", ""),
        }
    }
    block
}

fn stderr(block: &mut String, number: u32, severity: &str, text: &str, detail: &str, statement: &str) {
    for (word, text) in [(severity, text), ("DETAIL", detail), ("STATEMENT", statement)] {
        if !text.is_empty() {
            let (seconds, process) = (number / 1000 % 60, 4000 + number % 64);
            let text = text.replace('\n', "\n\t");
            let _ =
                writeln!(block, "2026-11-27 10:00:{seconds:02}.{:03} UTC [{process}] shop@shop {word}:  {text}", number % 1000);
        }
    }
}

fn csv(block: &mut String, number: u32, severity: &str, text: &str, detail: &str, statement: &str) {
    let quoted = |text: &str| if text.is_empty() { String::new() } else { format!("\"{}\"", text.replace('"', "\"\"")) };
    let (seconds, process) = (number / 1000 % 60, 4000 + number % 64);
    let [text, detail, statement] = [text, detail, statement].map(quoted);
    let _ = writeln!(
        block,
        "2026-11-27 10:00:{seconds:02}.{:03} UTC,\"shop\",\"shop\",{process},\"10.0.0.7:51234\",6a1f00.{process:x},{number},\"SELECT\",2026-11-27 09:00:00 UTC,3/{number},0,{severity},00000,{text},{detail},,,,,{statement},,,\"web\",\"client backend\",,-4711",
        number % 1000
    );
}

fn json(block: &mut String, number: u32, severity: &str, text: &str, detail: &str, statement: &str) {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let (seconds, process) = (number / 1000 % 60, 4000 + number % 64);
    let [text, detail, statement] = [text, detail, statement].map(escaped);
    let _ = writeln!(
        block,
        "{{\"timestamp\":\"2026-11-27 10:00:{seconds:02}.{:03} UTC\",\"user\":\"shop\",\"dbname\":\"shop\",\"pid\":{process},\"remote_host\":\"10.0.0.7\",\"remote_port\":51234,\"session_id\":\"6a1f00.{process:x}\",\"line_num\":{number},\"ps\":\"SELECT\",\"session_start\":\"2026-11-27 09:00:00 UTC\",\"vxid\":\"3/{number}\",\"txid\":0,\"error_severity\":\"{severity}\",\"state_code\":\"00000\",\"message\":\"{text}\",\"detail\":\"{detail}\",\"statement\":\"{statement}\",\"application_name\":\"web\",\"backend_type\":\"client backend\",\"query_id\":-4711}}",
        number % 1000
    );
}
