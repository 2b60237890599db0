// SPDX-License-Identifier: MIT
//! The batch task: the only reader of the transactions, and what it says of them.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::sync::mpsc;

use crate::events::Events;

const BATCH_MAX: usize = 1024;

pub struct Transaction {
    pub body: Bytes,
    pub arrived: Instant,
}

/// A tick begins `tick` after its first transaction arrived; ends when nobody can submit any more.
pub async fn run(mut queue: mpsc::Receiver<Transaction>, tick: Duration, events: Events) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Some(first) = queue.recv().await {
        if !tick.is_zero() {
            tokio::time::sleep_until((first.arrived + tick).into()).await;
        }
        batch.push(first);
        while batch.len() < BATCH_MAX {
            match queue.try_recv() {
                Ok(transaction) => batch.push(transaction),
                Err(_) => break,
            }
        }
        let taken = batch.len();
        let applied = batch.drain(..).filter(apply).count();
        let _ = events.send(format!("batch applied {applied}/{taken} txs").into()); // an error: nobody listens
    }
}

/// What a host would do with a transaction. Here every one is good.
fn apply(transaction: &Transaction) -> bool {
    transaction.body.len() <= crate::BODY_MAX
}
