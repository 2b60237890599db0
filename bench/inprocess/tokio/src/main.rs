// SPDX-License-Identifier: MIT
//! The same figures for tokio's channels: mpsc (one receiving task that drains by recv_many) beside submit.cpp, broadcast beside
//! broadcast.cpp. CPU time of the producer's thread, kernel included, for each message accepted; who finds the channel full sleeps
//! 100 us and tries again, as there. Everything received is counted and added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

const CAPACITY: usize = 65536;
const BATCH: usize = 1024;
const BURST: u64 = 512;

fn thread_cpu_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec of ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn print(figure: &str, params: &str, value: f64, checked: u64) {
    println!("{{\"figure\": \"{figure}\", \"unit\": \"ns\", \"params\": {{{params}}}, \"value\": {value:.2}, \"checked\": {checked}}}");
}

/// What is sent: its number, bare, or four times as 32 bytes of its own memory (submit.cpp's transaction, which is copied as well).
trait Message: Send + 'static {
    const NAME: &'static str;
    fn new(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Message for u64 {
    const NAME: &'static str = "u64";
    fn new(number: u64) -> Self {
        number
    }
    fn number(&self) -> u64 {
        *self
    }
}

impl Message for Vec<u8> {
    const NAME: &'static str = "32 bytes";
    fn new(number: u64) -> Self {
        let words = [number.to_ne_bytes(); 4];
        words.as_flattened().to_vec()
    }
    fn number(&self) -> u64 {
        let word = |at: usize| u64::from_ne_bytes(self[8 * at..8 * at + 8].try_into().unwrap());
        assert!(word(0) == word(1) && word(0) == word(3), "torn");
        word(0)
    }
}

/// Sends first..first+count, each until it is taken; nanoseconds of this thread.
fn send<M: Message>(sender: &mpsc::Sender<M>, first: u64, count: u64) -> u64 {
    let began = thread_cpu_ns();
    for number in first..first + count {
        let mut message = M::new(number);
        while let Err(error) = sender.try_send(message) {
            let mpsc::error::TrySendError::Full(back) = error else { panic!("closed") };
            message = back;
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    thread_cpu_ns() - began
}

fn alone<M: Message>(rounds: u64) {
    const FILLED: u64 = 60_000;
    let (sender, mut receiver) = mpsc::channel::<M>(CAPACITY);
    let (mut spent, mut sum, mut sent) = (0, 0, 0);
    for round in 0..=rounds {
        let took = send(&sender, sent + 1, FILLED);
        sent += FILLED;
        if round > 0 {
            spent += took; // the first round only warms up
        }
        while let Ok(message) = receiver.try_recv() {
            sum += message.number();
        }
    }
    assert_eq!(sum, sent * (sent + 1) / 2);
    print("tokio_try_send_alone", &format!("\"message\": \"{}\", \"producers\": 1", M::NAME), spent as f64 / (rounds * FILLED) as f64, sent);
}

fn draining<M: Message>(runtime: &tokio::runtime::Runtime, producers: u64, count: u64) {
    let (sender, mut receiver) = mpsc::channel::<M>(CAPACITY);
    let task = runtime.spawn(async move {
        let (mut received, mut sum) = (0u64, 0u64);
        let mut batch = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut batch, BATCH).await > 0 {
            for message in batch.drain(..) {
                received += 1;
                sum += message.number();
            }
        }
        (received, sum)
    });
    let spent = Arc::new(AtomicU64::new(0));
    let barrier = Arc::new(Barrier::new(producers as usize));
    let threads: Vec<_> = (0..producers)
        .map(|producer| {
            let (sender, spent, barrier) = (sender.clone(), spent.clone(), barrier.clone());
            std::thread::spawn(move || {
                barrier.wait();
                let took = send(&sender, 1 + producer * count, count);
                spent.fetch_add(took, Ordering::Relaxed);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(sender);
    let (received, sum) = runtime.block_on(task).unwrap();
    let all = producers * count;
    assert_eq!((received, sum), (all, all * (all + 1) / 2));
    let params = format!("\"message\": \"{}\", \"producers\": {producers}", M::NAME);
    print("tokio_try_send_draining", &params, spent.load(Ordering::Relaxed) as f64 / all as f64, received);
}

/// made: an Arc<[u8]> of 64 bytes for each send; else one that exists is cloned.
fn broadcast(receivers: u64, made: bool, events: u64) {
    let (sender, first) = broadcast::channel::<Arc<[u8]>>(1024);
    let mut all = vec![first];
    all.extend((1..receivers).map(|_| sender.subscribe()));
    let same: Arc<[u8]> = Arc::from([b'e'; 64].as_slice());
    let (mut send_ns, mut receive_ns, mut heard, mut done) = (0, 0, 0u64, 0);
    while done < events + 1024 {
        let began = thread_cpu_ns();
        for _ in 0..BURST {
            let event = if made { Arc::from([b'e'; 64].as_slice()) } else { same.clone() };
            sender.send(event).unwrap();
        }
        let sent = thread_cpu_ns();
        for receiver in &mut all {
            for _ in 0..BURST {
                let event = receiver.try_recv().unwrap();
                assert!(event.len() == 64 && (made || Arc::ptr_eq(&event, &same)));
                heard += 1;
            }
        }
        let received = thread_cpu_ns();
        if done >= 1024 {
            send_ns += sent - began;
            receive_ns += received - sent;
        }
        done += BURST;
    }
    let params = format!("\"receivers\": {receivers}, \"event\": \"{}\"", if made { "made" } else { "same" });
    print("tokio_broadcast_send", &params, send_ns as f64 / events as f64, done);
    print("tokio_broadcast_receive", &params, receive_ns as f64 / (events * receivers) as f64, heard);
}

/// A bare number instead of shared bytes: the channel's own cost, with nothing to count references of.
fn broadcast_bare(receivers: u64, events: u64) {
    let (sender, first) = broadcast::channel::<u64>(1024);
    let mut all = vec![first];
    all.extend((1..receivers).map(|_| sender.subscribe()));
    let (mut send_ns, mut receive_ns, mut heard, mut done) = (0, 0, 0u64, 0);
    while done < events + 1024 {
        let began = thread_cpu_ns();
        for number in done..done + BURST {
            sender.send(number).unwrap();
        }
        let sent = thread_cpu_ns();
        for receiver in &mut all {
            for number in done..done + BURST {
                assert_eq!(receiver.try_recv().unwrap(), number);
                heard += 1;
            }
        }
        let received = thread_cpu_ns();
        if done >= 1024 {
            send_ns += sent - began;
            receive_ns += received - sent;
        }
        done += BURST;
    }
    let params = format!("\"receivers\": {receivers}, \"event\": \"u64\"");
    print("tokio_broadcast_send", &params, send_ns as f64 / events as f64, done);
    print("tokio_broadcast_receive", &params, receive_ns as f64 / (events * receivers) as f64, heard);
}

fn main() {
    let small = std::env::args().nth(1).is_some_and(|word| word == "--small");
    let share = |whole: u64| if small { whole / 100 } else { whole };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    alone::<Vec<u8>>(share(100));
    alone::<u64>(share(100));
    for producers in [1, 4] {
        draining::<Vec<u8>>(&runtime, producers, share(4_000_000) / producers);
        draining::<u64>(&runtime, producers, share(4_000_000) / producers);
    }
    for made in [true, false] {
        for receivers in [1, 16] {
            broadcast(receivers, made, share(12_800_000 / (receivers + 3)) / BURST * BURST);
        }
    }
    for receivers in [1, 16] {
        broadcast_bare(receivers, share(12_800_000 / (receivers + 3)) / BURST * BURST);
    }
}
