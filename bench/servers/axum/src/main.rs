// SPDX-License-Identifier: MIT
//! A peer of the benchmark (bench/README.md): axum 0.8 on tokio 1, as its users write a server of this kind.
//!
//! Events: one `tokio::sync::broadcast` of 1,024, a receiver and a task for each WebSocket; a receiver that falls behind learns how many
//! it missed. Transactions: one `tokio::sync::mpsc` of 65,536, whose only reader is the batch task. A message is one buffer that all
//! tasks share (`Utf8Bytes`). What axum, hyper and tungstenite set by default stays as it is, but for TCP_NODELAY and the read buffer
//! (src/events.rs), without which the peer would be slower and far bigger than it need be.
//!
//!     bench-axum [--threads N] [--feed]
//!
//! `--threads`: a runtime of N worker threads; without it everything runs on the one thread that called main (`current_thread`), which is
//! the fastest that tokio has for one core. `--feed`: a task hands over all that waits for it before it flushes, so that many messages
//! make one write; few users write this (axum's examples `send` one at a time), but it is the better of the two where events come in
//! bursts.

mod batch;
mod commands;
mod events;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use batch::Transaction;
use events::Events;

const BODY_MAX: usize = 64 * 1024;
const QUEUE: usize = 65_536;

pub struct Shared {
    pub events: Events,
    pub feed: bool,
    transactions: mpsc::Sender<Transaction>,
    last_id: AtomicU64,
}

#[derive(Serialize)]
struct Accepted {
    id: String,
    status: &'static str,
    durability: &'static str,
}

async fn submit(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let transaction = Transaction {
        body,
        arrived: Instant::now(),
    };
    if shared.transactions.try_send(transaction).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let id = shared.last_id.fetch_add(1, Ordering::Relaxed) + 1;
    (
        StatusCode::ACCEPTED,
        Json(Accepted {
            id: id.to_string(),
            status: "pending",
            durability: "memory",
        }),
    )
        .into_response()
}

/// A whole number of the environment, or what holds without it.
fn setting(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is {value:?}; a whole number is wanted")),
        Err(_) => otherwise,
    }
}

async fn serve(feed: bool) -> std::io::Result<()> {
    let (transactions, queue) = mpsc::channel(QUEUE);
    let events = events::channel(setting("MEMPOOL_BENCH_RING", 1024) as usize);
    let tick = Duration::from_millis(setting("MEMPOOL_BENCH_TICK_MS", 10));
    tokio::spawn(batch::run(queue, tick, events.clone()));

    let shared = Arc::new(Shared {
        events: events.clone(),
        feed,
        transactions,
        last_id: AtomicU64::new(0),
    });
    let app = Router::new()
        .route("/ws/mempool", any(events::upgrade))
        .route("/tx", post(submit).layer(DefaultBodyLimit::max(BODY_MAX)))
        .with_state(shared);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening {}", listener.local_addr()?.port());
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true); // it may be gone already
    });
    tokio::spawn(async { axum::serve(listener, app).await });
    commands::obey(events).await
}

fn main() -> std::io::Result<()> {
    let mut threads = 0;
    let mut feed = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--feed" => feed = true,
            "--threads" => {
                threads = arguments
                    .next()
                    .and_then(|n| n.parse().ok())
                    .expect("--threads wants a number")
            }
            "--deflate" => {
                println!("unsupported"); // by tungstenite
                return Ok(());
            }
            _ => panic!("{argument:?} is unknown; there are --threads N and --feed"),
        }
    }
    let mut runtime = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 0 {
        runtime.worker_threads(threads);
    }
    runtime.enable_all().build()?.block_on(serve(feed))
}
