//! The decision record: advice in a file, complete, to be asked later by `why` and `why-not`.
//!
//! It is the model's value in an envelope with version and kind, not the JSON of `--format json`: that one is for other programs and may
//! leave out what only the decision needs.

use pgtailor_model::advice::Advice;
use serde::{Deserialize, Serialize};

/// The `kind` in the envelope.
const KIND: &str = "advice-record";
/// The version of the envelope and of what is in it; raised when an older program would misread it.
const VERSION: u32 = 1;

/// What is wrong with a text that should be a decision record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is no JSON, or other JSON.
    #[error("this is no decision record: `pgtailor advise -o FILE` writes one")]
    Foreign,
    /// Another version wrote it.
    #[error("this decision record has version {found}, and this program reads version {VERSION}: ask for the advice again")]
    Version {
        /// The version that it has.
        found: u32,
    },
    /// It is cut off or was changed.
    #[error("this decision record is damaged: ask for the advice again")]
    Damaged(#[source] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    schema_version: u32,
    kind: &'a str,
    advice: &'a Advice,
}

#[derive(Deserialize)]
struct Envelope {
    schema_version: u32,
    kind: String,
}

#[derive(Deserialize)]
struct Content {
    advice: Advice,
}

/// `advice` as the text of a file.
pub fn write(advice: &Advice) -> String {
    let written = Written { schema_version: VERSION, kind: KIND, advice };
    let mut text = serde_json::to_string_pretty(&written).expect("a value with string keys always has a text");
    text.push('\n');
    text
}

/// The advice in the text of a file.
pub fn read(text: &str) -> Result<Advice, RecordError> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| {
        if error.is_eof() && text.contains(KIND) { RecordError::Damaged(error) } else { RecordError::Foreign }
    })?;
    if envelope.kind != KIND {
        return Err(RecordError::Foreign);
    }
    if envelope.schema_version != VERSION {
        return Err(RecordError::Version { found: envelope.schema_version });
    }
    let content: Content = serde_json::from_str(text).map_err(RecordError::Damaged)?;
    Ok(content.advice)
}
