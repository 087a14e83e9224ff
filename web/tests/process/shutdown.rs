//! How the server ends.

use super::child::{PATIENCE, now, wait_for};
use super::server::{Server, Simulator, quadruple_tank};
use awc::ws::{CloseCode, Frame, Message};
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::time::Duration;

/// An open socket with a subscription to all tags; answers the code it was closed with.
async fn watch(address: SocketAddr, subscribed: tokio::sync::mpsc::Sender<()>) -> Option<CloseCode> {
    let request = awc::Client::new().ws(format!("http://{address}/api/v1/ws")).protocols(["flyball.v1"]);
    let (_, mut socket) = request.max_frame_size(10_000_000).connect().await.unwrap();
    let subscribe = r#"{"id":2,"type":"subscribe","topic":"tags","select":{},"max_hz":10}"#;
    socket.send(Message::Text(subscribe.into())).await.unwrap();
    while let Some(frame) = socket.next().await {
        match frame.unwrap() {
            Frame::Text(text) if text.windows(10).any(|part| part == br#""snapshot""#) => {
                subscribed.send(()).await.unwrap();
            }
            Frame::Close(reason) => return reason.map(|reason| reason.code),
            _ => {}
        }
    }
    None
}

#[actix_web::test]
async fn sigterm_with_two_open_websockets_ends_clean_in_under_3_s() {
    let folder = tempfile::tempdir().unwrap();
    let device = Simulator::start(folder.path(), "127.0.0.1:0");
    let server = Server::start(folder.path(), &quadruple_tank(&device.endpoint));
    wait_for("connected link", PATIENCE, || (server.link("quadtank")["state"] == "connected").then_some(()));
    let (sender, mut subscribed) = tokio::sync::mpsc::channel(2);
    let sockets = [0, 1].map(|_| actix_rt::spawn(watch(server.address, sender.clone())));
    for _ in 0..2 {
        tokio::time::timeout(PATIENCE, subscribed.recv()).await.unwrap().unwrap();
    }

    let asked = now();
    server.process.terminate();
    for socket in sockets {
        let code = tokio::time::timeout(Duration::from_secs(3), socket).await.expect("a close frame").unwrap();
        assert_eq!(code, Some(CloseCode::Away), "1001: the server goes away");
    }
    let (code, lines) = server.process.ended(Duration::from_secs(3).saturating_sub(asked.elapsed()));
    println!("ended {:?} after SIGTERM", asked.elapsed());
    assert_eq!(code, 0, "{lines:#?}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("flyball stopped: clean in "), "{lines:#?}");
}

#[test]
fn a_server_without_anybody_connected_ends_clean_and_starts_again_on_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let plant = "[[tag]]\nname = \"valve\"\ndata_type = \"boolean\"\ninitial = false\nwritable = true\n";
    let first = Server::start(folder.path(), plant);
    let (id, epoch) = (first.tag("valve")["id"].clone(), first.health()["epoch"].clone());
    first.stop();
    let second = Server::start(folder.path(), plant);
    assert_eq!(second.tag("valve")["id"], id, "a tag keeps its identity");
    assert_ne!(second.health()["epoch"], epoch, "each run has an identity of its own");
    second.stop();
}
