use crate::in_task;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weft_peers::{expect_equal, fail, percentile, report, Run};

const MESSAGE_BYTES: usize = 64;

async fn answer(mut connection: TcpStream) {
    let mut message = [0; MESSAGE_BYTES];
    connection.set_nodelay(true).unwrap();
    while connection.read_exact(&mut message).await.is_ok() {
        if connection.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Sends `requests`, each when the one before was answered; returns how long each took, in us.
async fn ask(server: SocketAddr, requests: usize) -> Vec<f64> {
    let mut connection = TcpStream::connect(server).await.unwrap();
    connection.set_nodelay(true).unwrap();
    let mut times = Vec::with_capacity(requests);
    for i in 0..requests {
        let mut message = [0; MESSAGE_BYTES];
        message[MESSAGE_BYTES - 1] = (i % 100) as u8;
        let start = Instant::now();
        connection.write_all(&message).await.unwrap();
        connection.read_exact(&mut message).await.unwrap();
        if message[MESSAGE_BYTES - 1] != (i % 100) as u8 {
            fail("an answer is wrong");
        }
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times
}

/// Asks on all connections at once; returns how long the requests took.
async fn round(run: &Run, server: SocketAddr, requests: usize) -> Vec<f64> {
    let tasks: Vec<_> = (0..run.size("connections")).map(|_| tokio::spawn(ask(server, requests))).collect();
    let mut times = vec![];
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times
}

pub fn run(run: &Run) {
    let own = run.clone();
    in_task(run, async move {
        let requests = own.size("requests");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection));
            }
        });
        round(&own, server, 1 + requests / 10).await;
        let start = Instant::now();
        let mut times = round(&own, server, requests).await;
        let time = start.elapsed().as_secs_f64() * 1e6;
        expect_equal(times.len(), own.size("connections") * requests, "the number of answers");
        report("time", time / times.len() as f64, "us");
        report("p99", percentile(&mut times, 0.99), "us");
    });
}
