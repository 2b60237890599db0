// SPDX-License-Identifier: MIT
//! The events and who hears them: a task for each WebSocket, which ends with it.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::SinkExt;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use crate::Shared;

/// A clone of a message is a count, not a copy.
pub type Events = broadcast::Sender<Utf8Bytes>;

/// Events of `capacity`, which tokio rounds up to a power of two.
pub fn channel(capacity: usize) -> Events {
    broadcast::channel(capacity).0
}

/// What tungstenite's docs advise for many connections that say little. Its default is 128 KiB, and tungstenite 0.29 fills all of it with zeros
/// before each attempt to read, of which there is one a wake-up here.
const READ_BUFFER: usize = 4 * 1024;

pub async fn upgrade(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    // Subscribed before the client reads its 101: what is published from then on is for it too.
    let receiver = shared.events.subscribe();
    let feed = shared.feed;
    upgrade
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| listen(socket, receiver, feed))
}

async fn listen(mut socket: WebSocket, mut events: broadcast::Receiver<Utf8Bytes>, feed: bool) {
    loop {
        tokio::select! {
            event = events.recv() => {
                let message = match event {
                    Ok(text) => Message::Text(text),
                    Err(RecvError::Lagged(missed)) => lagged(missed),
                    Err(RecvError::Closed) => return,
                };
                let sent = if feed { send_all(&mut socket, message, &mut events).await } else { socket.send(message).await };
                if sent.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(_)) => {} // pings are answered by tungstenite
                Some(Err(_)) | None => return,
            },
        }
    }
}

fn lagged(missed: u64) -> Message {
    Message::text(format!("lagged {missed}"))
}

/// Hands over `first` and what else is there by now, then flushes once.
async fn send_all(
    socket: &mut WebSocket,
    first: Message,
    events: &mut broadcast::Receiver<Utf8Bytes>,
) -> Result<(), axum::Error> {
    socket.feed(first).await?;
    loop {
        match events.try_recv() {
            Ok(text) => socket.feed(Message::Text(text)).await?,
            Err(TryRecvError::Lagged(missed)) => socket.feed(lagged(missed)).await?,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return socket.flush().await,
        }
    }
}
