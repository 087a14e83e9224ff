//! A blocking client: one request per connection, JSON both ways.

use super::child::PATIENCE;
use serde_json::Value as Json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// Sends a request; status and body of the answer.
///
/// # Errors
/// Where nobody answers.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Json)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer ends where the connection does.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..head_end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let json = serde_json::from_slice(&answer[head_end + 4..]).map_err(|_| cut())?;
    Ok((status, json))
}
