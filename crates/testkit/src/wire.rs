//! A wire between a client and a server that a test can cut, silence, or lead somewhere else.
//!
//! A network that fails says nothing: packets stop, and neither side is told. Killing a process is not that, since the kernel then
//! tells the other side. So the test's own relay stands between them, and stops relaying.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a silenced relay sleeps before it looks whether it may speak again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A relay from a port of its own to a server on loopback; ends with the test.
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: AtomicU16,
    /// Nothing passes, and nobody is told.
    is_silent: AtomicBool,
    is_over: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// Relays connections to 127.0.0.1:`target`.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            target: AtomicU16::new(target),
            is_silent: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            connections: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.is_over.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    connect(client, &accepting);
                }
            }
        });
        Self { port, shared }
    }

    /// `url`, through the wire. The port of a lab's URL is the only number of its kind in it.
    pub fn url(&self, url: &str, port_of_server: u16) -> String {
        url.replace(&format!(":{port_of_server}/"), &format!(":{}/", self.port))
    }

    /// Lets nothing pass any more, on old connections and on new ones, and tells nobody.
    pub fn silence(&self) {
        self.shared.is_silent.store(true, Ordering::Relaxed);
    }

    /// Lets everything pass again, what was held back first.
    pub fn speak(&self) {
        self.shared.is_silent.store(false, Ordering::Relaxed);
    }

    /// Ends all connections; both sides are told.
    pub fn cut(&self) {
        for connection in self.shared.connections.lock().expect("no relay panics").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Leads new connections to another server and ends the old ones, as an address that moves with a failover does.
    pub fn lead_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::Relaxed);
        self.cut();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.speak();
        self.cut();
        // Wakes the thread that accepts, so that it can end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn connect(client: TcpStream, shared: &Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.target.load(Ordering::Relaxed))) else { return };
    let ends = (client.try_clone(), server.try_clone());
    let (Ok(from_client), Ok(from_server)) = ends else { return };
    let mut connections = shared.connections.lock().expect("no relay panics");
    connections.extend(client.try_clone());
    connections.extend(server.try_clone());
    drop(connections);
    relay(from_client, server, Arc::clone(shared));
    relay(from_server, client, Arc::clone(shared));
}

fn relay(mut from: TcpStream, mut to: TcpStream, shared: Arc<Shared>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer);
            // The end of one side is news as well: on a silent wire it does not arrive.
            while shared.is_silent.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_EVERY);
            }
            match read {
                Ok(bytes) if bytes > 0 && to.write_all(&buffer[..bytes]).is_ok() => {}
                _ => break,
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut buffer = [0; 64];
                    while let Ok(bytes) = client.read(&mut buffer)
                        && bytes > 0
                    {
                        client.write_all(&buffer[..bytes]).expect("the client listens");
                    }
                });
            }
        });
        port
    }

    fn said(stream: &mut TcpStream, word: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(word)?;
        let mut buffer = vec![0; word.len()];
        stream.read_exact(&mut buffer)?;
        Ok(buffer)
    }

    #[test]
    fn a_silent_wire_tells_nobody_and_a_cut_one_tells_both() {
        let wire = Wire::to(echo());
        let mut client = TcpStream::connect(("127.0.0.1", wire.port)).expect("it listens");
        assert_eq!(said(&mut client, b"one").expect("it passes"), b"one");
        wire.silence();
        client.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        assert_eq!(said(&mut client, b"two").expect_err("nothing comes").kind(), std::io::ErrorKind::WouldBlock);
        wire.speak();
        client.set_read_timeout(None).expect("no timeout");
        let mut late = [0; 3];
        client.read_exact(&mut late).expect("what was held back comes");
        assert_eq!(&late, b"two");
        wire.cut();
        assert!(said(&mut client, b"three").is_err());
        let mut again = TcpStream::connect(("127.0.0.1", wire.port)).expect("it listens");
        assert_eq!(said(&mut again, b"four").expect("new connections pass"), b"four");
    }

    #[test]
    fn a_url_keeps_everything_but_its_port() {
        let wire = Wire::to(1);
        let url = wire.url("postgres://postgres:543254321@127.0.0.1:5432/shop", 5432);
        assert_eq!(url, format!("postgres://postgres:543254321@127.0.0.1:{}/shop", wire.port));
    }
}
