//! Ctrl-C: once asks for an orderly end, twice ends at once.

use tokio_util::sync::CancellationToken;

use crate::output::Printer;

/// A token that is cancelled by the first Ctrl-C (or SIGTERM). The second one ends the program with exit code 2: what is left then is in the
/// ledger, the server ends the build by itself within seconds, and the next run cleans up.
pub fn token(printer: &Printer, first: &'static str) -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let says = printer.clone();
    tokio::spawn(async move {
        if signal().await {
            says.note(&format!("\n{first}"));
            cancel.cancel();
        }
        if signal().await {
            says.note("\nended at once; the next run of pgtailor finds out what was left and cleans up");
            #[expect(clippy::exit, reason = "the second Ctrl-C means now")]
            std::process::exit(2);
        }
    });
    token
}

async fn signal() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
            received = terminate.recv() => received.is_some(),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
