use crate::in_task;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weft_peers::{fail, keep_busy, percentile, report, Run};

const MESSAGE_BYTES: usize = 64;

async fn answer(mut connection: TcpStream, busy: Duration) {
    let mut message = [0; MESSAGE_BYTES];
    connection.set_nodelay(true).unwrap();
    while connection.read_exact(&mut message).await.is_ok() {
        if message[0] == b'l' {
            keep_busy(busy);
        }
        if connection.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Sends `requests` of a kind, each when the one before was answered; returns how long each took, in us.
async fn ask(server: SocketAddr, kind: u8, requests: usize) -> Vec<f64> {
    let mut connection = TcpStream::connect(server).await.unwrap();
    connection.set_nodelay(true).unwrap();
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let mut message = [kind; MESSAGE_BYTES];
        let start = Instant::now();
        connection.write_all(&message).await.unwrap();
        message[0] = 0;
        connection.read_exact(&mut message).await.unwrap();
        if message[0] != kind {
            fail("an answer is wrong");
        }
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times
}

/// Asks on all connections at once; returns how long the short requests took.
async fn ask_all(run: &Run, server: SocketAddr) -> Vec<f64> {
    let (mut short, mut long) = (vec![], vec![]);
    for i in 0..run.size("connections") {
        short.push(tokio::spawn(ask(server, b's', run.size("requests"))));
        if i < run.size("busy_connections") {
            long.push(tokio::spawn(ask(server, b'l', run.size("busy_requests"))));
        }
    }
    let mut times = vec![];
    for task in short {
        times.extend(task.await.unwrap());
    }
    for task in long {
        task.await.unwrap();
    }
    times
}

pub fn run(run: &Run) {
    let busy = Duration::from_micros(run.size("busy_us") as u64);
    let own = run.clone();
    in_task(run, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, busy));
            }
        });
        ask_all(&own, server).await;
        let start = Instant::now();
        let mut times = ask_all(&own, server).await;
        let time = start.elapsed().as_secs_f64() * 1e6;
        report("time", time / times.len() as f64, "us");
        report("p99", percentile(&mut times, 0.99), "us");
    });
}
