use crate::in_task;
use std::time::Instant;
use tokio::sync::mpsc;
use weft_peers::{expect_equal, report_each, Run};

async fn round(count: usize) {
    let (there, mut from_there) = mpsc::channel(1);
    let (back, mut from_back) = mpsc::channel(1);
    let echo = tokio::spawn(async move {
        for _ in 0..count {
            let ball: usize = from_there.recv().await.unwrap();
            back.send(ball + 1).await.unwrap();
        }
    });
    let mut ball = 0;
    for _ in 0..count {
        there.send(ball).await.unwrap();
        ball = from_back.recv().await.unwrap();
    }
    echo.await.unwrap();
    expect_equal(ball, count, "the number of trips");
}

pub fn run(run: &Run) {
    let trips = run.size("trips");
    in_task(run, async move {
        round(1 + trips / 10).await;
        let start = Instant::now();
        round(trips).await;
        report_each(trips, start);
    });
}
