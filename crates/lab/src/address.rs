//! Where clients find a lab's server, as a connection URL.
//!
//! Knows nothing of processes; the same for a lab that its owner holds and for one that was left.

use std::path::Path;

use crate::cluster::SUPERUSER;
use crate::options::Listen;

/// What a client needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    /// The lab's folder, where the socket is.
    pub(crate) folder: &'a Path,
    pub(crate) listen: Listen,
    pub(crate) port: u16,
    pub(crate) password: &'a str,
}

impl Address<'_> {
    /// A connection URL for `database`; with the password, where one is asked for.
    pub(crate) fn url(&self, database: &str) -> String {
        let (port, password, database) = (self.port, self.password, percent_encoded(database));
        match self.listen {
            Listen::Loopback => format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}"),
            Listen::Socket => {
                format!("postgres:///{database}?host={}&port={port}&user={SUPERUSER}", percent_encoded(&self.host()))
            }
        }
    }

    /// `127.0.0.1`, or the folder of the socket.
    pub(crate) fn host(&self) -> String {
        match self.listen {
            Listen::Loopback => "127.0.0.1".to_owned(),
            Listen::Socket => self.folder.display().to_string(),
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_a_url() {
        assert_eq!(percent_encoded("we ird/ü"), "we%20ird%2F%C3%BC");
        assert_eq!(percent_encoded("plain-name_1"), "plain-name_1");
    }
}
