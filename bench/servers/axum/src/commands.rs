// SPDX-License-Identifier: MIT
//! What the driver asks for on standard input, a command a line (bench/README.md), each after the other.

use std::io::stdin;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::events::Events;

/// Ends with standard input, which is a pipe: tokio's own `stdin` would cost a thread, and two wake-ups a command.
pub async fn obey(events: Events) -> std::io::Result<()> {
    let input = pipe::Receiver::from_owned_fd(stdin().as_fd().try_clone_to_owned()?)?;
    let mut lines = BufReader::new(input).lines();
    while let Some(line) = lines.next_line().await? {
        println!(
            "{}",
            answer(&line, &events)
                .await
                .unwrap_or("unsupported".to_owned())
        );
    }
    Ok(())
}

/// None: the line is no command.
async fn answer(line: &str, events: &Events) -> Option<String> {
    let [verb, amount, size, first] = line
        .split_whitespace()
        .collect::<Vec<_>>()
        .try_into()
        .ok()?;
    let size = size.parse().ok()?;
    let first = first.parse().ok()?;
    match verb {
        "publish" => {
            let count: u64 = amount.parse().ok()?;
            for number in first..first + count {
                let _ = events.send(event(number, size)); // an error: nobody listens
            }
            Some(format!("published {count}"))
        }
        "flood" => {
            let time = Duration::try_from_secs_f64(amount.parse().ok()?).ok()?;
            Some(format!(
                "flooded {}",
                flood(events, time, size, first).await
            ))
        }
        _ => None,
    }
}

async fn flood(events: &Events, time: Duration, size: usize, first: u64) -> u64 {
    let end = Instant::now() + time;
    let mut number = first;
    while Instant::now() < end {
        for _ in 0..16 {
            let _ = events.send(event(number, size));
            number += 1;
        }
        tokio::task::yield_now().await;
    }
    number - first
}

/// Event `number`: its number, and filler up to `size` bytes.
fn event(number: u64, size: usize) -> Utf8Bytes {
    let mut text = format!("e{number:012} ").into_bytes();
    text.resize(size, b'a' + (number % 26) as u8);
    text.try_into().expect("it is ASCII")
}
