//! What stands between a client and a server in these tests: something that plays a pooler.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// A server session and what it said after the password was accepted, for the clients that share it.
type Shared = Arc<Mutex<Option<(TcpStream, Vec<u8>)>>>;

/// How the stand-in behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Passes everything on.
    None,
    /// Announces a process number of its own, as PgBouncer does.
    AnnouncesItself,
    /// Serves every client from one server session, a transaction at a time, as PgBouncer does with a pool of one.
    SharesOneSession,
    /// The same, but announces that session's own process number.
    SharesOneSessionUnseen,
    /// Refuses startup options, as PgBouncer does.
    RefusesOptions,
    /// Answers "starting up" instead of connecting.
    StartingUp,
    /// Takes connections and never says a word.
    Silent,
}

/// Listens on a free port and passes connections on to `server`; returns the port. Ends with the test's runtime.
pub async fn pooler(server: (String, u16), trick: Trick) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let shared = Shared::default();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, shared) = (server.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let _ = serve(client, server, trick, shared).await;
            });
        }
    });
    port
}

async fn serve(mut client: TcpStream, server: (String, u16), trick: Trick, shared: Shared) -> std::io::Result<()> {
    if trick == Trick::Silent {
        let mut nothing = Vec::new();
        client.read_to_end(&mut nothing).await?;
        return Ok(());
    }
    let mut startup = packet(&mut client).await?;
    if startup[4..8] == 80_877_103_u32.to_be_bytes() {
        client.write_all(b"N").await?;
        startup = packet(&mut client).await?;
    }
    if trick == Trick::StartingUp {
        return refuse(&mut client, "57P03", "the database system is starting up").await;
    }
    let names_options = startup.windows(9).any(|bytes| bytes == b"\0options\0");
    if trick == Trick::RefusesOptions && names_options {
        return refuse(&mut client, "08P01", "unsupported startup parameter: options").await;
    }
    let change = u8::from(trick != Trick::SharesOneSessionUnseen);
    if matches!(trick, Trick::SharesOneSession | Trick::SharesOneSessionUnseen) {
        let mut slot = shared.lock().await;
        if let Some((_, greeting)) = slot.as_ref() {
            client.write_all(greeting).await?;
        } else {
            let mut server = TcpStream::connect(server).await?;
            server.write_all(&startup).await?;
            let greeting = introduce(&mut client, &mut server, change).await?;
            *slot = Some((server, greeting));
        }
        drop(slot);
        return share(&mut client, &shared).await;
    }
    let mut server = TcpStream::connect(server).await?;
    server.write_all(&startup).await?;
    if trick == Trick::AnnouncesItself {
        introduce(&mut client, &mut server, change).await?;
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Passes messages on one by one until the server is ready for the first query, with the announced process number changed by
/// `change`; returns what the server said from the acceptance on.
async fn introduce(client: &mut TcpStream, server: &mut TcpStream, change: u8) -> std::io::Result<Vec<u8>> {
    let mut greeting = Vec::new();
    loop {
        let kind = server.read_u8().await?;
        let mut message = packet(server).await?;
        if kind == b'K' {
            message[7] ^= change;
        }
        client.write_u8(kind).await?;
        client.write_all(&message).await?;
        let is_accepted = kind == b'R' && message[4..8] == [0, 0, 0, 0];
        if is_accepted || !greeting.is_empty() {
            greeting.push(kind);
            greeting.extend(&message);
        }
        // 12 is the last word of SCRAM, which no answer follows.
        if kind == b'R' && !matches!(message[4..8], [0, 0, 0, 0 | 12]) {
            server.write_u8(client.read_u8().await?).await?;
            server.write_all(&packet(client).await?).await?;
        }
        if kind == b'Z' {
            return Ok(greeting);
        }
    }
}

/// Each request is answered to the end before the next; the server session is kept from the first statement of a transaction to its last.
async fn share(client: &mut TcpStream, shared: &Shared) -> std::io::Result<()> {
    loop {
        let mut kind = client.read_u8().await?;
        let mut slot = shared.lock().await;
        let (server, _) = slot.as_mut().expect("filled before");
        let mut status = b'I';
        loop {
            let message = packet(client).await?;
            if kind == b'X' {
                if status != b'I' {
                    server.write_all(b"Q\0\0\0\x0dROLLBACK\0").await?;
                    while server.read_u8().await? != b'Z' {
                        packet(server).await?;
                    }
                    packet(server).await?;
                }
                return Ok(());
            }
            server.write_u8(kind).await?;
            server.write_all(&message).await?;
            if !matches!(kind, b'Q' | b'S') {
                // Parse, bind, execute …: answered at the Sync that ends them.
                kind = client.read_u8().await?;
                continue;
            }
            loop {
                let kind = server.read_u8().await?;
                let answer = packet(server).await?;
                client.write_u8(kind).await?;
                client.write_all(&answer).await?;
                if kind == b'Z' {
                    status = answer[4];
                    break;
                }
            }
            if status == b'I' {
                break;
            }
            kind = client.read_u8().await?;
        }
    }
}

/// A length, which counts itself, and what follows.
async fn packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut packet = length.to_be_bytes().to_vec();
    packet.resize(length.try_into().expect("a small packet"), 0);
    stream.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

async fn refuse(client: &mut TcpStream, sqlstate: &str, message: &str) -> std::io::Result<()> {
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("short");
    client.write_u8(b'E').await?;
    client.write_u32(length).await?;
    client.write_all(fields.as_bytes()).await
}
