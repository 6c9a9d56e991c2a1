use crate::in_task;
use std::time::Instant;
use tokio::sync::mpsc;
use weft_peers::{expect_equal, report_each, Run};

/// tokio's own, which has one consumer.
async fn to_one(producers: usize, capacity: usize, items: usize) -> usize {
    let (put, mut get) = mpsc::channel(capacity);
    let consumer = tokio::spawn(async move {
        let mut sum = 0;
        for _ in 0..items {
            sum += get.recv().await.unwrap();
        }
        sum
    });
    for _ in 0..producers {
        let put = put.clone();
        tokio::spawn(async move {
            for i in 0..items / producers {
                put.send(i).await.unwrap();
            }
        });
    }
    consumer.await.unwrap()
}

/// That of the crate async-channel, as tokio's users do.
async fn to_several(producers: usize, consumers: usize, capacity: usize, items: usize) -> usize {
    let (put, get) = async_channel::bounded(capacity);
    let getting: Vec<_> = (0..consumers)
        .map(|_| {
            let get = get.clone();
            tokio::spawn(async move {
                let mut sum = 0;
                for _ in 0..items / consumers {
                    sum += get.recv().await.unwrap();
                }
                sum
            })
        })
        .collect();
    for _ in 0..producers {
        let put = put.clone();
        tokio::spawn(async move {
            for i in 0..items / producers {
                put.send(i).await.unwrap();
            }
        });
    }
    let mut sum = 0;
    for task in getting {
        sum += task.await.unwrap();
    }
    sum
}

async fn round(run: &Run, items: usize) {
    let (producers, consumers) = (run.size("producers"), run.size("consumers"));
    let capacity = run.size("capacity");
    let sum = if consumers == 1 {
        to_one(producers, capacity, items).await
    } else {
        to_several(producers, consumers, capacity, items).await
    };
    let each = items / producers;
    expect_equal(sum, producers * (each * (each - 1) / 2), "the sum");
}

pub fn run(run: &Run) {
    let (items, step) = (run.size("items"), run.size("producers") * run.size("consumers"));
    let own = run.clone();
    in_task(run, async move {
        round(&own, (items / 10 / step + 1) * step).await;
        let start = Instant::now();
        round(&own, items).await;
        report_each(items, start);
    });
}
